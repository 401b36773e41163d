"""Handing letters over by SMTP, octet for octet, as any mail server would."""

import re
import smtplib
from collections.abc import Sequence

from services.commands.errors import CommandError

SECONDS = 600.0
"""RFC 5321 section 4.5.3.2.6: a client waits ten minutes for the answer to a letter's end."""
_DOT = re.compile(rb"(^|\r\n)\.")


class RefusedError(Exception):
    """The ingress does not take this letter; the text is its reply."""


class Handover:
    """One connection for many letters. Not for use by two threads at once."""

    def __init__(self, host: str, port: int) -> None:
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
        self._port = port
        self._server: smtplib.SMTP | None = None

    def give(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        """Hand over one letter and return the reply to it, which is the promise that it is kept.

        Raises RefusedError with the reply, CommandError where nobody listens.
        """
        server = self._connected()
        try:
            options = ["BODY=8BITMIME"] if server.has_extn("8bitmime") else []
            if not (sender + "".join(recipients)).isascii():
                options.append("SMTPUTF8")
                server.command_encoding = "utf-8"
            _must(server.mail(sender, [f"SIZE={len(content)}", *options]), 250)
            for recipient in recipients:
                _must(server.rcpt(recipient), 250)
            _must(server.docmd("DATA"), 354)
            # smtplib's own `data` would rewrite line ends; what is in the file is what is meant.
            server.send(_DOT.sub(rb"\1..", content) + b".\r\n")
            return _must(server.getreply(), 250)
        except RefusedError:
            self.close()
            raise
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise RefusedError(f"the connection ended: {error}") from error

    def close(self) -> None:
        """Say goodbye."""
        server, self._server = self._server, None
        if server is not None:
            try:
                server.quit()
            except (smtplib.SMTPException, OSError):
                server.close()

    def _connected(self) -> smtplib.SMTP:
        if self._server is None:
            try:
                self._server = smtplib.SMTP(self._host, self._port, timeout=SECONDS)
                self._server.ehlo_or_helo_if_needed()
            except (smtplib.SMTPException, OSError) as error:
                self._server = None
                raise CommandError(f"smtp://{self._host}:{self._port}: {error}") from error
        return self._server


def _must(answer: tuple[int, bytes], code: int) -> str:
    """The reply as text; RefusedError where it is another than the one that is wanted."""
    text = f"{answer[0]} {answer[1].decode(errors='replace')}".replace("\n", " ")
    if answer[0] != code and not (code == 250 and answer[0] == 251):
        raise RefusedError(text)
    return text
