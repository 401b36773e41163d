"""The heads of books, signed and time-stamped, and what receipts carry of them."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from contracts import codec
from contracts.chain import next_link
from contracts.directory import Domain
from contracts.event import Position
from contracts.receipt import Head, Unknown
from services.runtime import settings
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.sign import authority
from services.sign.checkpoints import BETWEEN, Checkpoints
from services.sign.press import Press
from services.sign.seals import Seals
from services.words import wording
from tests import books, receipts
from tests.checkpoints import checkpoints, fold, leads, until_signed, verifies
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.signing import TEST_SEAL, letter, mail, prepare, receipts_of, sealed, sign, store
from tests.timestamp_authority import TimestampAuthority, timestamp_authority
from tests.waiting import until, until_it

BOOK = f"register.v1.entered.demo.received.{THIS_YEAR}"


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[TimestampAuthority]:
    with timestamp_authority(tmp_path / "tsa") as made:
        yield made


async def test_the_head_before_a_row_rides_in_its_receipt_and_verifies_by_openssl(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, tsa: TimestampAuthority
) -> None:
    await prepare(bus)
    options = {"checkpoint_seconds": 0.5, "timestamp_authorities": (tsa.url,), "timestamp_trust": str(tsa.trust)}
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path, **options):
        await store(bus, *(letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(3)))
        first = await until_signed(bus, 3)
        await store(bus, *(letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(3, 6)))
        made = await sealed(bus, 6)
        last = await until_signed(bus, 6)
    rows = (await books.read(bus)).rows[BOOK]
    for head in (first, last):
        row = rows[head.length - 1]
        assert (head.link, head.sequence) == (row.link, row.sequence)
        verifies(head, tmp_path, tmp_path / "test-authority" / authority.ROOT_FILE, tsa)
    published = {head.length: head for head in await checkpoints(bus)}
    for event in made:
        proof, number = event.receipt.proof, event.receipt.number
        if isinstance(proof.head, Unknown):
            assert number <= 3
            assert proof.head.reason == "no head of the book was signed before this row"
            continue
        of = published[proof.head.length]
        assert (proof.head.link, proof.head.signature, proof.head.token) == (of.link, of.signature, of.token)
        assert proof.head.length < number
        assert number <= 3 or proof.head.length >= 3
        assert len(proof.between) == number - 1 - proof.head.length
        link = bytes.fromhex(fold(proof.head, proof.between))
        assert sha256(link + sha256(proof.row).digest()).hexdigest() == proof.link == rows[number - 1].link


async def test_without_an_authority_heads_are_published_and_stamped_when_it_is_back(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, tsa: TimestampAuthority
) -> None:
    """Also after a restart, for a book that nobody writes to any more: the same signature, with its token."""
    await prepare(bus)
    options: dict[str, Any] = {
        "checkpoint_seconds": 0.5, "timestamp_authorities": ("http://127.0.0.1:9/", tsa.url),
        "timestamp_trust": str(tsa.trust), "timestamp_seconds": 0.5,
    }  # fmt: skip
    tsa.fault = "black hole"
    async with books.worker(nats_server.settings()):
        async with sign(nats_server, tmp_path, **options):
            await store(bus, letter(mail()))
            assert (await sealed(bus, 1))[0].receipt.number == 1
            bare = await until_signed(bus, 1)
            assert bare.token is None
            await until_it(lambda: waiting("saraban_sign_tokens_waiting", 1))
        assert tsa.asked > 0
        tsa.fault = ""
        async with sign(nats_server, tmp_path, **options):
            stamped = await until_signed(bus, 1, stamped=True)
            await until_it(lambda: waiting("saraban_sign_tokens_waiting", 0))
    assert (stamped.signature, stamped.signed_at, stamped.link) == (bare.signature, bare.signed_at, bare.link)
    assert [one.state for one in await checkpoints(bus)] == ["signed", "stamped"]
    assert bare.key != stamped.key
    verifies(stamped, tmp_path, tmp_path / "test-authority" / authority.ROOT_FILE, tsa)


async def waiting(name: str, value: float) -> bool:
    return REGISTRY.get_sample_value(name) == value


async def test_of_two_workers_a_book_has_one_line_of_heads(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    await prepare(bus)
    options = {"checkpoint_seconds": 0.5}
    async with (
        books.worker(nats_server.settings()),
        sign(nats_server, tmp_path, **options),
        sign(nats_server, tmp_path, **options),
    ):
        for n in range(5):
            await store(bus, letter(mail(f"ที่ นร ๑๒๐๐/{n}")))
            await until_signed(bus, n + 1)
        made = await sealed(bus, 5)
    rows = (await books.read(bus)).rows[BOOK]
    found = await checkpoints(bus)
    leads(found, rows)
    assert len(found) == 5
    for event in made:
        proof = event.receipt.proof
        if event.receipt.number > 1:
            assert isinstance(proof.head, Head)
            assert fold(proof.head, proof.between) == rows[event.receipt.number - 2].link


async def rewrite(bus: Bus, rows: Sequence[books.Row], keep: int) -> None:
    """Take rows away behind the server's back, and write others that fit to what is left."""
    link = rows[keep - 1].link
    for row in rows[keep:]:
        await bus.api("STREAM.MSG.DELETE.REGISTER", {"seq": row.sequence, "no_erase": True})
    for row in rows[keep:]:
        forged = msgspec.structs.replace(row.event, previous=link, remarks=("unreadable",))
        body = codec.encode(forged)
        await commit(bus.nc, (Outgoing(BOOK, body, codec.encode_headers(forged)),), 10)
        link = next_link(link, body)


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_book_changed_behind_its_signed_head_is_an_alarm_and_is_signed_no_more(
    restarts: bool, nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    """The forged rows are linked among themselves: only the signed head tells. Other books go on."""
    await prepare(bus)
    await books.put(
        bus,
        receipts.agency(
            id="other", seal=TEST_SEAL, domains=(Domain(name="other.example"),), addresses=("saraban@other.example",)
        ),
    )
    options = {"checkpoint_seconds": 0.5}
    async with books.worker(nats_server.settings()):
        async with sign(nats_server, tmp_path, **options):
            await store(bus, *(letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(3)))
            await sealed(bus, 3)
            signed = await until_signed(bus, 3)
            rows = (await books.read(bus)).rows[BOOK]
            if not restarts:
                await rewrite(bus, rows, 1)
                await until_it(lambda: waiting("saraban_sign_books_changed", 1))
                await goes_on(bus)
        if restarts:
            await rewrite(bus, rows, 1)
            async with sign(nats_server, tmp_path, **options):
                await until_it(lambda: waiting("saraban_sign_books_changed", 1))
                await goes_on(bus)
    mine = [one for one in await checkpoints(bus) if one.agency == "demo"]
    assert mine[-1] == signed
    leads(mine, rows)
    last = [event.receipt for event in await receipts_of(bus) if event.agency == "demo"][-1]
    assert last.number == 4
    assert last.proof.head == Unknown(reason=wording.BOOK_CHANGED)


async def goes_on(bus: Bus) -> None:
    """A letter to the changed book and one to another: both are answered, the other's head is signed."""
    await store(bus, letter(mail("ที่ นร ๑๒๐๐/๙๙")), letter(mail("ที่ นร ๑๒๐๐/๙๘"), agency_id="other"))
    await sealed(bus, 5)

    async def other() -> bool:
        return any(one.agency == "other" for one in await checkpoints(bus))

    await until_it(other, 30)


async def test_a_book_at_other_places_with_the_same_links_is_the_same_book(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    """As after REGISTER was built anew from MAIL: the heads hold, and the book goes on under them."""
    await prepare(bus)
    options = {"checkpoint_seconds": 0.5}
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path, **options):
        await store(bus, *(letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(3)))
        await sealed(bus, 3)
        await until_signed(bus, 3)
    rows = (await books.read(bus)).rows[BOOK]
    for row in rows[1:]:
        await bus.api("STREAM.MSG.DELETE.REGISTER", {"seq": row.sequence, "no_erase": True})
    for row in rows[1:]:
        await commit(bus.nc, (Outgoing(BOOK, row.body, codec.encode_headers(row.event)),), 10)
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path, **options):
        await store(bus, letter(mail("ที่ นร ๑๒๐๐/๔")))
        signed = await until_signed(bus, 4)
    assert signed.link == (await books.read(bus)).rows[BOOK][3].link
    assert REGISTRY.get_sample_value("saraban_sign_books_changed") == 0


