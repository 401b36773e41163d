"""`saraban audit` on copies of a good system: as it is, erased in parts, and falsified in one place each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts import codec
from contracts.register import BookOpened, LetterEntered, LetterRecorded, NoticeKept
from contracts.values import sha256_hex
from tests.books import MAIL
from tests.conftest import THIS_YEAR
from tests.copies import Copy, audited, copied, kinds, said

DEMO = f"demo received {THIS_YEAR}"
TWO = f"register.v1.entered.two.received.{THIS_YEAR}"


def nothing(_: Copy) -> None:
    pass


async def test_a_good_system_holds(good: Copy, tmp_path: Path) -> None:
    async with copied(tmp_path, good, nothing) as (_, bus):
        report = await audited(bus)
    assert [str(problem) for problem in report.problems] == []
    assert report.holds
    counts = msgspec.to_builtins(report.counts)
    octets = counts.pop("octets")
    assert octets > 0
    assert counts == {
        "books": 2, "rows": 13, "notices": 2, "letters": 15, "receipts": 13, "waiting_letters": 0,
        "waiting_receipts": 0, "erased_letters": 0, "erased_records": 0, "other_calendars": 0, "orders": 1,
        "heads": 0, "mails": 0, "waiting_orders": 0, "waiting_heads": 2, "other_places": 0,
    }  # fmt: skip


async def test_one_agency_is_audited_by_itself(good: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        copy.remove("REGISTER", copy.row(8433, TWO))

    async with copied(tmp_path, good, falsify) as (_, bus):
        assert await said(bus, "demo") == []
        found = await said(bus, "two")
    assert len(found) == 6
    assert all("two" in line for line in found)


async def test_a_missing_row(good: Copy, tmp_path: Path) -> None:
    async with copied(tmp_path, good, lambda copy: copy.remove("REGISTER", copy.row(104))) as (_, bus):
        after, place = good.row(105), good.place(104)
        assert await said(bus) == [
            f"record: {DEMO} no. 104 (REGISTER:{good.row(104) + 1}): is a record without its row before it",
            f"guard: {DEMO} no. 104 (REGISTER:{good.row(104) + 2}): guards a number that its letter does not have",
            f"link: {DEMO} no. 105 (REGISTER:{after}): does not continue the row before it: "
            "a row is missing, changed or out of its place",
            f"receipt: {DEMO} no. 104 (FINDINGS:5): is the receipt of an entry that no book has",
            f"number: {DEMO} no. 105 (REGISTER:{after}): number 104 is missing before it",
            f"unnumbered: demo letter at {MAIL}:{place}: has neither a number nor a notice",
        ]


LINK = "does not continue the row before it: a row is missing, changed or out of its place"
FIELDS_OF_A_LETTER = ("mail", "sha256", "size", "received_at", "deemed_at", "record", "position", "reached")


def at(copy: Copy, number: int) -> str:
    return f"{DEMO} no. {number} (REGISTER:{copy.row(number)})"


async def test_two_swapped_rows(good: Copy, tmp_path: Path) -> None:
    one, other = good.row(103), good.row(104)
    async with copied(tmp_path, good, lambda copy: copy.swap("REGISTER", one, other)) as (_, bus):
        found = await said(bus)
    assert [line for line in found if line.startswith(("link", "number", "order"))] == [
        f"link: {DEMO} no. 104 (REGISTER:{one}): {LINK}",
        f"link: {DEMO} no. 103 (REGISTER:{other}): {LINK}",
        f"number: {DEMO} no. 103 (REGISTER:{other}): number 103 comes after 104",
        f"order: {DEMO} no. 103 (REGISTER:{other}): the letter at {MAIL}:{good.place(103)} comes after one that MAIL "
        "stored later",
        f"link: {DEMO} no. 105 (REGISTER:{good.row(105)}): {LINK}",
    ]


async def test_two_letters_that_exchanged_their_numbers_although_all_links_were_written_anew(
    good: Copy, tmp_path: Path
) -> None:
    def falsify(copy: Copy) -> None:
        one, other = copy.row(103), copy.row(104)
        first, second = (msgspec.json.decode(copy.at("REGISTER", n).body) for n in (one, other))
        copy.edit("REGISTER", one, **{name: second[name] for name in FIELDS_OF_A_LETTER})
        copy.edit("REGISTER", other, **{name: first[name] for name in FIELDS_OF_A_LETTER})
        copy.chained()

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert not [line for line in found if line.startswith(("link", "number"))]
    assert (
        f"order: {at(good, 104)}: the letter at {MAIL}:{good.place(103)} comes after one that MAIL stored later"
        in found
    )


def change_octet(copy: Copy, stream: str, sequence: int) -> None:
    kept = copy.at(stream, sequence)
    kept.body = kept.body[:-3] + bytes([kept.body[-3] ^ 1]) + kept.body[-2:]


async def test_a_changed_byte_of_a_letter(good: Copy, tmp_path: Path) -> None:
    place = good.place(102)
    async with copied(tmp_path, good, lambda copy: change_octet(copy, MAIL, place)) as (_, bus):
        (found,) = await said(bus)
    assert found.startswith(f"bytes: demo letter at {MAIL}:{place}: hashes to ")
    assert " as stored; " in found


async def test_a_changed_byte_of_a_letter_in_parts(good: Copy, tmp_path: Path) -> None:
    (part, *_) = good.find(MAIL, lambda kept: kept.subject == "mail.v1.part.demo")
    async with copied(tmp_path, good, lambda copy: change_octet(copy, MAIL, part)) as (_, bus):
        (found,) = await said(bus)
    assert found.startswith(f"bytes: demo letter at {MAIL}:{part + 3}: hashes to ")


async def test_a_letter_that_was_shortened(good: Copy, tmp_path: Path) -> None:
    place = good.place(102)

    def falsify(copy: Copy) -> None:
        copy.at(MAIL, place).body = copy.at(MAIL, place).body[:-1]

    async with copied(tmp_path, good, falsify) as (_, bus):
        size = len(good.at(MAIL, place).body)
        assert await said(bus) == [
            f"bytes: demo letter at {MAIL}:{place}: has {size - 1} octets as stored; {size} were received"
        ]


async def test_a_changed_byte_of_a_row(good: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        kept = copy.at("REGISTER", copy.row(102))
        kept.body = kept.body.replace(b'"number_text":"102/', b'"number_text":"192/')

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert found == [
        f"link: {at(good, 103)}: {LINK}",
        f"receipt: {DEMO} no. 102 (FINDINGS:3): shows another row than REGISTER:{good.row(102)}",
    ]


async def test_a_changed_byte_of_a_record(good: Copy, tmp_path: Path) -> None:
    record = good.row(102) + 1
    async with copied(tmp_path, good, lambda copy: copy.edit("REGISTER", record, sender="other@sender.example")) as (
        _,
        bus,
    ):
        assert await said(bus) == [
            f"record: {DEMO} no. 102 (REGISTER:{record}): is not the record that its row commits to"
        ]


async def test_a_number_twice(good: Copy, tmp_path: Path) -> None:
    row = good.row(105)

    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", row, number=104)
        copy.chained()

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert f"number: {DEMO} no. 104 (REGISTER:{row}): number 104 is given twice; the next was 105" in found
    assert f"number: {at(good, 106)}: number 105 is missing before it" in found


async def test_a_letter_without_a_number(good: Copy, tmp_path: Path) -> None:
    """The last row of a book is cut off with all that belongs to it; the book itself shows nothing."""
    row = good.row(8434, TWO)

    def falsify(copy: Copy) -> None:
        for sequence in (row, row + 1, row + 2):
            copy.remove("REGISTER", sequence)
        (receipt,) = copy.find("FINDINGS", lambda kept: msgspec.json.decode(kept.body)["receipt"]["number"] == 8434)
        copy.remove("FINDINGS", receipt)

    async with copied(tmp_path, good, falsify) as (_, bus):
        assert await said(bus) == [
            f"unnumbered: two letter at {MAIL}:{good.place(8434, TWO)}: has neither a number nor a notice"
        ]


async def test_a_letter_that_is_said_to_be_a_repeat_but_has_no_number(good: Copy, tmp_path: Path) -> None:
    ((sequence, _),) = [found for found in kinds(good, NoticeKept) if found[1].kind == "repeated"]
    other = "b" * 52
    async with copied(tmp_path, good, lambda copy: copy.edit("REGISTER", sequence, mail=other)) as (_, bus):
        found = await said(bus)
    assert f"unnumbered: demo notice (REGISTER:{sequence}): is said to be a repeat, but no book has the letter" in found


@pytest.mark.parametrize(
    ("header", "value", "sentence"),
    [
        ("ce-receivedat", f"{THIS_YEAR - 543}-06-17T02:59:59.000000Z", "received_at is {}; the ingress said {}"),
        ("ce-boundms", "0.1", "bound_ms is {}; the ingress said {}"),
        ("ce-withinbound", "false", "within_bound is {}; the ingress said {}"),
    ],
)
async def test_a_stamp_changed_in_mail(good: Copy, tmp_path: Path, header: str, value: str, sentence: str) -> None:
    place = good.place(102)
    row = codec.decode(good.at("REGISTER", good.row(102)).body, LetterEntered)
    was = {"ce-receivedat": row.received_at, "ce-boundms": row.bound_ms, "ce-withinbound": row.within_bound}[header]

    def falsify(copy: Copy) -> None:
        assert header in copy.at(MAIL, place).headers
        copy.at(MAIL, place).headers[header] = value

    async with copied(tmp_path, good, falsify) as (_, bus):
        said_now: Any = {"false": False}.get(value, value)
        assert await said(bus) == [f"stamp: {at(good, 102)}: {sentence.format(was, said_now)}"]


async def test_a_stamp_changed_in_the_last_row(good: Copy, tmp_path: Path) -> None:
    """No row follows that would show it."""
    earlier = f"{THIS_YEAR - 543}-06-17T02:00:00.000000Z"
    async with copied(tmp_path, good, lambda copy: copy.edit("REGISTER", copy.row(109), received_at=earlier)) as (
        _,
        bus,
    ):
        found = await said(bus)
    was = f"{THIS_YEAR - 543}-06-17T03:00:21.000000Z"
    assert f"stamp: {at(good, 109)}: received_at is {earlier}; the ingress said {was}" in found


async def test_a_deemed_time_changed_although_all_links_were_written_anew(good: Copy, tmp_path: Path) -> None:
    later = f"{THIS_YEAR - 543}-06-18T08:30:00+07:00"

    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", copy.row(103), deemed_at=later)
        copy.chained()

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    row = codec.decode(good.at("REGISTER", good.row(103)).body, LetterEntered)
    assert f"deemed: {at(good, 103)}: is deemed received at {later}; its calendar says {row.deemed_at}" in found


@pytest.mark.parametrize(
    ("stream", "change", "sentence"),
    [
        ("REGISTER", {"max_age": 3_600_000_000_000}, "limit: REGISTER: max_age is 3600000000000, wanted 0"),
        (MAIL, {"max_msgs": 1_000}, f"limit: {MAIL}: max_msgs is 1000, wanted -1"),
        ("FINDINGS", {"max_bytes": 10_000_000}, "limit: FINDINGS: max_bytes is 10000000, wanted -1"),
        ("ORDERS", {"discard": "old"}, "limit: ORDERS: discard is 'old', wanted 'new'"),
        ("REGISTER", {"max_msgs_per_subject": 50}, "limit: REGISTER: max_msgs_per_subject is 50, wanted -1"),
    ],
)
async def test_a_changed_stream_limit(
    good: Copy, tmp_path: Path, stream: str, change: dict[str, object], sentence: str
) -> None:
    async with copied(tmp_path, good, nothing) as (_, bus):
        config = (await bus.api(f"STREAM.INFO.{stream}"))["config"]
        await bus.api(f"STREAM.UPDATE.{stream}", {**config, **change})
        assert await said(bus) == [sentence]


@pytest.mark.parametrize(
    ("falsify", "sentence"),
    [
        (
            lambda copy: copy.remove("FINDINGS", 3),
            "receipt: letter at {mail}:{place} (row at REGISTER:{row}): has no final receipt, "
            "though sign has settled it",
        ),
        (
            lambda copy: copy.streams["FINDINGS"].append(copy.at("FINDINGS", 3)),
            "receipt: {demo} no. 102 (FINDINGS:14): is another final receipt of the same letter",
        ),
    ],
)
async def test_a_receipt_too_few_or_too_many(
    good: Copy, tmp_path: Path, falsify: Callable[[Copy], object], sentence: str
) -> None:
    async with copied(tmp_path, good, falsify) as (_, bus):
        words = {"mail": MAIL, "place": good.place(102), "row": good.row(102), "demo": DEMO}
        assert await said(bus) == [sentence.format(**words)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"number": 777}, "does not say what its row says: number"),
        ({"register_number": "1/1"}, "does not say what its row says: register number"),
        ({"sha256": "0" * 64}, "does not say what its row says: digest"),
    ],
)
async def test_a_receipt_that_says_something_else(
    good: Copy, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    def falsify(copy: Copy) -> None:
        receipt = msgspec.json.decode(copy.at("FINDINGS", 3).body)["receipt"]
        copy.edit("FINDINGS", 3, receipt=receipt | changes)

    async with copied(tmp_path, good, falsify) as (_, bus):
        number = changes.get("number", 102)
        assert await said(bus) == [f"receipt: {DEMO} no. {number} (FINDINGS:3): {words}"]


async def test_a_receipt_with_another_link_than_its_row(good: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        receipt = msgspec.json.decode(copy.at("FINDINGS", 3).body)["receipt"]
        copy.edit("FINDINGS", 3, receipt=receipt | {"proof": receipt["proof"] | {"link": "0" * 64}})

    async with copied(tmp_path, good, falsify) as (_, bus):
        assert await said(bus) == [f"receipt: {DEMO} no. 102 (FINDINGS:3): gives another link than its row has"]


async def test_a_letter_numbered_a_second_time(good: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        mail = msgspec.json.decode(copy.at("REGISTER", copy.row(102)).body)["mail"]
        copy.edit("REGISTER", copy.row(109), mail=mail)

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert f"twice: {at(good, 109)}: is a letter that has a number already: {at(good, 102)}" in found


async def test_a_row_that_names_what_is_no_letter_or_nothing(good: Copy, tmp_path: Path) -> None:
    (part, *_) = good.find(MAIL, lambda kept: kept.subject == "mail.v1.part.demo")

    def falsify(copy: Copy) -> None:
        for number, sequence in ((104, part), (109, 999)):
            position = {"stream": MAIL, "sequence": sequence}
            copy.edit("REGISTER", copy.row(number), position=position)

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert f"letter: {at(good, 104)}: names {MAIL}:{part}, where mail.v1.part.demo lies" in found
    end = len(good.streams[MAIL])
    assert f"letter: {at(good, 109)}: names {MAIL}:999, and the stream ends at {end}" in found


async def test_an_opening_changed(good: Copy, tmp_path: Path) -> None:
    (opening,) = [sequence for sequence, event in kinds(good, BookOpened) if event.agency == "demo"]

    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", opening, first=90)
        copy.chained()

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert f"row: {DEMO} (REGISTER:{opening}): is not what the order at ORDERS:1 says: first" in found
    assert f"number: {at(good, 100)}: the book begins with 100 instead of 90" in found


async def test_a_guard_that_says_another_number(good: Copy, tmp_path: Path) -> None:
    guard = good.row(102) + 2
    async with copied(tmp_path, good, lambda copy: copy.edit("REGISTER", guard, number=103)) as (_, bus):
        assert await said(bus) == [
            f"guard: {DEMO} no. 103 (REGISTER:{guard}): guards a number that its letter does not have"
        ]


async def test_what_is_no_row(good: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        copy.at("REGISTER", copy.row(102)).body = b"{}"

    row = good.row(102)
    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert found[0].startswith(f"row: {DEMO} (REGISTER:{row}): is no row of a book: ")
    assert f"link: {at(good, 103)}: {LINK}" in found
    assert f"unnumbered: demo letter at {MAIL}:{good.place(102)}: has neither a number nor a notice" in found


async def test_records_are_bound_by_their_salt(good: Copy, tmp_path: Path) -> None:
    """Whoever knows sender and subject cannot confirm an erased record: the digest is over 32 random octets too."""
    salts = [event.salt for _, event in kinds(good, LetterRecorded)]
    assert len(set(salts)) == len(salts)
    for sequence, event in kinds(good, LetterRecorded):
        row = codec.decode(good.at("REGISTER", sequence - 1).body, LetterEntered)
        assert row.record == sha256_hex(codec.encode(event))
