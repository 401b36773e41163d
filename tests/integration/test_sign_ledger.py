"""Each letter has its findings and its final receipt once, whatever is repeated, lost or run beside it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import codec
from contracts.event import Position
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.streams import FINDINGS
from services.runtime.bus import Bus
from services.runtime.errors import BusError
from services.runtime.letters import read_message
from services.runtime.provision import provision
from services.sign.ledger import Ledger
from tests import receipts
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.waiting import until

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def sign(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection with the rights of sign, on a provisioned server."""
    await provision(nats_server.settings(), THIS_YEAR)
    bus = await Bus.connect(nats_server.settings(), "sign")
    yield bus
    await bus.close()


def at(sequence: int) -> Position:
    return Position(stream="MAIL_2569", sequence=sequence)


def examined(sequence: int, agency: str = "demo", software: str = "one") -> LetterExamined:
    return LetterExamined(
        agency=agency,
        mail=receipts.MAIL,
        position=at(sequence),
        series="received",
        year=2569,
        number=sequence,
        findings=receipts.findings(software=software),
    )


def sealed(sequence: int, agency: str = "demo") -> ReceiptSealed:
    return ReceiptSealed(agency=agency, mail=receipts.MAIL, position=at(sequence), receipt=receipts.made(), pdf=b"%PDF")


async def ledger(bus: Bus) -> Ledger:
    made = Ledger(bus)
    await made.cover(BEGINNING)
    return made


async def keys(bus: Bus) -> list[str]:
    """The ids of everything in FINDINGS, in its order."""
    info = await bus.api(f"STREAM.INFO.{FINDINGS.family}")
    found = []
    for sequence in range(1, info["state"]["last_seq"] + 1):
        message = await read_message(bus.nc, FINDINGS.family, sequence)
        assert message is not None
        found.append(codec.decode(message.body, LetterExamined, ReceiptSealed).key)
    return found


async def test_a_repeat_stores_nothing(sign: Bus) -> None:
    book = await ledger(sign)
    for event in (examined(1), sealed(1), examined(2)):
        assert await book.publish(event)
        assert not await book.publish(event)
    assert await keys(sign) == [examined(1).key, sealed(1).key, examined(2).key]


async def test_a_worker_that_starts_knows_what_was_done(sign: Bus) -> None:
    book = await ledger(sign)
    await book.publish(examined(1))
    await book.publish(sealed(1))
    await book.publish(examined(2))
    await book.publish(sealed(900_000))
    fresh = await ledger(sign)
    assert [n for n in (1, 2, 3, 900_000, 900_001) if fresh.sealed(at(n))] == [1, 900_000]
    assert await fresh.examined(at(2)) == examined(2)
    assert await fresh.examined(at(3)) is None
    assert not fresh.sealed(Position(stream="MAIL_2570", sequence=1))


async def test_workers_side_by_side_store_each_once(nats_server: NatsServer, sign: Bus) -> None:
    other = await Bus.connect(nats_server.settings(), "sign")
    books = [await ledger(sign), await ledger(other), await ledger(other)]
    events = [kind(n, agency) for n in range(1, 16) for kind in (examined, sealed) for agency in ("demo", "other")]

    async def work(book: Ledger) -> int:
        return sum([await book.publish(event) for event in events])

    stored = await asyncio.gather(*(work(book) for book in books))
    await other.close()
    # The key has no agency in it: a letter lies at its position once.
    assert sum(stored) == len(set(await keys(sign))) == len(await keys(sign)) == 30


async def test_what_was_stored_without_an_answer_is_found(sign: Bus) -> None:
    """The ack was lost: for this worker the outcome is unknown."""
    book = await ledger(sign)
    await book.publish(sealed(1))
    await sign.publish(sealed(2))
    assert not await book.publish(sealed(2))
    assert await book.publish(sealed(3))
    assert await keys(sign) == [sealed(n).key for n in (1, 2, 3)]


async def test_an_agency_that_another_worker_wrote_for_meanwhile(sign: Bus) -> None:
    """This worker has never met the subject: its end is asked for, and what lies before it is read first."""
    book = await ledger(sign)
    await sign.publish(sealed(7, "other"))
    assert not await book.publish(sealed(7, "other"))
    assert await keys(sign) == [sealed(7).key]


