"""A register's office for tests: letters, their rows in a book with a signed and stamped head, receipts sealed by it.

Everything is made by the code that makes it in the running system: what is found in the letter, the receipt, the paper,
the seal. So that whoever falsifies has the same tools, every step takes changes, and any key may seal.
"""

import asyncio
import hashlib
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from contracts import chain, codec
from contracts.directory import Hours, Overlay
from contracts.receipt import Head, Receipt, Seal, Text, Unknown
from contracts.register import BookOpened, LetterEntered
from contracts.values import BANGKOK, from_instant, instant, local_instant, sha256_hex
from services.ingest import header_lines
from services.ingest.identity import identify
from services.register.calendar import calendar
from services.register.deemed import deemed
from services.sign import receipt as making
from services.sign.examine import examine_mail
from services.sign.paper import Paper
from services.sign.seal import SealKey
from services.sign.trust import TrustStore
from services.sign.trust import of as trusting
from services.verify.report import Report
from services.verify.verification import File, verify
from tests import pki, receipts

RECEIVED = "2026-05-29T09:31:07.123456Z"
"""A Friday, 16:31 in Thailand: after hours."""
ISSUED = "2026-05-29T09:31:10.000000Z"
HEAD_AT = datetime(2026, 5, 29, 9, 30, 20, tzinfo=UTC)
NOW = datetime(2026, 6, 10, 5, tzinfo=UTC)
SEALER = "ตราประทับ สพร."
PDF = b"%PDF-1.7\n1 0 obj\nan enclosure\n%%EOF\n"

PAPER = Paper()


