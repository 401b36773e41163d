"""Letters into MAIL as the ingress stores them, a register worker beside them, and the books read back."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

from contracts import codec
from contracts.chain import first_link, next_link
from contracts.directory import Agency, Domain
from contracts.event import Event
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from contracts.register import LetterEntered, LetterRecorded, NoticeKept
from contracts.values import mail_id, sha256_hex
from services.register import app
from services.runtime import directory, settings
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.readiness import Readiness
from tests.conftest import THIS_YEAR

MAIL = f"MAIL_{THIS_YEAR}"
_running = itertools.count(1)


def agency(agency_id: str = "demo", **changes: Any) -> Agency:
    """An agency of the directory."""
    domain = f"{agency_id}.example"
    values: dict[str, Any] = {
        "id": agency_id,
        "name": f"สำนักงาน {agency_id}",
        "domains": (Domain(name=domain),),
        "addresses": (f"saraban@{domain}",),
    }
    return Agency(**(values | changes))


def received(agency_id: str = "demo", **changes: Any) -> MailReceived:
    """The event of a letter like no other; `changes` are its fields, those of `lines` among them by `lines=`."""
    number = next(_running)
    values: dict[str, Any] = {
        "agency": agency_id,
        "mail": mail_id(secrets.token_bytes(32)),
        "sha256": sha256_hex(str(number).encode()),
        "size": 1_000 + number,
        "received_at": f"{THIS_YEAR - 543}-06-17T03:00:00.{number % 1_000_000:06d}Z",
        "bound_ms": 1.5,
        "within_bound": True,
        "source": "test",
        "stratum": 2,
        "peer": Peer(address="192.0.2.1"),
        "protocol": "ESMTP",
        "sender": "clerk@sender.example",
        "recipients": (Recipient(address=f"saraban@{agency_id}.example"),),
        "lines": HeaderLines(
            message_id=f"<{number}@sender.example>", subject=f"ที่ นร ๑๒๐๐/{number}", from_="Clerk <clerk@sender.example>"
        ),
    }
    return MailReceived(**(values | changes))


def stored(event: MailReceived, body: bytes = b"Subject: x\r\n\r\nx\r\n") -> Outgoing:
    """The message the ingress stores for it."""
    return Outgoing(event.nats_subject, body, codec.encode_headers(event))


async def store(bus: Bus, events: Sequence[MailReceived]) -> None:
    """Store letters in MAIL, in this order."""
    for start in range(0, len(events), 500):
        await commit(bus.nc, [stored(event) for event in events[start : start + 500]], 60)


class Row(Struct, frozen=True):
    """A message of a book, where it lies, and the link after it."""

    event: Any
    sequence: int
    link: str
    body: bytes


class Books(Struct):
    """What REGISTER holds, read by the API alone."""

    rows: dict[str, list[Row]]
    records: list[LetterRecorded]
    notices: list[NoticeKept]
    guards: int

    def entered(self, agency_id: str = "demo", series: str = "received", year: int = THIS_YEAR) -> list[LetterEntered]:
        """The entries of a book."""
        rows = self.rows.get(f"register.v1.entered.{agency_id}.{series}.{year}", [])
        return [row.event for row in rows if isinstance(row.event, LetterEntered)]

    def problems(self) -> list[str]:
        """What is wrong in any book: a hole, a number twice, a broken link, order, a record that does not fit."""
        found = []
        hashes = {sha256_hex(codec.encode(record)) for record in self.records}
        positions = [
            row.event.position
            for rows in self.rows.values()
            for row in rows
            if isinstance(row.event, LetterEntered) and row.event.position and row.event.moved_from is None
        ]
        places = [(place.stream, place.sequence) for place in positions] + [
            (notice.position.stream, notice.position.sequence) for notice in self.notices
        ]
        if len(places) != len(set(places)):
            found.append("a letter is in the register twice")
        for subject, rows in self.rows.items():
            link, expected = first_link(subject), None
            last = ("", 0)
            for row in rows:
                if row.event.previous != link:
                    found.append(f"{subject}: message {row.sequence} is not linked to the one before it")
                link = next_link(link, row.body)
                if not isinstance(row.event, LetterEntered):
                    expected = getattr(row.event, "first", expected)
                    if getattr(row.event, "last", (expected or 1) - 1) != (expected or 1) - 1:
                        found.append(
                            f"{subject}: message {row.sequence} says that {row.event.last} is the newest number"
                        )
                    if getattr(row.event, "record", None) not in hashes | {None}:
                        found.append(f"{subject}: message {row.sequence} has no record")
                    continue
                if row.event.number != (expected or 1):
                    found.append(f"{subject}: {row.event.number} where {expected or 1} was due")
                expected = row.event.number + 1
                if row.event.position is not None and row.event.moved_from is None:
                    place = (row.event.position.stream, row.event.position.sequence)
                    if place <= last:
                        found.append(f"{subject}: number {row.event.number} is out of order")
                    last = place
                if row.event.record not in hashes:
                    found.append(f"{subject}: number {row.event.number} has no record")
        return found


async def read(bus: Bus) -> Books:
    """Everything in REGISTER."""
    books = Books({}, [], [], 0)
    info = await bus.api("STREAM.INFO.REGISTER")
    links: dict[str, str] = {}
    for sequence in range(max(info["state"]["first_seq"], 1), info["state"]["last_seq"] + 1):
        try:
            message = await bus.js.get_msg("REGISTER", sequence, direct=True)
        except Exception:  # noqa: BLE001 - an erased one
            continue
        subject, body = message.subject or "", message.data or b""
        kind = subject.split(".")[2]
        if kind == "letter":
            books.guards += 1
            continue
        event: Event = codec.decode(body)
        if kind == "entered":
            links[subject] = next_link(links.get(subject, first_link(subject)), body)
            books.rows.setdefault(subject, []).append(Row(event, sequence, links[subject], body))
        elif isinstance(event, LetterRecorded):
            books.records.append(event)
        else:
            assert isinstance(event, NoticeKept)
            books.notices.append(event)
    return books


async def until(bus: Bus, messages: int, seconds: float = 60.0) -> Books:
    """Wait until rows and notices are so many; returns the books."""
    async with asyncio.timeout(seconds):
        while True:
            info = await bus.js.stream_info("REGISTER", subjects_filter="register.v1.>")
            counts = info.state.subjects or {}
            found = sum(n for name, n in counts.items() if ".entered." in name or ".notice." in name)
            if found >= messages:
                return await read(bus)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def worker(nats: settings.Nats, **changes: Any) -> AsyncIterator[Readiness]:
    """A register worker on this loop, built by its own builder."""
    config = settings.Settings(nats=nats, register=msgspec.structs.replace(settings.Register(), **changes))
    stop, readiness = asyncio.Event(), Readiness("register")
    running = asyncio.create_task(app.serve(config, stop, readiness))
    try:
        yield readiness
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


async def put(bus: Bus, *agencies: Agency) -> None:
    """Write agencies into the directory."""
    for one in agencies:
        await directory.put(bus, one)
