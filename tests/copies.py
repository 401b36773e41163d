"""A good system state, its streams as lists, and copies of them on another nats-server with something falsified."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from contracts import chain, codec
from contracts.addresses import token_address
from contracts.event import Event
from contracts.findings import ReceiptSealed
from contracts.golden import examples
from contracts.mail import MailReceived, Recipient
from contracts.orders import BookOpenOrdered
from contracts.receipt import ClockStatement, Deemed
from contracts.register import LetterEntered
from contracts.streams import SIGN_ENTERED
from contracts.values import mail_id, sha256_hex
from services.audit.audit import audit
from services.audit.report import Report
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.books import MAIL, agency, put, received, stored, until, worker
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer

STREAMS = (MAIL, "REGISTER", "FINDINGS", "ORDERS", "DEAD", "KV_directory")
LETTERS = 12
BOOK = f"register.v1.entered.demo.received.{THIS_YEAR}"


class Kept(Struct):
    """One message of a stream; None in its list's place is a message that is not there."""

    subject: str
    headers: dict[str, str]
    body: bytes


class Copy(Struct):
    """The streams of a system, to be falsified. Place n of a list is sequence n + 1."""

    streams: dict[str, list[Kept | None]]

    def find(self, stream: str, test: Callable[[Kept], bool]) -> list[int]:
        """Sequences of the messages that pass."""
        return [n for n, kept in enumerate(self.streams[stream], 1) if kept is not None and test(kept)]

    def at(self, stream: str, sequence: int) -> Kept:
        """The message at a sequence."""
        kept = self.streams[stream][sequence - 1]
        assert kept is not None
        return kept

    def remove(self, stream: str, sequence: int) -> None:
        """Leave a hole."""
        self.streams[stream][sequence - 1] = None

    def swap(self, stream: str, one: int, other: int) -> None:
        """Exchange two messages."""
        kept = self.streams[stream]
        kept[one - 1], kept[other - 1] = kept[other - 1], kept[one - 1]

    def edit(self, stream: str, sequence: int, **changes: Any) -> None:
        """Change fields of an event's JSON."""
        kept = self.at(stream, sequence)
        kept.body = msgspec.json.encode(msgspec.json.decode(kept.body) | changes)

    def row(self, number: int, book: str = BOOK) -> int:
        """Sequence of the row with this number."""
        (found,) = self.find(
            "REGISTER", lambda kept: kept.subject == book and msgspec.json.decode(kept.body).get("number") == number
        )
        return found

    def place(self, number: int, book: str = BOOK) -> int:
        """Sequence in MAIL of the letter with this number."""
        event = codec.decode(self.at("REGISTER", self.row(number, book)).body, LetterEntered)
        assert event.position is not None
        return event.position.sequence

    def chained(self, book: str = BOOK) -> None:
        """Write the links of a book anew, as a forger with time would."""
        link = chain.first_link(book)
        for sequence in self.find("REGISTER", lambda kept: kept.subject == book):
            self.edit("REGISTER", sequence, previous=link)
            link = chain.next_link(link, self.at("REGISTER", sequence).body)


def letter(n: int, agency_id: str = "demo", **changes: Any) -> tuple[MailReceived, bytes]:
    """An event and the octets it speaks of."""
    body = f"Subject: letter {n}\r\n\r\n{'x' * n}\r\n".encode()
    values = {
        "sha256": sha256_hex(body),
        "size": len(body),
        "received_at": f"{THIS_YEAR - 543}-06-17T03:00:{n:02d}.000000Z",
    }
    return received(agency_id, **(values | changes)), body