async def test_letters_are_not_answered_in_their_order(sign: Bus) -> None:
    for n in (900_000, 17, 899_999, 8, 16):
        await sign.publish(sealed(n))
    book = await ledger(sign)
    assert [n for n in (7, 8, 9, 15, 16, 17, 18, 899_998, 899_999, 900_000, 900_001) if book.sealed(at(n))] == [
        8,
        16,
        17,
        899_999,
        900_000,
    ]


async def test_many_receipts_are_read_in_turns(sign: Bus) -> None:
    """More than one request of the reader takes."""
    await asyncio.gather(*(sign.publish(examined(n)) for n in range(1, 1_200)))
    fresh = await ledger(sign)
    for n in (1, 512, 513, 1_024, 1_199):
        assert await fresh.examined(at(n)) is not None
    assert not await fresh.publish(examined(1_199))
    assert await fresh.publish(examined(1_200))


async def test_an_older_row_makes_it_look_further_back(sign: Bus) -> None:
    """What a dead letter, tried again after weeks, was answered with."""
    await sign.publish(sealed(1))
    book = Ledger(sign)
    await book.cover(datetime.now(UTC) + timedelta(hours=3))
    assert not book.sealed(at(1))
    await book.cover(datetime.now(UTC))
    assert book.sealed(at(1))


async def back_to(copy: Path, server: NatsServer, bus: Bus) -> None:
    server.kill()
    await until(lambda: not bus.connected)
    shutil.rmtree(server.store)
    copy.rename(server.store)
    server.start()
    await until(lambda: bus.connected)


@pytest.mark.parametrize("looks", [True, False])
async def test_on_a_store_that_came_back_from_a_copy_what_is_lost_is_made_again(
    looks: bool, nats_server: NatsServer, sign: Bus
) -> None:
    book = await ledger(sign)
    await book.publish(sealed(1))
    copy = nats_server.folder / "copy"
    nats_server.stop()
    await until(lambda: not sign.connected)
    shutil.copytree(nats_server.store, copy)
    nats_server.start()
    await until(lambda: sign.connected)
    await book.publish(sealed(2))
    await book.publish(sealed(3))
    await back_to(copy, nats_server, sign)
    if looks:
        await book.cover(BEGINNING)
    else:
        # This worker believes in 2 and 3 until it meets the truth.
        assert await book.publish(sealed(4))
    assert not book.sealed(at(2))
    assert await book.publish(sealed(2))
    assert await book.publish(sealed(3))
    assert not await book.publish(sealed(1))
    assert sorted(await keys(sign)) == [sealed(n).key for n in ((1, 2, 3) if looks else (1, 2, 3, 4))]


async def test_on_a_copy_that_has_grown_as_long_as_what_was_lost(nats_server: NatsServer, sign: Bus) -> None:
    """No sequence tells that it is another stream: it is read anew when a condition fails for no other reason."""
    book = await ledger(sign)
    await book.publish(sealed(1))
    copy = nats_server.folder / "copy"
    nats_server.stop()
    await until(lambda: not sign.connected)
    shutil.copytree(nats_server.store, copy)
    nats_server.start()
    await until(lambda: sign.connected)
    await book.publish(sealed(2))
    await book.publish(sealed(3))
    await back_to(copy, nats_server, sign)
    await sign.publish(examined(8))
    await sign.publish(examined(9))
    assert await book.publish(sealed(4))
    assert await book.publish(sealed(3))
    assert await keys(sign) == [sealed(1).key, examined(8).key, examined(9).key, sealed(4).key, sealed(3).key]


async def test_without_a_server_it_says_so(nats_server: NatsServer, sign: Bus) -> None:
    book = await ledger(sign)
    nats_server.kill()
    with pytest.raises(BusError):
        await book.publish(sealed(1))
    with pytest.raises(BusError):
        await book.cover(BEGINNING - timedelta(days=1))
    nats_server.start()
    await until(lambda: sign.connected)
    assert await book.publish(sealed(1))
