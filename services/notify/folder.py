"""Where mails of agencies without a relay go: a folder, one `.eml` each, that a newcomer can open.

The name says what it is and of which entry, so that a repeat after a crash is the same file.
"""

import asyncio
import os
from pathlib import Path

from services.notify.relay import Accepted, Deferred, Offers, Outcome
from services.notify.relay import Compose as Compose
from services.notify.wire import Mail

PLACE = "folder"


class Folder:
    """A folder of mails."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def put(self, name: str, compose: Compose) -> Outcome:
        """Write one mail as `<name>.eml`, whole or not at all, synced."""
        try:
            await asyncio.to_thread(self._write, name, compose)
        except OSError as error:
            return Deferred(code=None, reason=f"{self.path}: {error.strerror or error}", down=True)
        return Accepted(place=PLACE)

    def _write(self, name: str, compose: Compose) -> None:
        mail = compose(Offers())
        # What is inside may be anybody's letter: for the owner's eyes.
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        final = self.path / f"{name}.eml"
        fresh = self.path / f".{name}.{os.getpid()}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_envelope(mail))
            file.write(mail.octets)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(final)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _envelope(mail: Mail) -> bytes:
    """The trace fields that final delivery writes (RFC 5321 section 4.4)."""
    return f"Return-Path: <{mail.sender}>\r\nDelivered-To: {mail.recipient}\r\n".encode()
