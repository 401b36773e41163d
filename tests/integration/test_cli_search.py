"""The search: what it finds, and that it forgets what was erased and never knew what is classified."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.event import Position
from contracts.orders import EnterOrdered
from contracts.values import instant
from services.desk.index import Asked
from services.desk.search import index_file, search
from services.runtime.bus import Bus
from tests.books import agency, put
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.written_books import WrittenBooks

SECRET = "แผนลับสุดยอด"


@pytest.fixture
async def officer(bus: Bus, nats_server: NatsServer) -> AsyncIterator[Bus]:
    connected = await Bus.connect(nats_server.settings(), "officers")
    yield connected
    await connected.close()


class Desk:
    """Searches the demo agency's books with an index in `folder`."""

    def __init__(self, bus: Bus, folder: Path) -> None:
        self.bus = bus
        self.folder = folder
        self.file = index_file(folder, "demo")
        self.steps = 0

    async def find(self, *words: str, limit: int = 50, **asked: str) -> list[int]:
        def tell(done: int, total: int) -> None:
            self.steps += 1

        found = await search(self.bus, self.folder, "demo", Asked(words=words, **asked), limit, tell)  # type: ignore[arg-type]  # texts all of them here
        assert found.count >= len(found.entries)
        return [entry.row.number for entry in found.entries]


@pytest.fixture
async def books(bus: Bus) -> WrittenBooks:
    await put(bus, agency())
    books = WrittenBooks(bus, form="ทส ร/{year_th}/{number_th}")
    await books.letter(
        "ขอเชิญประชุมคณะกรรมการนํ้า", "water@dept.go.th", found={"letter_number": "นร ๐๑๐๐/ว๑", "issuer": "กรมชล"}
    )
    await books.letter("ด่วนมาก ที่ ทส 0101/ว123 ขอข้อมูล", "Somsri@Dept.GO.TH", found={"letter_date": "2026-05-04"})
    await books.letter("รายงาน ๒๕๖๙", author="สมชาย ใจดี <x@y.z>")
    await books.letter(SECRET, series="classified", found=None)
    await books.flush()
    return books


@pytest.fixture
def desk(officer: Bus, books: WrittenBooks, tmp_path: Path) -> Desk:
    return Desk(officer, tmp_path / "search")


async def test_what_is_found(desk: Desk) -> None:
    assert await desk.find("ประชุม") == [1], "a part of a word"
    assert await desk.find("น้ำ") == [1], "SARA AM in one or in two"
    assert await desk.find("2569") == [3], "digits of either kind"
    assert await desk.find("somsri", "ข้อมูล") == [2], "all words, letters of either case"
    assert await desk.find("somsri", "ประชุม") == []
    assert await desk.find(letter_number="นร 0100 / ว๑") == [1], "as `sign` read it"
    assert await desk.find(letter_number="0101/ว123") == [2], "as the subject line says it, without the ministry"
    assert await desk.find(letter_number="ว23") == [], "a digit may not be left out"
    assert await desk.find(sender="กรมชล") == [1]
    assert await desk.find(sender="สมชาย") == [3]
    assert await desk.find(number="๓") == [3]
    assert await desk.find(number="ทส ร/2569/2") == [2]
    assert await desk.find(letter_date="2026-05-04") == [2]
    assert await desk.find(since=f"{THIS_YEAR - 543}-01-05", until=f"{THIS_YEAR - 543}-01-05") == [1, 3, 2, 1]
    assert await desk.find(since=f"{THIS_YEAR - 543}-01-06") == []
    assert await desk.find(number="2", limit=1) == [2]
    assert await desk.find("' OR 1=1 --") == []


async def test_what_came_since_is_found_at_once(desk: Desk, books: WrittenBooks) -> None:
    assert await desk.find("มาใหม่") == []
    number = await books.letter("เรื่องมาใหม่")
    await books.correct(1, subject="เรื่องที่แก้", sender="กรมใหม่")
    await books.flush()
    assert await desk.find("มาใหม่") == [number]
    assert await desk.find("เรื่องที่แก้") == [1]
    assert await desk.find("ประชุม") == [], "the record that holds, and no other"
    before = desk.steps
    assert await desk.find("มาใหม่") == [number]
    assert desk.steps == before, "nothing is read twice"


async def test_nothing_classified_is_in_the_file(desk: Desk, books: WrittenBooks) -> None:
    assert await desk.find(SECRET) == []
    assert await desk.find(number="1", series="classified") == [1], "by its number"
    # A letter that turns out to be classified: record and findings leave the index, also findings that come later.
    place = Position(stream=f"MAIL_{THIS_YEAR}", sequence=1)
    assert await desk.find("กรมชล") == [1]
    await books.move(1, "classified", None, place)
    await books.flush()
    assert await desk.find("กรมชล") == []
    await books._bus.publish(books.examined("received", 1, place, {"issuer": "กรมชล"}))
    assert await desk.find("กรมชล") == []
    # A letter of paper has no place in MAIL to know it by.
    order = EnterOrdered(
        id="0" * 32, agency="demo", by="x", reason="y", given_at=instant(0), channel="paper", sender="กรมที่ดิน",
        came_at=f"{THIS_YEAR - 543}-06-05T13:50:00+07:00", subject="เอกสารกระดาษ",
    )  # fmt: skip
    paper = await books.enter(order)
    await books.flush()
    assert await desk.find("เอกสารกระดาษ") == [paper]
    await books.move(paper, "classified", None)
    await books.flush()
    assert await desk.find("เอกสารกระดาษ") == []
    octets = desk.file.read_bytes()
    for text in ("กรมชล", "ประชุมคณะ", SECRET, "เอกสารกระดาษ"):
        assert text.encode() not in octets, text
    assert "รายงาน".encode() in octets, "and the others are"


async def test_what_was_erased_is_gone_from_the_file(bus: Bus, desk: Desk) -> None:
    assert await desk.find("ประชุม") == [1]
    await bus.js.delete_msg("REGISTER", 2)  # the record of number 1
    assert await desk.find("ประชุม") == []
    assert await desk.find("กรมชล") == [1], "the findings are still there"
    await bus.js.delete_msg("FINDINGS", 1)
    assert await desk.find("กรมชล") == []
    assert await desk.find(number="1") == [1, 1]
    octets = desk.file.read_bytes()
    assert "ประชุม".encode() not in octets
    assert "กรมชล".encode() not in octets
    before = desk.steps
    assert await desk.find("รายงาน") == [3]
    assert desk.steps == before, "it is counted once, and not looked for at every search"


async def test_a_file_that_is_gone_damaged_or_of_another_store(desk: Desk) -> None:
    assert await desk.find("รายงาน") == [3]
    assert desk.file.stat().st_mode & 0o777 == 0o600
    desk.file.unlink()
    assert await desk.find("รายงาน") == [3]
    desk.file.write_bytes(b"no database" * 1_000)
    assert await desk.find("รายงาน") == [3]
    whole = desk.file.read_bytes()
    desk.file.write_bytes(whole[:5_000])
    assert await desk.find("รายงาน") == [3]
    for name, value in (
        ("made REGISTER", "then"),
        ("read REGISTER", "99999"),
        ("anchor digest", "0" * 64),
        ("version", "0"),
    ):
        with sqlite3.connect(desk.file) as file:
            file.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))
            file.execute("UPDATE entries SET said = 'รายงานเก่า', number = 7 WHERE number = 3")
        file.close()
        assert await desk.find("รายงาน") == [3], name
        assert await desk.find("เก่า") == [], name
