"""REGISTER made again: equal to what was signed, brought back from receipts, or refused with a sentence."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from contracts import chain, codec
from contracts.event import Event
from contracts.findings import CheckpointSealed, ReceiptSealed
from contracts.golden import examples
from contracts.notices import SenderReceipted
from contracts.register import LetterEntered
from services.rebuild import rebuild as rebuilding
from services.runtime.bus import Bus
from tests.books import put, received, store, until, worker
from tests.copies import BOOK, Copy, Kept, copied, good_state, said
from tests.rebuilding import original, rebuilt, rows, says
from tests.servers import NatsServer
from tests.waiting import until_it

TWO = BOOK.replace("demo", "two")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Letters of two agencies, an opening by order, one by the directory, a repeat, a notice; receipts and heads."""
    built = good_state(tmp_path_factory.mktemp("good"))
    for book in (BOOK, TWO):
        head(built, book, 4)
        head(built, book, length(built, book))
    return built


def length(state: Copy, book: str) -> int:
    return len(state.find("REGISTER", lambda kept: kept.subject == book))


def head(state: Copy, book: str, at: int) -> None:
    """Sign the head of a book where it has the length `at`."""
    link = chain.first_link(book)
    rows = state.find("REGISTER", lambda kept: kept.subject == book)[:at]
    for sequence in rows:
        link = chain.next_link(link, state.at("REGISTER", sequence).body)
    agency, series, year = book.split(".")[3:]
    example = examples()[CheckpointSealed]
    assert isinstance(example, CheckpointSealed)
    sealed = CheckpointSealed(
        agency=agency, series=series, year=int(year), sequence=rows[-1], length=at, link=link,  # type: ignore[arg-type]  # one of its literals
        signed_at=example.signed_at, signature=example.signature, token=example.token,
    )  # fmt: skip
    state.streams["FINDINGS"].append(Kept(sealed.nats_subject, codec.encode_headers(sealed), codec.encode(sealed)))


def older(number: int) -> Callable[[Copy], None]:
    """REGISTER as it was before the row of this number of the first book."""

    def cut(state: Copy) -> None:
        del state.streams["REGISTER"][state.row(number) - 1 :]

    return cut


async def test_a_good_register_equals_the_signed_heads(tmp_path: Path, state: Copy) -> None:
    async with copied(tmp_path, state, lambda _: None) as (_, bus):
        found = await rebuilt(bus, apply=False)
    assert found.problems == []
    assert (found.heads, found.rows, found.notices, found.additions) == (3, 13, 2, [])


@pytest.mark.parametrize("number", [101, 103, 106])
async def test_a_backup_older_than_mail_is_brought_back_octet_for_octet(
    tmp_path: Path, state: Copy, number: int
) -> None:
    async with copied(tmp_path, state, older(number)) as (server, bus):
        found = await rebuilt(bus, apply=True)
        assert found.problems == []
        assert (found.restored > 3, found.numbered_again, found.heads) == (True, 0, 3)
        for book in (BOOK, TWO):
            assert await rows(bus, book) == original(state, book)
        again = await rebuilt(bus, apply=False)
        assert (again.problems, again.additions, again.heads) == ([], [], 3), "what was written is what was signed"
        # The signature of the heads is that of an example; whether they are the books' heads is compared all the same.
        against = [problem for problem in await said(bus) if "its signature cannot be read" not in problem]
        assert against == [], "and the audit says nothing against it"
        await store(bus, [received()])
        async with worker(server.settings()):
            books = await until(bus, 18)
        assert [row.number for row in books.entered()][-1] == books.entered()[-2].number + 1
        assert books.entered()[-1].number == 110


def without_receipt(number: int) -> Callable[[Copy], None]:
    def cut(state: Copy) -> None:
        row = state.at("REGISTER", state.row(number)).body
        (place,) = state.find("FINDINGS", lambda kept: b"receipt" in kept.subject.encode() and proves(kept, row))
        del state.streams["FINDINGS"][place - 1]
        older(103)(state)

    return cut


def proves(kept: Kept, row: bytes) -> bool:
    event: Event = codec.decode(kept.body)
    return isinstance(event, ReceiptSealed) and event.receipt.proof.row == row