async def arrive(bus: Bus, event: MailReceived, body: bytes, parts: int = 0) -> None:
    """Store a letter, in so many parts."""
    if not parts:
        await commit(bus.nc, [stored(event, body)], 10)
        return
    size = -(-len(body) // parts)
    pieces = [Outgoing(f"mail.v1.part.{event.agency}", body[n * size : (n + 1) * size], {}) for n in range(parts)]
    await commit(bus.nc, [*pieces, stored(msgspec.structs.replace(event, parts=parts), b"")], 10)


def sealed(row: LetterEntered) -> ReceiptSealed:
    """The final receipt of a row, as sign makes it; the PDF is none."""
    example = examples()[ReceiptSealed]
    assert isinstance(example, ReceiptSealed)
    assert row.mail is not None
    assert row.position is not None
    body = codec.encode(row)
    before = example.receipt
    receipt = msgspec.structs.replace(
        before,
        series=row.series,
        year=row.year,
        number=row.number,
        register_number=row.number_text,
        clock=ClockStatement(
            received_at=row.received_at, bound_ms=row.bound_ms or 0.0, within_bound=bool(row.within_bound),
            source="test", stratum=2, words="…",
        ),
        deemed=Deemed(at=row.deemed_at, calendar=row.calendar, words="…"),
        agency=row.agency,
        mail=row.mail,
        position=row.position,
        sha256=row.sha256,
        size=row.size,
        proof=msgspec.structs.replace(before.proof, row=body, link=chain.next_link(row.previous, body)),
    )  # fmt: skip
    return ReceiptSealed(agency=row.agency, mail=row.mail, position=row.position, receipt=receipt, pdf=b"%PDF-1.7")


async def build(server: NatsServer) -> Copy:
    """Letters of two agencies through the real register; one in parts, one repeated, one that answers our own mail."""
    await provision(server.settings(), THIS_YEAR)
    bus = await Bus.connect(server.settings(), "test")
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    given = BookOpenOrdered(
        agency="demo", id="0" * 32, by="นางสาวผู้สั่ง", reason="ต่อจากทะเบียนเดิม", series="received", year=THIS_YEAR,
        given_at=f"{THIS_YEAR - 543}-06-17T02:00:00.000000Z", first=100,
    )  # fmt: skip
    await bus.publish(given)
    async with worker(server.settings()):
        await until(bus, 1)
        kept: list[tuple[MailReceived, bytes]] = []
        for n in range(1, LETTERS + 1):
            kept.append(letter(n, "two" if n % 4 == 0 else "demo"))
            await arrive(bus, *kept[-1], parts=3 if n == 6 else 0)
        again, body = kept[2]
        await arrive(bus, msgspec.structs.replace(again, received_at=f"{THIS_YEAR - 543}-06-17T04:00:00.000000Z"), body)
        token = token_address(mail_id(b"\1" * 32), "demo.example")
        await arrive(bus, *letter(20, recipients=(Recipient(address=token),)))
        await arrive(bus, *letter(21))
        found = await until(bus, 2 + LETTERS + 3)
    for rows in found.rows.values():
        for row in rows:
            if isinstance(row.event, LetterEntered):
                await bus.publish(sealed(row.event))
    await settle(bus)
    streams = {name: await read(bus, name) for name in STREAMS}
    await bus.close()
    return Copy(streams)


async def settle(bus: Bus) -> None:
    """Acknowledge all rows for sign, as if it had sealed their receipts."""
    subscription = await bus.js.pull_subscribe_bind(SIGN_ENTERED.durable, stream=SIGN_ENTERED.stream)
    info = await bus.api(f"CONSUMER.INFO.{SIGN_ENTERED.stream}.{SIGN_ENTERED.durable}")
    waiting = info["num_pending"]
    while waiting:
        for message in await subscription.fetch(min(waiting, 50), 10):
            await message.ack_sync()
            waiting -= 1
    await subscription.unsubscribe()


async def read(bus: Bus, stream: str) -> list[Kept | None]:
    """All messages of a stream by their sequence, without what the server wrote into their headers."""
    state = (await bus.api(f"STREAM.INFO.{stream}"))["state"]
    kept: list[Kept | None] = []
    for sequence in range(1, state["last_seq"] + 1):
        message = await bus.js.get_msg(stream, sequence, direct=True)
        own = {k: v for k, v in (message.headers or {}).items() if not k.startswith("Nats-") or k == "Nats-TTL"}
        kept.append(Kept(message.subject or "", own, message.data or b""))
    return kept


async def write(bus: Bus, stream: str, kept: list[Kept | None]) -> None:
    """Write messages so that each has its old sequence; what is missing is written and erased."""
    filler = next((one.subject for one in kept if one is not None), "")
    for sequence, one in enumerate(kept, 1):
        message = one or Kept(filler, {}, b"")
        headers = message.headers or {"x-copied": "yes"}
        place = await commit(bus.nc, [Outgoing(message.subject, message.body, headers)], 10)
        assert place.sequence == sequence, (stream, place, sequence)
        if one is None:
            await bus.api(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence})


@asynccontextmanager
async def copied(folder: Path, state: Copy, falsify: Callable[[Copy], object]) -> AsyncIterator[tuple[NatsServer, Bus]]:
    """Another nats-server that holds the state, after `falsify` has changed it."""
    state = copy.deepcopy(state)
    falsify(state)
    server = NatsServer(folder)
    server.start()
    try:
        await provision(server.settings(), THIS_YEAR)
        bus = await Bus.connect(server.settings(), "test")
        for name in STREAMS:
            await write(bus, name, state.streams[name])
        await settle(bus)
        yield server, bus
        await bus.close()
    finally:
        server.kill()


def good_state(folder: Path) -> Copy:
    """Build a good state once; to be called from outside an event loop."""
    server = NatsServer(folder)
    server.start()
    try:
        return asyncio.run(build(server))
    finally:
        server.kill()


def kinds(state: Copy, kind: type[Event]) -> Iterator[tuple[int, Any]]:
    """Sequence and event of each message of a kind in REGISTER."""
    for sequence, kept in enumerate(state.streams["REGISTER"], 1):
        if kept is not None:
            event = cast("Event", codec.decode(kept.body))
            if isinstance(event, kind):
                yield sequence, event


async def said(bus: Bus, agency: str | None = None) -> list[str]:
    """The audit's sentences, with the audit's own user."""
    report = await audited(bus, agency)
    return [f"{problem.code}: {problem}" for problem in report.problems]


async def audited(bus: Bus, agency: str | None = None) -> Report:
    own = await Bus.connect(bus.settings, "audit")
    try:
        return await audit(own, agency)
    finally:
        await own.close()
