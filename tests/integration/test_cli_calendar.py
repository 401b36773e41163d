"""`saraban agency calendar`, and the refusal of hours and days off that a row of the register would contradict."""

import asyncio
import json
from pathlib import Path

import pytest

from contracts.directory import Agency, Hours, LaterHours, Overlay
from services.commands import toml
from services.commands.agency_file import FileFormat, written
from services.runtime import directory
from services.runtime.bus import Bus
from tests.books import agency, put, received, store, until, worker
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.world import Typed, typed

CE = THIS_YEAR - 543
WEDNESDAY = "2026-06-17"
"""Letters of tests/books.py come on 17 June at 10:00."""

pytestmark = pytest.mark.skipif(CE != 2026, reason="the days of the week below are those of 2569")


@pytest.fixture
def config(nats_server: NatsServer, tmp_path: Path) -> Path:
    """Where the running system is."""
    settings = nats_server.settings()
    file = tmp_path / "saraban.toml"
    values = {"servers": list(settings.servers), "monitors": list(settings.monitors), "users": dict(settings.users)}
    file.write_text(toml.dumps({"nats": values}), encoding="utf-8")
    return file


@pytest.fixture
async def numbered(nats_server: NatsServer, bus: Bus) -> Bus:
    """An agency with a letter of Wednesday 10:00, and one that came after hours on the Tuesday before."""
    await put(bus, agency())
    events = [
        received(received_at="2026-06-16T11:00:00.000000Z"),
        received(received_at=f"{WEDNESDAY}T03:00:00.000000Z"),
    ]
    async with worker(nats_server.settings()):
        await store(bus, events)
        await until(bus, 2)
    return bus


async def command(config: Path, *words: str) -> Typed:
    return await asyncio.to_thread(typed, [*words, "--config", str(config)])


async def imported(config: Path, tmp_path: Path, text: str) -> Typed:
    file = tmp_path / "calendar.toml"
    file.write_text(text, encoding="utf-8")
    return await command(config, "agency", "calendar", "demo", "--import", str(file))


async def known(bus: Bus) -> Agency:
    found = await directory.Directory.watch(bus)
    try:
        await found.wait_loaded()
        entry = found.agency("demo")
        assert entry is not None
        return entry
    finally:
        await found.close()


REFUSED = (
    f'[closed]\n"{WEDNESDAY}" = "ปิด"',
    '[closed]\n"2569-06-17" = "ปิด"',
    '[[hours]]\nopens = "10:30"\ncloses = "16:30"',
    '[[hours]]\nfrom = 2026-06-17\nopens = "09:00"\ncloses = "16:30"',  # the one of the day before would come later
    '[[hours]]\nfrom = "2569-01-01"\nopens = "08:30"\ncloses = "18:30"',  # the same one would not have waited
)


async def test_what_a_row_would_contradict_is_refused(numbered: Bus, config: Path, tmp_path: Path) -> None:
    for text in REFUSED:
        done = await imported(config, tmp_path, text)
        assert done.returncode == 1, text + done.stdout + done.stderr
        assert "would change what the register says: number " in done.stderr
        assert "Nothing was changed" in done.stderr
        assert "Traceback" not in done.stderr
    assert await known(numbered) == agency()


async def test_the_first_row_is_named_with_both_times(numbered: Bus, config: Path, tmp_path: Path) -> None:
    done = await imported(config, tmp_path, f'[closed]\n"{WEDNESDAY}" = "ปิด"')
    assert "number 1/2569 (received/2569) was received 16 มิ.ย. 2569 18:00:00" in done.stderr
    assert (
        "stands as deemed received 17 มิ.ย. 2569 08:30:00; by the change it would be 18 มิ.ย. 2569 08:30:00"
        in done.stderr
    )
    assert "and so would 1 other" in done.stderr


async def test_the_whole_entry_is_no_way_around(numbered: Bus, config: Path, tmp_path: Path) -> None:
    changed = agency(overlay=Overlay(closed={WEDNESDAY: "ปิด"}), name="ชื่อใหม่")
    file = tmp_path / "agency.toml"
    file.write_text(written([changed, agency("other")], FileFormat.TOML), encoding="utf-8")
    done = await command(config, "agency", "import", str(file))
    assert done.returncode == 1
    assert "would change what the register says" in done.stderr
    assert await known(numbered) == agency()
    assert "other" not in (await command(config, "agency", "list")).stdout, "all of a file or nothing"


async def test_an_agency_taken_out_and_put_in_again_still_has_its_books(
    numbered: Bus, config: Path, tmp_path: Path
) -> None:
    await directory.remove(numbered, "demo")
    file = tmp_path / "agency.toml"
    file.write_text(written([agency(overlay=Overlay(closed={WEDNESDAY: "ปิด"}))], FileFormat.TOML), encoding="utf-8")
    assert (await command(config, "agency", "import", str(file))).returncode == 1
    file.write_text(written([agency()], FileFormat.TOML), encoding="utf-8")
    assert (await command(config, "agency", "import", str(file))).returncode == 0


