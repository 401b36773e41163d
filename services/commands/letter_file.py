"""A file that a person wants to send: a mail as it stands, or a PDF that gets a mail around it."""

import hashlib
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from msgspec import Struct

from contracts.values import BANGKOK
from services.commands.errors import CommandError

KINDS = (".eml", ".pdf")
LARGEST_BYTES = 100_000_000
_NEWLINE = re.compile(rb"\r|\n")


class LetterFile(Struct, frozen=True, kw_only=True):
    """One letter, ready to be handed over."""

    path: Path
    content: bytes
    """The octets of DATA: CRLF line ends, one at the end."""

    @property
    def sha256(self) -> str:
        """What the ingress will have stored, if nothing happens to it on the way."""
        return hashlib.sha256(self.content).hexdigest()


def find(paths: list[Path]) -> list[Path]:
    """The files named, and those in the folders named, in the order of their names."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in KINDS and each.is_file())
            if not inside:
                raise CommandError(f"{path}: has no .eml or .pdf in it", 2)
            found += inside
        elif not path.exists():
            raise CommandError(f"{path}: there is no such file", 2)
        elif path.suffix.lower() not in KINDS:
            raise CommandError(f"{path}: is neither .eml nor .pdf", 2)
        else:
            found.append(path)
    return found


def read(paths: list[Path], sender: str, to: str) -> Iterator[LetterFile]:
    """Read the files one by one."""
    for path in paths:
        try:
            if path.stat().st_size > LARGEST_BYTES:
                raise CommandError(f"{path}: is larger than any ingress takes")
            octets = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        if path.suffix.lower() == ".pdf":
            octets = _wrapped(path, octets, sender, to)
        elif not octets:
            raise CommandError(f"{path}: is empty")
        yield LetterFile(path=path, content=_lines(octets))


def _lines(octets: bytes) -> bytes:
    """With the line ends of SMTP. A file that has some is meant as it stands, bare newlines and all."""
    found = octets if b"\r\n" in octets else _NEWLINE.sub(b"\r\n", octets)
    return found if found.endswith(b"\r\n") else found + b"\r\n"


def _wrapped(path: Path, pdf: bytes, sender: str, to: str) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender)
    mail["To"] = _address(to)
    mail["Date"] = format_datetime(datetime.now(BANGKOK))
    mail["Message-ID"] = f"<{uuid.uuid4()}@{sender.rpartition('@')[2]}>"
    mail["Subject"] = path.stem
    mail.set_content("เรียน ผู้รับ\n\nขอนำส่งหนังสือตามไฟล์ที่แนบ\n")
    mail.add_attachment(pdf, maintype="application", subtype="pdf", filename=path.name)
    return mail.as_bytes()


def _address(text: str) -> Address:
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise CommandError(f"{text!r} is no mail address", 2)
    return Address(username=local, domain=domain)
