"""Notify at work: letters, rows, findings and receipts stored as the services before it store them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from contracts import codec
from contracts.directory import Agency, Mailbox
from contracts.event import Event, Position
from contracts.findings import Authentication, Findings, LetterExamined, ReceiptSealed
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from contracts.register import LetterEntered
from contracts.values import instant, sha256_hex
from services.notify import app
from services.runtime import directory, settings
from services.runtime.batch import commit
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from services.runtime.readiness import Readiness
from tests import books, receipts
from tests.waiting import until, until_it

E = TypeVar("E", bound=Event)

LETTER = (
    b"From: Clerk <clerk@sender.example>\r\nTo: saraban@demo.example\r\nSubject: =?utf-8?b?4LiX4LiU4Liq4Lit4Lia?=\r\n"
    b"Message-ID: <letter@sender.example>\r\n\r\n.a line that begins with a dot\r\nthe end"
)
PASSED = Authentication(spf="pass", spf_domain="sender.example", dmarc="pass")
FAILED = Authentication(spf="fail", spf_domain="sender.example", dmarc="fail")
PDF = b"%PDF-1.7 sealed\r\n" + bytes(range(256)) * 20


class Letter:
    """One letter on its way: everything that is stored of it."""

    def __init__(self, event: MailReceived, position: Position, row: LetterEntered) -> None:
        self.event = event
        self.position = position
        self.row = row

    @property
    def name(self) -> str:
        """As notify names its files."""
        return f"{self.row.agency}-{self.row.series}-{self.row.year}-{self.row.number}"


class Dispatch:
    """The streams before notify, written by the test, and those after it, read by the test."""

    def __init__(self, bus: Bus, state: Path) -> None:
        self.bus = bus
        self.state = state
        self.folder = state / "outgoing"
        self._numbers: dict[str, int] = {}
        self._told: dict[str, list[Event | None]] = {}

    async def agency(self, agency_id: str = "demo", **changes: Any) -> Agency:
        """Write an agency into the directory."""
        values: dict[str, Any] = {"mailboxes": (Mailbox(address=f"officer@{agency_id}.example"),)} | changes
        found = receipts.agency(**values) if agency_id == "demo" else books.agency(agency_id, **values)
        await directory.put(self.bus, found)
        return found

    async def letter(
        self,
        octets: bytes = LETTER,
        *,
        agency: str = "demo",
        series: str = "received",
        age_seconds: float = 0.0,
        lines: HeaderLines | None = None,
        **changes: Any,
    ) -> Letter:
        """Store a letter and its row; it came `age_seconds` ago."""
        event = books.received(
            agency,
            **(
                {
                    "sha256": sha256_hex(octets),
                    "size": len(octets),
                    "received_at": instant(time.time_ns() - int(age_seconds * 1e9)),
                    "recipients": (Recipient(address=f"saraban@{agency}.example"),),
                    "peer": Peer(address="192.0.2.1"),
                    "lines": lines
                    or HeaderLines(
                        message_id="<letter@sender.example>",
                        subject="=?utf-8?b?4LiX4LiU4Liq4Lit4Lia?=",
                        from_="Clerk <clerk@sender.example>",
                    ),
                }
                | changes
            ),
        )
        position = await commit(self.bus.nc, (books.stored(event, octets),), 10)
        number = self._numbers[agency] = self._numbers.get(agency, 0) + 1
        row = receipts.row(
            agency=agency,
            series=series,
            number=number,
            number_text=f"{agency} ร/๒๕๖๙/{number}",
            mail=event.mail,
            sha256=event.sha256,
            size=event.size,
            received_at=event.received_at,
            position=position,
        )
        await self.bus.publish(row)
        return Letter(event, position, row)

    async def sealed(
        self, letter: Letter, found: Authentication | None = PASSED, *, kind: str = "operator", **changes: Any
    ) -> ReceiptSealed:
        """Store the findings of a letter and its final receipt."""
        findings = receipts.findings(**({"authentication": found} | changes))
        await self.examined(letter, findings)
        agency = directory_agency(letter.row.agency)
        receipt = receipts.made(
            letter.row,
            received=letter.event,
            findings=findings,
            agency=agency,
            seal=receipts.seal(kind),
            issued_at=instant(time.time_ns()),
        )
        event = ReceiptSealed(
            agency=letter.row.agency, mail=letter.event.mail, position=letter.position, receipt=receipt, pdf=PDF
        )
        await self.bus.publish(event)
        return event

    async def examined(self, letter: Letter, findings: Findings) -> None:
        """Store the findings of a letter."""
        await self.bus.publish(
            LetterExamined(
                agency=letter.row.agency,
                mail=letter.event.mail,
                position=letter.position,
                series=letter.row.series,
                year=letter.row.year,
                number=letter.row.number,
                findings=findings,
            )
        )

    async def told(self, kind: type[E], letter: Letter | None = None, stream: str = "RECEIPTS") -> list[E]:
        """What notify has published of a kind, about a letter."""
        events = self._told.setdefault(stream, [])
        info = await self.bus.api(f"STREAM.INFO.{stream}")
        for sequence in range(len(events) + 1, info["state"]["last_seq"] + 1):
            message = await read_message(self.bus.nc, stream, sequence)
            events.append(codec.decode(message.body) if message is not None else None)
        return [
            event
            for event in events
            if isinstance(event, kind) and (letter is None or getattr(event, "mail", None) == letter.event.mail)
        ]

    async def tells(self, kind: type[E], letter: Letter | None = None, seconds: float = 60.0) -> E:
        """Wait until notify has published an event of a kind about a letter, and return the first."""
        return (await until_it(lambda: self.told(kind, letter), seconds))[0]

    async def idle(self, durable: str = "notify-sealed", stream: str = "FINDINGS") -> None:
        """Wait until a consumer has nothing left that was not acknowledged."""

        async def settled() -> bool:
            info = await self.bus.api(f"CONSUMER.INFO.{stream}.{durable}")
            return not info["num_pending"] and not info["num_ack_pending"]

        await until_it(settled)

    @asynccontextmanager
    async def running(
        self, nats: settings.Nats, *, clamd: str = "", **changes: Any
    ) -> AsyncIterator["asyncio.Task[None]"]:
        """Run notify, as its process does, until the block ends; `clamd` as in [sign]."""
        values: dict[str, Any] = {
            "grace_seconds": 600.0,
            "first_retry_seconds": 1.0,
            "last_retry_seconds": 1.0,
            "smtp_seconds": 10.0,
        }
        whole = settings.Settings(
            state=str(self.state),
            nats=nats,
            sign=settings.Sign(clamd=clamd),
            notify=settings.Notify(**(values | changes)),
        )
        stop, readiness = asyncio.Event(), Readiness("notify")
        task = asyncio.create_task(app.serve(whole, stop, readiness))
        try:
            await until(lambda: readiness.ready or task.done())
            if task.done():
                task.result()
            yield task
        finally:
            stop.set()
            async with asyncio.timeout(60):
                await asyncio.wait({task})
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()  # type: ignore[misc]  # there is one


def directory_agency(agency_id: str) -> Agency:
    """The agency as the receipts of these tests name it."""
    return receipts.agency() if agency_id == "demo" else books.agency(agency_id)
