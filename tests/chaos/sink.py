"""The relay of the chaos run: a real SMTP server in a process of its own that notes the Message-ID of each mail.

One line a mail, `message-id TAB reverse-path TAB recipient`, appended before the 250: what it answered is on file.
"""

import asyncio
import sys
from email.parser import BytesHeaderParser
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Noting:
    """Notes mails, keeps no content."""

    def __init__(self, book: Path) -> None:
        self._book = book.open("a", buffering=1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.original_content or b""
        head = BytesHeaderParser().parsebytes(content[: content.find(b"\r\n\r\n") + 4])
        for recipient in envelope.rcpt_tos:
            self._book.write(f"{head['Message-ID']}\t{envelope.mail_from}\t{recipient}\n")
        return "250 2.0.0 noted"


async def serve(port: int, book: Path) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Noting(book), hostname="sink.test", data_size_limit=100_000_000, enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        port,
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