async def test_a_row_that_nothing_holds_is_not_made_up(tmp_path: Path, state: Copy) -> None:
    async with copied(tmp_path, state, without_receipt(104)) as (_, bus):
        before = (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"]
        found = await rebuilt(bus, apply=True)
        (problem,) = found.problems
        assert "does not continue the one before it" in problem
        assert (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"] == before, "nothing is written"


async def test_a_head_that_the_book_does_not_come_to_is_said(tmp_path: Path, state: Copy) -> None:
    """No receipts are left: numbering anew would give rows that the signed head does not know."""

    def cut(copy: Copy) -> None:
        kept = [one for one in copy.streams["FINDINGS"] if one is not None and ".checkpoint." in one.subject]
        copy.streams["FINDINGS"] = list(kept)
        older(103)(copy)

    async with copied(tmp_path, state, cut) as (_, bus):
        found = await rebuilt(bus, apply=True)
    assert "a head of length" in found.problems[0]
    assert "nothing holds the rows" in found.problems[0]


async def test_what_was_changed_is_named(tmp_path: Path, state: Copy) -> None:
    def forged(copy: Copy) -> None:
        copy.edit("REGISTER", copy.row(104), sha256="0" * 64)
        copy.chained()

    async with copied(tmp_path, state, forged) as (_, bus):
        found = await rebuilt(bus, apply=False)
    assert "sha256 is 0000" in found.problems[0]


async def test_a_running_register_is_not_written_beside(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus)
    async with worker(nats_server.settings()):
        await store(bus, [received()])
        await until(bus, 1)
        with pytest.raises(rebuilding.RunningError, match="stop it first"):
            async with rebuilding.alone(bus):
                pass


async def test_the_register_does_not_number_on_behind_what_was_signed(tmp_path: Path, state: Copy) -> None:
    async with copied(tmp_path, state, older(103)) as (server, bus):
        before = (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"]
        async with worker(server.settings()) as readiness:
            await until_it(lambda: says(readiness, "an older copy was brought back"))
        assert (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"] == before
        assert (await rebuilt(bus, apply=True)).problems == []
        await store(bus, [received()])
        async with worker(server.settings()):
            books = await until(bus, 18)
        assert books.entered()[-1].number == 110, "and goes on when it is whole again"


@pytest.mark.parametrize("kind", ["checkpoint", "receipt", "mail"])
async def test_one_word_of_a_lost_row_is_enough(tmp_path: Path, state: Copy, kind: str) -> None:
    """A head, a receipt or a mail, also where it is not the newest message of its stream."""
    lost = state.row(109)
    bodies = [one.body for one in state.streams["REGISTER"][lost - 1 :] if one]

    def cut(copy: Copy) -> None:
        findings = [one for one in copy.streams["FINDINGS"] if one]
        speak = [one for one in findings if speaks(one, lost, bodies)]
        others = [one for one in findings if one not in speak]
        copy.streams["FINDINGS"] = [*[one for one in speak if f".{kind}." in one.subject][:1], *others]
        older(109)(copy)

    event = codec.decode(state.at("REGISTER", lost).body, LetterEntered)
    example = examples()[SenderReceipted]
    assert isinstance(example, SenderReceipted)
    assert event.position is not None
    async with copied(tmp_path, state, cut) as (server, bus):
        before = (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"]
        if kind == "mail":
            await bus.publish(msgspec.structs.replace(example, agency="demo", position=event.position))
        async with worker(server.settings()) as readiness:
            await until_it(lambda: says(readiness, "an older copy"))
        assert (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"] == before


def speaks(one: Kept, lost: int, bodies: list[bytes]) -> bool:
    """Whether a message of FINDINGS speaks of a row at or behind `lost`."""
    if ".checkpoint." in one.subject:
        return codec.decode(one.body, CheckpointSealed).sequence >= lost
    return any(proves(one, body) for body in bodies)


@pytest.mark.parametrize("number", [109, 7])
async def test_a_number_that_only_a_mail_has_told(tmp_path: Path, state: Copy, number: int) -> None:
    """No receipt is left, but a mail has told a number: the letter gets that one again, or nothing is written."""

    def cut(copy: Copy) -> None:
        row = copy.at("REGISTER", copy.row(109)).body
        copy.streams["FINDINGS"] = [
            one for one in copy.streams["FINDINGS"] if one and ".receipt." in one.subject and not proves(one, row)
        ]
        older(109)(copy)

    event = codec.decode(state.at("REGISTER", state.row(109)).body, LetterEntered)
    example = examples()[SenderReceipted]
    assert isinstance(example, SenderReceipted)
    assert event.position is not None
    told = msgspec.structs.replace(
        example, agency="demo", series=event.series, year=event.year, number=number, position=event.position
    )
    async with copied(tmp_path, state, cut) as (_, bus):
        await bus.publish(told)
        found = await rebuilt(bus, apply=True)
        written = len(await rows(bus, BOOK)) == len(original(state, BOOK))
    if number == 109:
        assert (found.problems, found.numbered_again, written) == ([], 1, True)
    else:
        assert "a mail has told that it is number 7" in found.problems[0]
        assert not written
