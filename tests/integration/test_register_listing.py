"""The register as a list: from the stream alone, as an officer's command reads it."""

from contracts import codec
from contracts.chain import first_link
from contracts.mail import HeaderLines
from services.register import listing
from services.runtime.bus import Bus
from tests.books import agency, put, received, store, until, worker
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer

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
    names = await bus.api("CONSUMER.NAMES.REGISTER", {"offset": 0})
    assert set(names["consumers"]) == {"sign-entered", "notify-grace"}, "it leaves nothing behind"


async def test_the_same_list_for_the_same_stream(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    await store(bus, [received() for _ in range(5)])
    async with worker(nats_server.settings()):
        await until(bus, 5)
    once = [codec.encode(entry.row) for entry in [entry async for entry in listing.entries(bus)]]
    again = [codec.encode(entry.row) for entry in [entry async for entry in listing.entries(bus)]]
    assert once == again