def mail(text: str = "เรียน ผู้อำนวยการ\n\nขอเชิญประชุมวันที่ ๕\n", pdf: bytes = PDF, **headers: str) -> bytes:
    """A letter as the sender's program writes it, 8bit."""
    made = EmailMessage(policy=policy.SMTP)
    lines = {
        "From": "Somsri <somsri@citizen.example>",
        "To": "saraban@demo.example",
        "Date": "Fri, 29 May 2026 16:30:00 +0700",
        "Message-ID": "<one@citizen.example>",
        "Subject": "ที่ ทส ๐๑๐๑/ว๑๒๓ ขอเชิญประชุม",
    }
    for name, value in (lines | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        made[name] = value
    made.set_content(text, cte="8bit")
    made.add_attachment(pdf, maintype="application", subtype="pdf", filename="หนังสือ.pdf")
    made.set_boundary("=_office")  # the same letter at each call
    return made.as_bytes()


class Office:
    """One operator with his authority, a time-stamping authority, and the demo agency's book."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = pki.make_root("Office Root")
        self.stamps = pki.make_root("Stamp Root")
        self.stamper = pki.make_signer(
            self.stamps, "Office TSA", timestamping=True, rsa_key=True, not_before=_year(2026)
        )
        self.key = self.key_of(self.root, SEALER)
        self.trust = trusting([self.root.pem, self.stamps.pem])

    def key_of(self, root: pki.Authority, name: str, **validity: datetime) -> SealKey:
        """A seal key that `root` certifies."""
        validity = {"not_before": _year(2026), "not_after": _year(2036)} | validity
        file = self.folder / f"{hashlib.sha256(repr((root, name, validity)).encode()).hexdigest()[:8]}.p12"
        file.write_bytes(pki.make_signer(root, name, **validity).pkcs12())  # type: ignore[arg-type]  # dates alone
        return SealKey.load(file, None)

    def row(self, letter: bytes, **changes: Any) -> LetterEntered:
        """The letter's row; its deemed time follows from `received_at`, unless that is changed too."""
        section = header_lines.read(letter[: header_lines.HEAD_BYTES])
        entered = from_instant(changes.get("received_at", RECEIVED)).astimezone(BANGKOK)
        days = calendar(Hours(), Overlay(), entered.year)
        values = {
            "mail": identify("demo", section, hashlib.sha256(letter[section.body :]).digest()),
            "sha256": sha256_hex(letter),
            "size": len(letter),
            "received_at": RECEIVED,
            "deemed_at": local_instant(deemed(entered, days)),
            "calendar": days.digest,
            "previous": self.links()[-1],
        }
        return receipts.row(**(values | changes))

    def bodies(self, book: str = receipts.BOOK) -> list[bytes]:
        """What the book holds before the row: its opening and two rows."""
        first = chain.first_link(book)
        opened = BookOpened(
            agency="demo",
            series="received",
            year=2569,
            previous=first,
            reached=receipts.row().reached,
            first=1575,
            number_format="{number}",
            opened_at="2026-05-29T01:00:00.000000Z",
        )
        bodies = [codec.encode(opened)]
        link = chain.next_link(first, bodies[0])
        for number in (1575, 1576):
            bodies.append(codec.encode(receipts.row(number=number, number_text=f"สพร ร/๒๕๖๙/{number}", previous=link)))
            link = chain.next_link(link, bodies[-1])
        return bodies

    def links(self, book: str = receipts.BOOK) -> list[str]:
        """The link before each of them, and after the last."""
        found = [chain.first_link(book)]
        for body in self.bodies(book):
            found.append(chain.next_link(found[-1], body))
        return found

    def head(self, link: str, key: SealKey | None = None, *, at: datetime = HEAD_AT, **changes: Any) -> Head:
        """The head after the opening, signed and stamped."""
        signature = (key or self.key).sign(bytes.fromhex(link))
        values: dict[str, Any] = {
            "link": link,
            "sequence": 1,
            "length": 1,
            "signed_at": instant(int(at.timestamp()) * 1_000_000_000),
            "signature": signature,
            "token": self.token(signature, at),
        }
        return Head(**(values | changes))

    def token(self, signature: bytes, at: datetime = HEAD_AT, stamper: pki.Identity | None = None) -> bytes:
        """A time-stamp over a signature."""
        digest = hashlib.sha256(signature).digest()
        made = pki.make_stamper(stamper or self.stamper, at)
        return bytes(asyncio.run(made.async_timestamp(digest, "sha256")).dump())

    def receipt(
        self,
        letter: bytes,
        row: LetterEntered | None = None,
        *,
        seal: Seal | None = None,
        head: Head | Unknown | None = None,
        **changes: Any,
    ) -> Receipt:
        """The receipt of the letter; `changes` are fields of it that were changed afterwards."""
        entered = row or self.row(letter)
        now = int(from_instant(ISSUED).timestamp() * 1e9)
        made = making.build(
            entered,
            codec.encode(entered),
            received=receipts.received(
                sha256=entered.sha256,
                lines=msgspec.structs.replace(receipts.received().lines, message_id="<one@citizen.example>"),
            ),
            findings=examine_mail(letter, trust=TrustStore(), now_ns=now, software="saraban test"),
            agency=receipts.agency(),
            seal=seal or Seal(kind="operator", by=Text(value=SEALER), on_behalf_of=Text(value=receipts.AGENCY_NAME)),
            software="saraban test",
            issued_at=ISSUED,
            head=head or self.head(self.links()[1]),
            between=tuple(sha256_hex(body) for body in self.bodies()[1:]),
        )
        return msgspec.structs.replace(made, **changes)

    @cached_property
    def usual(self) -> Receipt:
        """The receipt of `mail()`."""
        return self.receipt(mail())

    @cached_property
    def usual_paper(self) -> bytes:
        """Its paper, sealed."""
        return self.sealed(self.usual)

    def sealed(self, receipt: Receipt, key: SealKey | None = None) -> bytes:
        """Its paper, sealed."""
        return (key or self.key).seal(PAPER.render(receipt), "ใบรับ")

    def verified(self, *files: bytes, trust: TrustStore | None = None, now: datetime = NOW) -> Report:
        """What the verifier says of the files, in this order."""
        given = [File(name=f"file {number}", octets=octets) for number, octets in enumerate(files, 1)]
        return verify(given, self.trust if trust is None else trust, now)


def codes(report: Report, status: str) -> set[str]:
    """The findings that came out so."""
    return {finding.code for finding in report.findings if finding.status == status}


def _year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