async def test_a_fast_book_gets_heads_in_between_and_a_late_receipt_finds_the_one_before_its_row(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    """Sign was away while 1,200 rows were written; what lies between a row and its head stays small."""
    await prepare(bus)
    async with books.worker(nats_server.settings()):
        await store(bus, letter(mail()))
        async with sign(nats_server, tmp_path, checkpoint_seconds=0.5):
            await sealed(bus, 1)
            await until_signed(bus, 1)
        await books.store(bus, [books.received() for _ in range(1_200)])
        await books.until(bus, 1_201)
    service = await Bus.connect(nats_server.settings(), "sign")
    directory = await Directory.watch(service)
    await until(lambda: directory.loaded)
    press = Press()
    seals = Seals.load(settings.Sign(test_authority="test-authority"), tmp_path)
    made = Checkpoints(service, directory, seals, press, None, 0.5)
    running = asyncio.create_task(made.run())
    try:
        await until_signed(bus, 1_201)
        found = await checkpoints(bus)
        assert max(b.length - a.length for a, b in pairwise(found)) <= BETWEEN
        rows = (await books.read(bus)).rows[BOOK]
        for number in (2, 400, 1_000, 1_201):
            row = rows[number - 1]
            head, between = await made.before(
                row.event, Position(stream="REGISTER", sequence=row.sequence), datetime.now(UTC)
            )
            assert isinstance(head, Head)
            assert head.length == max(one.length for one in found if one.length < number)
            assert len(between) == number - 1 - head.length
            assert fold(head, between) == row.event.previous
        head, _ = await made.before(
            rows[0].event, Position(stream="REGISTER", sequence=rows[0].sequence), datetime.now(UTC)
        )
        assert head == Unknown(reason=wording.NO_HEAD)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        press.close()
        await directory.close()
        await service.close()


def place(row: books.Row) -> Position:
    return Position(stream="REGISTER", sequence=row.sequence)
