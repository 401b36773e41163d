"""Stock aiosmtpd on uvloop, as its documentation shows it, with a handler that discards."""

import asyncio
import sys
from typing import Any

import uvloop
from aiosmtpd.smtp import SMTP


class Discard:
    """Takes every letter and forgets it."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name for it
        """The letter is wholly there."""
        return "250 OK"


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Discard(), data_size_limit=50_000_000, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
