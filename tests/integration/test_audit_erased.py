"""The audit still holds where something is lawfully gone, or not there yet (invariant 12)."""

from pathlib import Path

from services.runtime.bus import Bus
from tests.books import MAIL
from tests.conftest import THIS_YEAR
from tests.copies import Copy, audited, copied, said

TWO = f"register.v1.entered.two.received.{THIS_YEAR}"


def nothing(_: Copy) -> None:
    pass


async def erase(bus: Bus, stream: str, *sequences: int) -> None:
    """As the retention role does it, with its own user."""
    retention = await Bus.connect(bus.settings, "retention")
    for sequence in sequences:
        await retention.api(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence})
    await retention.close()


async def test_it_holds_when_a_record_was_erased(good: Copy, tmp_path: Path) -> None:
    async with copied(tmp_path, good, nothing) as (_, bus):
        await erase(bus, "REGISTER", good.row(101) + 1, good.row(8432, TWO) + 1)
        report = await audited(bus)
    assert [str(problem) for problem in report.problems] == []
    assert (report.counts.erased_records, report.counts.rows) == (2, 13)


async def test_it_holds_when_letters_were_erased(good: Copy, tmp_path: Path) -> None:
    (first, *_) = good.find(MAIL, lambda kept: kept.subject == "mail.v1.part.demo")
    async with copied(tmp_path, good, nothing) as (_, bus):
        await erase(bus, MAIL, good.place(101), good.place(8432, TWO), *range(first, first + 4))
        report = await audited(bus)
    assert [str(problem) for problem in report.problems] == []
    assert (report.counts.erased_letters, report.counts.letters) == (3, 12)


async def test_it_holds_when_only_the_parts_of_a_letter_were_erased(good: Copy, tmp_path: Path) -> None:
    (first, *_) = good.find(MAIL, lambda kept: kept.subject == "mail.v1.part.demo")
    async with copied(tmp_path, good, nothing) as (_, bus):
        await erase(bus, MAIL, first + 1)
        report = await audited(bus)
    assert (report.problems, report.counts.erased_letters) == ([], 1)


async def test_it_holds_when_guards_have_expired(good: Copy, tmp_path: Path) -> None:
    async with copied(tmp_path, good, nothing) as (_, bus):
        await erase(bus, "REGISTER", *good.find("REGISTER", lambda kept: ".letter." in kept.subject))
        assert await said(bus) == []


async def test_it_holds_while_the_register_is_behind(good: Copy, tmp_path: Path) -> None:
    """Letters that were not reached are waiting, not lost."""

    def falsify(copy: Copy) -> None:
        # The last letter alone: a notice before it says how far the register had come.
        for sequence in (copy.row(109), copy.row(109) + 1, copy.row(109) + 2):
            copy.remove("REGISTER", sequence)
        copy.remove("FINDINGS", copy.find("FINDINGS", lambda kept: b'"number":109,' in kept.body)[0])

    async with copied(tmp_path, good, falsify) as (_, bus):
        report = await audited(bus)
    assert (report.problems, report.counts.waiting_letters) == ([], 1)


async def test_it_holds_while_sign_is_behind(good: Copy, tmp_path: Path) -> None:
    async with copied(tmp_path, good, lambda copy: copy.streams["FINDINGS"].clear()) as (_, bus):
        # Nobody has acknowledged a row yet.
        await bus.api("CONSUMER.DELETE.REGISTER.sign-entered")
        report = await audited(bus)
    assert [problem.code for problem in report.problems] == ["limit"]
    assert report.counts.waiting_receipts == 13
