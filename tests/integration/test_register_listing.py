"""The register as a list: from the stream alone, as an officer's command reads it."""

import asyncio
import io

import pytest

from contracts import codec
from contracts.chain import first_link
from contracts.event import Position
from contracts.mail import HeaderLines
from contracts.streams import CONSUMERS
from services.commands.book_writers import Csv, Json
from services.register import listing
from services.runtime.bus import Bus
from tests.books import agency, put, received, store, until, worker
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.written_books import WrittenBooks

PUBLISHED = [
    "type", "agency", "series", "year", "previous", "reached", "number", "number_text", "channel", "mail", "sha256",
    "size", "received_at", "bound_ms", "within_bound", "deemed_at", "calendar", "rules", "record", "position", "order",
    "moved_from", "remarks", "message_id", "sender", "subject", "link",
]  # fmt: skip
FURTHER = ["state", "author", "letter_number", "letter_date", "addressee", "moved_to", "entered_by", "actions"]


async def test_rows_with_their_records(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    events = [received("two" if n % 2 else "demo") for n in range(20)]
    secret = received(lines=HeaderLines(subject="ลับ แผน"))
    await store(bus, [*events, secret, events[0]])
    async with worker(nats_server.settings()):
        written = await until(bus, 23)
    officer = await Bus.connect(nats_server.settings(), "officers")
    try:
        everything = [entry async for entry in listing.entries(officer)]
        two = [entry.flat() async for entry in listing.entries(officer, "two")]
        classified = [entry.flat() async for entry in listing.entries(officer, series="classified")]
        nothing = [entry async for entry in listing.entries(officer, "nobody", "received", 2500)]
    finally:
        await officer.close()
    assert len(everything) == 21
    assert nothing == []
    assert [flat["number"] for flat in two] == list(range(8_432, 8_442))
    assert [*two[0]] == [*PUBLISHED, *FURTHER], "what others rely on comes first"
    by_mail = {event.mail: event for event in events}
    for flat in two:
        event = by_mail[flat["mail"]]
        assert (flat["message_id"], flat["sender"], flat["subject"]) == (
            event.lines.message_id,
            event.sender,
            event.lines.subject,
        )
        assert flat["received_at"].endswith("Z")
        assert flat["deemed_at"].endswith("+07:00")
    rows = written.rows[f"register.v1.entered.two.received.{THIS_YEAR}"]
    assert [flat["link"] for flat in two] == [row.link for row in rows[1:]], "the opening has the first link"
    assert two[0]["previous"] == rows[0].link != first_link(f"register.v1.entered.two.received.{THIS_YEAR}")
    assert [(flat["number"], flat["subject"], flat["sender"]) for flat in classified] == [(1, None, None)]


async def test_an_erased_record_leaves_its_row(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    await store(bus, [received() for _ in range(4)])
    async with worker(nats_server.settings()):
        await until(bus, 4)
    for sequence in (2, 11):  # the records of the first and the last row
        message = await bus.js.get_msg("REGISTER", sequence)
        assert message.subject == "register.v1.record.demo"
        await bus.js.delete_msg("REGISTER", sequence)
    found = [entry async for entry in listing.entries(bus, "demo")]
    assert [entry.row.number for entry in found] == [1, 2, 3, 4]
    assert [entry.record is None for entry in found] == [True, False, False, True]
    assert found[0].flat()["subject"] is None


async def test_an_empty_register_and_one_that_spans_many_requests(nats_server: NatsServer, bus: Bus) -> None:
    assert [entry async for entry in listing.entries(bus)] == []
    await put(bus, agency())
    count = listing.AT_ONCE + 100
    await store(bus, [received() for _ in range(count)])
    async with worker(nats_server.settings()):
        await until(bus, count)
    found = [entry async for entry in listing.entries(bus)]
    assert [entry.row.number for entry in found] == list(range(1, count + 1))
    assert found[-1].left == 1
    own = {consumer.durable for consumer in CONSUMERS if consumer.stream == "REGISTER"}
    async with asyncio.timeout(20):  # it leaves nothing behind; the server is told, and not waited for
        while set((await bus.api("CONSUMER.NAMES.REGISTER", {"offset": 0}))["consumers"]) != own:  # noqa: ASYNC110 - the server sets no event of ours
            await asyncio.sleep(0.05)


async def test_the_same_list_for_the_same_stream(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    await store(bus, [received() for _ in range(5)])
    async with worker(nats_server.settings()):
        await until(bus, 5)
    once = [codec.encode(entry.row) for entry in [entry async for entry in listing.entries(bus)]]
    again = [codec.encode(entry.row) for entry in [entry async for entry in listing.entries(bus)]]
    assert once == again


async def _written(bus: Bus) -> WrittenBooks:
    """A book in which everything happened that can."""
    books = WrittenBooks(bus)
    for number in range(1, 8):
        await books.letter(f"เรื่องที่ {number}", position=Position(stream=f"MAIL_{THIS_YEAR}", sequence=number))
    await books.void(1)
    await books.correct(2, subject="ใหม่", sender="กรมที่ดิน", letter_number="นร ๑")
    await books.move(3, "general", "เรื่องที่ 3")
    await books.move(4, "classified", None)
    await books.note(5, "มอบกองคลัง", by="สมชาย")
    await books.note(5, "เสร็จแล้ว", by="สมหญิง")
    await books.flush()
    return books


async def test_what_officers_did_shows_in_every_entry(bus: Bus) -> None:
    books = await _written(bus)
    erased = await books.note(6, "ลบ")
    await books.flush()
    await bus.js.delete_msg("ORDERS", erased.sequence)
    found = {entry.row.number: entry.flat() async for entry in listing.entries(bus, "demo", "received")}
    assert [flat["state"] for flat in found.values()] == ["voided", "entered", "moved", "moved", *["entered"] * 3]
    assert (found[1]["actions"][0]["reason"], found[1]["actions"][0]["by"]) == ("ลงซ้ำ", "นางมาลี สุขใจ")
    assert (found[2]["subject"], found[2]["sender"], found[2]["letter_number"]) == ("ใหม่", "กรมที่ดิน", "นร ๑")
    assert found[3]["moved_to"] == {"series": "general", "year": THIS_YEAR, "number": 1}
    assert found[3]["subject"] == "เรื่องที่ 3"
    assert (found[4]["subject"], found[4]["sender"]) == (None, None), "it is classified where it went on"
    assert [(act["text"], act["by"]) for act in found[5]["actions"]] == [("มอบกองคลัง", "สมชาย"), ("เสร็จแล้ว", "สมหญิง")]
    assert [(act["kind"], act["by"], act["text"]) for act in found[6]["actions"]] == [("noted", None, None)]
    assert found[7]["actions"] == []
    for number, flat in found.items():
        entry = await listing.one(bus, f"register.v1.entered.demo.received.{THIS_YEAR}", number)
        assert entry is not None
        assert entry.flat() == flat, "one entry by its number says the same as the list"
    assert await listing.one(bus, f"register.v1.entered.demo.received.{THIS_YEAR}", 8) is None
    assert await listing.one(bus, f"register.v1.entered.demo.received.{THIS_YEAR - 1}", 1) is None


@pytest.mark.parametrize("style", ["csv", "json", "jsonl"])
async def test_a_file_has_the_same_octets_for_the_same_log(bus: Bus, style: str) -> None:
    await _written(bus)

    async def written() -> str:
        file = io.StringIO(newline="")
        writer = Csv(file) if style == "csv" else Json(file, lines=style == "jsonl")
        async for entry in listing.entries(bus, "demo", "received", THIS_YEAR):
            writer.take(entry)
        writer.end()
        return file.getvalue()

    once = await written()
    assert once.count("เรื่องที่") == 5
    assert await written() == once
    other = WrittenBooks(bus, "other")
    await other.letter("ของผู้อื่น")
    await other.void(1)
    await other.flush()
    assert await written() == once, "also after rows of another book"


async def test_one_entry_of_a_long_book(bus: Bus) -> None:
    """Found by halving, with effects between the rows."""
    books = WrittenBooks(bus)
    for number in range(1, 301):
        await books.letter(f"เรื่องที่ {number}")
        if number % 10 == 0:
            await books.flush()
            await books.note(number // 2, "ทราบ")
    await books.flush()
    for number in (1, 2, 149, 150, 151, 299, 300):
        entry = await listing.one(bus, f"register.v1.entered.demo.received.{THIS_YEAR}", number)
        assert entry is not None
        assert entry.flat()["subject"] == f"เรื่องที่ {number}"
        assert len(entry.acts) == (1 if number % 5 == 0 and number <= 150 else 0)