async def test_what_is_still_to_come_is_taken_and_only_new_answers_change(
    nats_server: NatsServer, numbered: Bus, config: Path, tmp_path: Path
) -> None:
    """A day off that was not known when the year began, such as Royal Ploughing Day, and hours from a later day on."""
    before = (await until(numbered, 2)).entered()
    done = await imported(
        config,
        tmp_path,
        '[closed]\n"2569-06-18" = "วันหยุดพิเศษ"\n\n[[hours]]\nfrom = "2569-06-19"\nopens = "09:00"\ncloses = "15:30"',
    )
    assert done.returncode == 0, done.stderr
    assert "พฤหัสบดี 18 มิ.ย. 2569: closed now, วันหยุดพิเศษ" in done.stderr
    assert await known(numbered) == agency(
        overlay=Overlay(closed={"2026-06-18": "วันหยุดพิเศษ"}),
        hours=Hours(later=(LaterHours(valid_from="2026-06-19", opens="09:00", closes="15:30"),)),
    )
    async with worker(nats_server.settings()):
        await store(numbered, [received(received_at=f"{WEDNESDAY}T10:00:00.000000Z")])
        rows = (await until(numbered, 3)).entered()
    assert rows[:2] == before
    assert rows[2].deemed_at == "2026-06-19T09:00:00+07:00"
    assert rows[2].calendar != rows[1].calendar
    again = await imported(config, tmp_path, '[closed]\n"2569-06-19" = "ปิด"')
    assert again.returncode == 1, "now that day has a row"
    assert "number 3/2569" in again.stderr


async def test_a_day_announced_later_is_taken_unless_letters_came_on_it(
    nats_server: NatsServer, numbered: Bus, config: Path, tmp_path: Path
) -> None:
    """Royal Ploughing Day of 2570 is not known yet: until it is, offices are open on it."""
    async with worker(nats_server.settings()):
        await store(numbered, [received(received_at="2027-05-12T03:00:00.000000Z")])
        await until(numbered, 3)
    late = await imported(config, tmp_path, '[closed]\n"2570-05-12" = "วันพืชมงคล"')
    assert late.returncode == 1
    assert "number 1/2570 (received/2570) was received 12 พ.ค. 2570 10:00:00" in late.stderr
    assert (await imported(config, tmp_path, '[closed]\n"2570-05-13" = "วันพืชมงคล"')).returncode == 0


async def test_a_file_replaces_the_years_it_names_and_no_other(numbered: Bus, config: Path, tmp_path: Path) -> None:
    await imported(
        config, tmp_path, '[closed]\n"2570-02-02" = "หนึ่ง"\n"2571-02-02" = "สอง"\n[open]\n"2570-02-06" = "สาม"'
    )
    await imported(config, tmp_path, '[closed]\n"2570-03-03" = "ใหม่"')
    assert (await known(numbered)).overlay == Overlay(closed={"2027-03-03": "ใหม่", "2028-02-02": "สอง"})
    await imported(config, tmp_path, "years = [2570, 2571]")
    assert (await known(numbered)).overlay == Overlay()


MEANT_OTHERWISE = (
    ('[closed]\n"2569-02-29" = "ไม่มีวันนี้"', "'2569-02-29' is no day of the calendar"),
    ('[closed]\n"17 มิ.ย." = "x"', "is no date such as"),
    ('[closed]\n"2569-06-17" = " "', "has no reason"),
    ('[closed]\n"2569-06-17" = "x"\n"2026-06-17" = "x"', "in both eras"),
    ('[clossed]\n"2569-06-17" = "x"', "clossed"),
    ('[[hours]]\nopens = "9:00"\ncloses = "16:30"', "hours"),
    ('[[hours]]\nopens = "17:00"\ncloses = "16:30"', "opens must be before closes"),
    ('[[hours]]\nfrom = "2570-01-01"\nopens = "08:30"\ncloses = "16:30"\nweekdays = []', "weekdays"),
    ("closed = 1", "closed"),
)


async def test_a_file_that_cannot_be_meant_is_refused_in_a_line(bus: Bus, config: Path, tmp_path: Path) -> None:
    await put(bus, agency())
    for text, says in MEANT_OTHERWISE:
        done = await imported(config, tmp_path, text)
        assert (done.returncode, done.stdout) == (2, ""), text
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert await known(bus) == agency()


async def test_a_year_and_an_instant_are_shown_with_their_reasons(numbered: Bus, config: Path) -> None:
    year = await command(config, "agency", "calendar", "demo", "--year", "2569")
    assert year.returncode == 0, year.stderr
    assert "241 working days" in year.stdout
    ploughing = next(line for line in year.stdout.splitlines() if line.startswith("13 พ.ค. 2569"))
    assert ploughing.split()[3:] == [
        "พุธ",
        "closed",
        "civil",
        "service",
        "secondary",
        "วันพระราชพิธีพืชมงคลจรดพระนังคัลแรกนาขวัญ",
    ]
    read = json.loads(
        (await command(config, "agency", "calendar", "demo", "--year", "2569", "--format", "json")).stdout
    )
    (first, *_) = (await until(numbered, 2)).entered()
    assert (read["calendar"], read["working_days"]) == (first.calendar, 241)
    assert read["calendar"] in year.stdout

    at = await command(config, "agency", "calendar", "demo", "--at", "2569-12-30T16:31")
    assert "deemed    จันทร์ 4 ม.ค. 2570 08:30:00" in at.stdout
    assert "พฤหัสบดี 31 ธ.ค. 2569: วันสิ้นปี" in at.stdout
    assert "book      2570" in at.stdout
    answer = json.loads(
        (await command(config, "agency", "calendar", "demo", "--at", "2026-05-29T09:30:00Z", "--format", "json")).stdout
    )
    assert (answer["deemed"], answer["book_year"]) == ("2026-06-02T08:30:00+07:00", 2569)
    assert [one["because"] for one in answer["passed"]] == ["too late", "closed", "closed", "closed"]


async def test_a_question_that_cannot_be_meant_is_refused_in_a_line(bus: Bus, config: Path) -> None:
    await put(bus, agency())
    for words in (
        ("--year", "2026"),
        ("--at", "2569-05-29"),
        ("--at", "yesterday"),
        ("--year", "2569", "--at", "2569-05-29T10:00"),
    ):
        done = await command(config, "agency", "calendar", "demo", *words)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert len(done.stderr.splitlines()) == 1
