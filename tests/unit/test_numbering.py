"""The numbering core, without any server: what one batch says, and what is known after it."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import codec
from contracts.chain import first_link, next_link
from contracts.directory import Agency
from contracts.event import Event, Position, Reached
from contracts.mail import HeaderLines, MailReceived
from contracts.orders import BookOpenOrdered, NoteOrdered
from contracts.register import BookOpened, LetterEntered, LetterGuarded, LetterRecorded, NoticeKept
from contracts.streams import BATCH_MESSAGES
from contracts.values import sha256_hex
from services.register import numbering
from services.register.assessment import Assessment, assess
from services.register.book import empty, end
from services.register.case import case_of
from services.register.intake import OrderRead, letter
from services.register.known import Known, at_or_before
from services.register.page import EXPECTED, EXPECTED_STREAM, Batch
from services.register.standing import Standing
from tests.books import MAIL, agency, received
from tests.conftest import THIS_YEAR

BOOK = f"register.v1.entered.demo.received.{THIS_YEAR}"
FIRST = {f"received/{THIS_YEAR}": 8_432}


def at(event: MailReceived, sequence: int, of: Agency | None = None) -> Assessment:
    return assess(letter(event, Position(stream=MAIL, sequence=sequence), 0), of or agency(event.agency))


def opening(first: int, sequence: int = 5, agency_id: str = "demo") -> OrderRead:
    order = BookOpenOrdered(
        agency=agency_id, id="0" * 32, by="ผู้สั่ง", reason="ย้ายทะเบียน", given_at="2026-06-17T02:00:00.000000Z",
        series="received", year=THIS_YEAR, first=first,
    )  # fmt: skip
    return OrderRead(
        agency=agency_id,
        subject=order.nats_subject,
        position=Position(stream="ORDERS", sequence=sequence),
        order=order,
    )


def batch(
    known: Known, letters: Sequence[Assessment], orders: Sequence[OrderRead] = (), standing: Standing | None = None
) -> Batch:
    cases = [case_of(read, agency(read.agency), standing=standing) for read in orders]
    books, agencies = numbering.needs(letters, cases)
    for book in books:
        known.ends.setdefault(book, empty(book))
    for name in agencies:
        known.notices.setdefault(name, 0)
    return numbering.number(letters, cases, known, lambda: b"\x07" * 32, lambda _, pem: pem or None)


def events(found: Batch) -> list[Event]:
    return [codec.decode(message.body) for message in found.messages]


def entered(found: Batch) -> list[LetterEntered]:
    return [event for event in events(found) if isinstance(event, LetterEntered)]


def known_at(last: int = 0) -> Known:
    known = Known(1_000)
    known.last = last
    return known


def test_a_letter_is_a_row_a_record_and_a_guard() -> None:
    event = received()
    found = batch(known_at(), [at(event, 3)])
    row, record, guard = events(found)
    assert isinstance(row, LetterEntered)
    assert isinstance(record, LetterRecorded)
    assert isinstance(guard, LetterGuarded)
    assert [message.subject for message in found.messages] == [
        BOOK,
        "register.v1.record.demo",
        f"register.v1.letter.demo.{event.mail}",
    ]
    assert (row.number, row.number_text, row.mail, row.sha256, row.size) == (
        1,
        f"1/{THIS_YEAR}",
        event.mail,
        event.sha256,
        event.size,
    )
    assert row.previous == first_link(BOOK)
    assert row.record == sha256_hex(found.messages[1].body)
    assert row.position == Position(stream=MAIL, sequence=3)
    assert row.reached == Reached(mail=row.position)
    assert (record.salt, record.subject, record.sender) == ("07" * 32, event.lines.subject, event.sender)
    assert (guard.series, guard.year, guard.number) == ("received", THIS_YEAR, 1)


def test_rows_hold_nothing_personal() -> None:
    event = received(
        sender="somchai@private.example",
        lines=HeaderLines(subject="เรื่องส่วนตัว", from_="สมชาย <somchai@private.example>"),
    )
    row = batch(known_at(), [at(event, 1)]).messages[0].body.decode()
    assert "somchai" not in row
    assert "ส่วนตัว" not in row


def test_what_each_message_expects_of_the_server() -> None:
    known = known_at(41)
    known.ends[BOOK] = msgspec.structs.replace(empty(BOOK), sequence=40, number=7, entered=True)
    known.notices["demo"] = 12
    one, other = received(), received()
    found = batch(known, [at(one, 1), at(other, 2), at(one, 3), at(one, 4)])
    expected = [message.headers.get(EXPECTED) for message in found.messages]
    assert expected == ["40", None, "0", None, None, "0", "12", None]
    assert [message.headers.get("Nats-TTL") for message in found.messages] == [
        None, None, "1209600s", None, None, "1209600s", None, None,
    ]  # fmt: skip
    assert [message.headers.get(EXPECTED_STREAM) for message in found.messages] == ["41"] + [None] * 7


def test_a_copy_in_the_batch_and_a_copy_of_a_numbered_letter_are_notices() -> None:
    known = known_at()
    one = received()
    first = batch(known, [at(one, 1), at(one, 2)])
    first.stored(known, len(first.messages), 0.0)
    second = batch(known, [at(one, 3), at(received(), 4)])
    notices = [event for event in events(first) + events(second) if isinstance(event, NoticeKept)]
    assert [(notice.kind, notice.matches, notice.position.sequence) for notice in notices] == [
        ("repeated", one.mail, 2),
        ("repeated", one.mail, 3),
    ]
    assert [row.number for row in entered(first) + entered(second)] == [1, 2]


def test_a_book_that_begins_elsewhere_is_opened_before_its_first_row() -> None:
    own = agency(first=FIRST, number_format="สพร ร/{year_th}/{number_th}")
    found = batch(known_at(), [at(received(), 1, own), at(received(), 2, own)])
    opened, row = events(found)[:2]
    assert isinstance(opened, BookOpened)
    assert isinstance(row, LetterEntered)
    assert (opened.first, opened.order, opened.previous) == (8_432, None, first_link(BOOK))
    assert opened.number_format == "สพร ร/{year_th}/{number_th}"
    assert row.previous == next_link(opened.previous, found.messages[0].body)
    assert [row.number for row in entered(found)] == [8_432, 8_433]
    assert found.messages[0].headers[EXPECTED] == "0"
    assert EXPECTED not in found.messages[1].headers


def test_an_order_opens_a_book_and_the_directory_does_not_matter_any_more() -> None:
    known = known_at()
    own = agency(first=FIRST)
    first = batch(known, [], [opening(500)])
    opened = events(first)[0]
    assert isinstance(opened, BookOpened)
    assert (opened.first, opened.order, opened.reached.orders) == (
        500,
        Position(stream="ORDERS", sequence=5),
        Position(stream="ORDERS", sequence=5),
    )
    first.stored(known, 1, 0.0)
    second = batch(known, [at(received(), 1, own)])
    assert [row.number for row in entered(second)] == [500]
    assert len(events(second)) == 3


def test_orders_that_cannot_be_carried_out() -> None:
    known = known_at()
    first = batch(known, [at(received(), 1)])
    first.stored(known, 3, 0.0)
    late = batch(known, [], [opening(500)])
    assert late.messages == []
    assert "has entries already, up to number 1" in late.refusals[0].reason
    assert late.reached.orders == Position(stream="ORDERS", sequence=5), "the flow goes on"
    other, orders = known_at(), [opening(500, 5), opening(500, 6), opening(600, 7)]
    opened = batch(other, [], orders)
    assert len(opened.messages) == 1, "the same order given twice is one"
    assert (opened.orders, opened.refusals) == (2, []), "a refusal says that what is before it is done: first it is"
    assert opened.reached.orders == Position(stream="ORDERS", sequence=6)
    opened.stored(other, 1, 0.0)
    assert ["open already, at 500" in refusal.reason for refusal in batch(other, [], orders[2:]).refusals] == [True]
    note = NoteOrdered(
        agency="demo", id="1" * 32, by="x", reason="y", given_at="2026-06-17T02:00:00.000000Z",
        series="received", year=THIS_YEAR, number=1, text="ดำเนินการแล้ว",
    )  # fmt: skip
    odd = [
        OrderRead(agency="demo", subject="s", position=Position(stream="ORDERS", sequence=8), order=note),
        OrderRead(
            agency="demo", subject="s", position=Position(stream="ORDERS", sequence=9), order=None, problem="odd"
        ),
    ]
    refused = batch(known, [], odd)
    assert [refusal.reason for refusal in refused.refusals][1] == "odd"
    assert "there is no entry 1" in refused.refusals[0].reason


def test_orders_come_before_the_letters_of_the_same_batch() -> None:
    found = batch(known_at(), [at(received(), 1)], [opening(500)])
    assert [type(event) for event in events(found)] == [BookOpened, LetterEntered, LetterRecorded, LetterGuarded]
    assert entered(found)[0].reached == Reached(
        mail=Position(stream=MAIL, sequence=1), orders=Position(stream="ORDERS", sequence=5)
    )


def test_a_classified_letter_shows_nothing() -> None:
    event = received(lines=HeaderLines(subject="ลับมาก แผนปฏิบัติการ", message_id="<s@x>", from_="x@y"))
    sealed = batch(known_at(), [at(event, 1, agency(registrar_certificate="PEM"))])
    row, record, _ = events(sealed)
    assert isinstance(row, LetterEntered)
    assert isinstance(record, LetterRecorded)
    assert row.series == "classified"
    assert (record.message_id, record.sender, record.author, record.subject) == (None, None, None, None)
    assert record.enveloped == "PEM"
    assert not any("แผน".encode() in message.body for message in sealed.messages)
    bare = events(batch(known_at(), [at(event, 1)]))[1]
    assert isinstance(bare, LetterRecorded)
    assert bare.enveloped is None


def test_a_batch_never_holds_more_than_the_server_takes() -> None:
    agencies = [agency(f"a{n}", first={f"received/{THIS_YEAR}": 2}) for n in range(300)]
    letters = [at(received(own.id), n + 1, own) for n, own in enumerate(agencies)]
    found = batch(known_at(), letters)
    assert len(found.messages) <= BATCH_MESSAGES
    assert found.letters < 300
    assert found.reached.mail == Position(stream=MAIL, sequence=found.letters)


def test_a_batch_of_large_records_is_closed_in_time() -> None:
    lines = HeaderLines(subject="ก" * 20_000)
    letters = [at(received(lines=lines), n + 1) for n in range(300)]
    found = batch(known_at(), letters)
    assert 0 < found.letters < 300
    assert found.size < 5_000_000


def test_more_orders_than_a_batch_holds() -> None:
    orders = [opening(2, n + 1, f"a{n}") for n in range(1_200)]
    known = known_at()
    first = batch(known, [at(received(), 1)], orders)
    assert first.letters == 0, "letters wait for the orders before them"
    assert len(first.messages) <= BATCH_MESSAGES
    first.stored(known, len(first.messages), 0.0)
    second = batch(known, [at(received(), 1)], orders[first.orders :])
    assert (second.letters, first.orders + second.orders) == (1, 1_200)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_end_of_a_book_is_known_after_a_batch_as_if_it_were_read(count: int) -> None:
    known = known_at(100)
    found = batch(known, [at(received(), n + 1) for n in range(count)])
    found.stored(known, 100 + len(found.messages), 0.0)
    body = found.messages[3 * (count - 1)].body
    read = end(body, 100 + 3 * (count - 1) + 1)
    assert msgspec.structs.replace(known.ends[BOOK], reached=read.reached) == read
    assert known.last == 100 + 3 * count
    assert known.reached == read.reached


def test_years_come_in_order() -> None:
    old, new = Position(stream="MAIL_2569", sequence=900), Position(stream="MAIL_2570", sequence=1)
    assert at_or_before(old, new)
    assert not at_or_before(new, old)
    assert not at_or_before(old, None)
    known = known_at()
    known.reach(Reached(mail=new))
    known.reach(Reached(mail=old))
    assert known.reached.mail == new


def test_numbered_letters_are_forgotten_by_age_and_by_bound() -> None:
    known = Known(remembered=3)
    known.numbered.add(["a", "b", "c", "d"], 0.0)
    assert [mail in known.numbered for mail in "abcd"] == [False, True, True, True]
    known.numbered.add(["e"], 15 * 86_400.0)
    assert len(known.numbered) == 1, "their guards have expired: a copy now is a letter of its own"


class Stream:
    """What JetStream promises of one atomic batch, and nothing else: the model the core is held against."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def last_of(self, subject: str) -> int:
        return max((n for n, (name, _) in enumerate(self.messages, 1) if name == subject), default=0)

    def commit(self, found: Batch) -> int | None:
        staged = len(self.messages)
        for message in found.messages:
            expected = message.headers.get(EXPECTED)
            if expected is not None and int(expected) != self.last_of(message.subject):
                return None
            if message.headers.get(EXPECTED_STREAM) not in (None, str(staged)):
                return None
        self.messages += [(message.subject, message.body) for message in found.messages]
        return len(self.messages)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["demo", "two"]), st.booleans()), min_size=1, max_size=25),
    st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4), st.sampled_from(["ok", "lost", "crash"])), max_size=40),
)
def test_two_workers_any_schedule(arrivals: list[tuple[int, str, bool]], schedule: list[tuple[int, int, str]]) -> None:
    """Whoever acts when, whatever answer is lost: every letter once, in order, without a hole."""
    letters: list[Assessment] = []
    copies: dict[tuple[int, str, bool], MailReceived] = {}
    for sequence, (name, of, report) in enumerate(arrivals, 1):
        event = copies.setdefault((name, of, report), received(of, sender="" if report else "a@b.example"))
        letters.append(at(event, sequence, agency(of, first=FIRST) if of == "two" else agency(of)))
    stream = Stream()
    workers = [_begin(stream), _begin(stream)]
    for who, count, outcome in [*schedule, *[(0, 25, "ok")] * 3]:
        known = workers[who]
        todo = [one for one in letters if not at_or_before(one.position, known.reached.mail)][:count]
        _learn(stream, known, todo)
        todo = [one for one in todo if not at_or_before(one.position, known.reached.mail)]
        if not todo:
            workers[who] = _begin(stream)
            continue
        found = numbering.number(todo, [], known, lambda: b"s" * 32, lambda _, __: None)
        last = None if outcome == "crash" else stream.commit(found)
        if last is None or outcome == "lost":
            workers[who] = _begin(stream)
            workers[who].numbered.add(
                [
                    mail
                    for one in todo
                    if stream.last_of(f"register.v1.letter.{one.letter.event.agency}.{(mail := one.letter.event.mail)}")
                ],
                0.0,
            )
        else:
            found.stored(known, last, 0.0)
    rows: list[Event] = [
        codec.decode(body) for subject, body in stream.messages if ".entered." in subject or ".notice." in subject
    ]
    places = [row.position.sequence for row in rows if isinstance(row, LetterEntered | NoticeKept) and row.position]
    assert places == list(range(1, len(arrivals) + 1))
    mails = [row.mail for row in rows if isinstance(row, LetterEntered)]
    assert len(mails) == len(set(mails)) == len(copies)
    for book in {row.nats_subject for row in rows if isinstance(row, LetterEntered)}:
        numbers = [row.number for row in rows if isinstance(row, LetterEntered) and row.nats_subject == book]
        first = 8_432 if ".two.received." in book else 1
        assert numbers == list(range(first, first + len(numbers)))


def _begin(stream: Stream) -> Known:
    known = known_at(len(stream.messages))
    for subject, body in stream.messages:
        if ".entered." in subject:
            known.reach(end(body, 1).reached)
        elif ".notice." in subject:
            known.reach(codec.decode(body, NoticeKept).reached)
    return known


def _learn(stream: Stream, known: Known, letters: Sequence[Assessment]) -> None:
    books, agencies = numbering.needs(letters, [])
    for book in books - known.ends.keys():
        sequence = stream.last_of(book)
        known.ends[book] = end(stream.messages[sequence - 1][1], sequence) if sequence else empty(book)
    for name in agencies - known.notices.keys():
        known.notices[name] = stream.last_of(f"register.v1.notice.{name}")
