"""The two atomic writes against a real nats-server, and what it answers when it says no."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.event import Position
from services.runtime import replies
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.durability import broken
from services.runtime.errors import Busy, Conflict, Refused, StoreFull, Unavailable
from services.runtime.letters import read_message
from services.runtime.provision import provision
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.waiting import until

MAIL = f"MAIL_{THIS_YEAR}"
EXPECTED = "Nats-Expected-Last-Subject-Sequence"


def part(n: int, body: bytes = b"", **headers: str) -> Outgoing:
    return Outgoing("mail.v1.part.demo", body or b"part %d" % n, {"n": str(n), **headers})


async def last_sequence(bus: Bus, stream: str = MAIL) -> int:
    return int((await bus.api(f"STREAM.INFO.{stream}"))["state"]["last_seq"])


async def test_one_message_is_stored_and_its_position_returned(bus: Bus) -> None:
    assert await commit(bus.nc, [part(1)], 10) == Position(stream=MAIL, sequence=1)
    message = await read_message(bus.nc, MAIL, 1)
    assert message is not None
    assert (message.subject, message.body, message.headers["n"]) == ("mail.v1.part.demo", b"part 1", "1")


@pytest.mark.parametrize("size", [2, 3, 1000])
async def test_a_batch_lies_side_by_side_and_in_order(bus: Bus, size: int) -> None:
    await commit(bus.nc, [part(0)], 10)
    position = await commit(bus.nc, [part(n) for n in range(1, size + 1)], 10)
    assert position.sequence == size + 1
    for n in (1, size // 2, size):
        message = await read_message(bus.nc, MAIL, position.sequence - (size - n))
        assert message is not None
        assert message.body == b"part %d" % n


async def test_many_at_once_get_each_its_own_answer(bus: Bus) -> None:
    batches = [[part(n * 10 + m) for m in range(1 + n % 3)] for n in range(60)]
    positions = await asyncio.gather(*(_patiently(bus, batch) for batch in batches))
    assert len({position.sequence for position in positions}) == 60
    for batch, position in zip(batches, positions, strict=True):
        message = await read_message(bus.nc, MAIL, position.sequence)
        assert message is not None
        assert message.body == batch[-1].body


async def _patiently(bus: Bus, batch: list[Outgoing]) -> Position:
    while True:
        try:
            return await commit(bus.nc, batch, 10)
        except Busy:
            await asyncio.sleep(0.05)  # 50 batches at once are the server's limit


async def test_a_large_batch_flows(bus: Bus) -> None:
    """40 MB in five parts: more than the connection buffers, less than an age."""
    body = bytes(range(256)) * 32_000
    position = await commit(bus.nc, [part(n, body) for n in range(5)], 60)
    message = await read_message(bus.nc, MAIL, position.sequence)
    assert message is not None
    assert message.body == body
    assert bus.connected


async def test_too_much_is_refused_before_the_server_closes_the_connection(bus: Bus) -> None:
    limit = bus.nc.max_payload
    for messages in (
        [part(1, b"x" * limit)],  # the headers count
        [part(1), part(2, b"x" * (limit + 1))],
        [part(1, b"x", long="x" * 66_000)],
        [part(n) for n in range(1001)],
    ):
        with pytest.raises(Refused):
            await commit(bus.nc, messages, 10)
    assert await last_sequence(bus) == 0
    await commit(bus.nc, [part(1, b"x" * (limit - 100))], 10)


async def test_the_size_that_we_allow_the_server_takes(bus: Bus) -> None:
    room = bus.nc.max_payload - len("NATS/1.0\r\nn: 1\r\n\r\n")
    await commit(bus.nc, [part(1, b"x" * room)], 10)
    with pytest.raises(Refused):
        await commit(bus.nc, [part(1, b"x" * (room + 1))], 10)
    await commit(bus.nc, [part(1, b"x", long="y" * (65_535 - len("NATS/1.0\r\nn: 1\r\nlong: \r\n\r\n")))], 10)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_conflict_anywhere_stores_nothing(bus: Bus, place: int) -> None:
    await commit(bus.nc, [part(0)], 10)
    messages = [part(n) for n in range(3)]
    messages[place].headers[EXPECTED] = "7"
    with pytest.raises(Conflict):
        await commit(bus.nc, messages, 10)
    assert await last_sequence(bus) == 1
    messages[place].headers.pop(EXPECTED)
    assert (await commit(bus.nc, messages, 10)).sequence == 4


async def test_a_conflict_of_a_single_message(bus: Bus) -> None:
    with pytest.raises(Conflict):
        await commit(bus.nc, [Outgoing("mail.v1.part.demo", b"", {EXPECTED: "7"})], 10)


@pytest.mark.parametrize("count", [1, 3])
async def test_a_subject_that_no_stream_owns_is_no_ack(bus: Bus, count: int) -> None:
    with pytest.raises(Unavailable):
        await commit(bus.nc, [Outgoing("nobody", b"", {})] * count, 10)


@pytest.mark.parametrize(
    "subjects", [("mail.v1.part.a", "nobody", "mail.v1.part.a"), ("mail.v1.part.a", "register.v1.record.a")]
)
async def test_a_batch_over_several_streams_stores_nothing(bus: Bus, subjects: tuple[str, ...]) -> None:
    with pytest.raises(Busy):
        await commit(bus.nc, [Outgoing(subject, b"x", {}) for subject in subjects], 10)
    assert await last_sequence(bus) == 0


async def test_a_stream_that_cannot_batch_refuses(bus: Bus) -> None:
    with pytest.raises(Refused, match="10174"):
        await commit(bus.nc, [Outgoing("order.v1.note.a", b"x", {})] * 2, 10)


async def test_abandoned_batches_make_it_busy_not_broken(bus: Bus) -> None:
    for n in range(60):
        begun = {"Nats-Batch-Id": f"abandoned-{n}", "Nats-Batch-Sequence": "1"}
        await bus.nc.publish("mail.v1.part.demo", b"", headers=begun)
    with pytest.raises(Busy, match="10210"):
        await commit(bus.nc, [part(1), part(2)], 10)
    assert (await commit(bus.nc, [part(1)], 10)).sequence == 1  # single messages go on


@pytest.mark.parametrize("limit", ["max_bytes", "max_msgs"])
async def test_a_full_stream_says_so(bus: Bus, limit: str) -> None:
    config = {
        "name": "SMALL",
        "subjects": ["small"],
        "discard": "new",
        "allow_atomic": True,
        limit: 5_000 if limit == "max_bytes" else 5,
    }
    await bus.api("STREAM.CREATE.SMALL", config)
    for _ in range(5):
        await commit(bus.nc, [Outgoing("small", b"x" * 900, {})], 10)
    for count in (1, 2):
        with pytest.raises(StoreFull, match="10077"):
            await commit(bus.nc, [Outgoing("small", b"x" * 900, {})] * count, 10)
    await bus.api("STREAM.PURGE.SMALL")
    await commit(bus.nc, [Outgoing("small", b"x" * 900, {})] * 2, 10)


async def _fill(bus: Bus, count: int) -> None:
    for _ in range(60):
        await commit(bus.nc, [part(1, b"x" * 50_000)] * count, 2)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_full_store_says_so(tmp_path: Path, count: int) -> None:
    server = NatsServer(tmp_path, file_bytes=2_000_000)
    server.start()
    try:
        await provision(server.settings(), THIS_YEAR)
        bus = await Bus.connect(server.settings(), "ingest")
        with pytest.raises(StoreFull, match="10023"):
            await _fill(bus, count)
        await bus.close()
    finally:
        server.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def test_a_full_disk_is_an_unknown_outcome_and_the_server_says_why(tmp_path: Path, small_disk: Path) -> None:
    """nats-server does not answer at all then; what it had acknowledged is still there after a restart."""
    server = NatsServer(tmp_path / "server", store=small_disk / "store", file_bytes=1 << 40)
    server.start()
    try:
        await provision(server.settings(), THIS_YEAR)
        assert await broken(server.settings()) is None
        (small_disk / "filler").write_bytes(b"x" * 2_000_000)
        bus = await Bus.connect(server.settings(), "ingest")
        with pytest.raises(Unavailable):
            await _fill(bus, 1)
        kept = await last_sequence(bus)
        reason = await broken(server.settings())
        assert reason is not None
        assert "no space left on device" in reason
        (small_disk / "filler").unlink()
        server.kill()
        await until(lambda: not bus.connected)
        server.start()
        await until(lambda: bus.connected)
        assert await broken(server.settings()) is None
        assert (await commit(bus.nc, [part(1)], 10)).sequence > kept
        await bus.close()
    finally:
        server.kill()


async def test_a_silent_server_runs_into_the_deadline(nats_server: NatsServer, bus: Bus) -> None:
    await commit(bus.nc, [part(0)], 10)
    nats_server.pause()
    try:
        loop = asyncio.get_running_loop()
        for messages in ([part(1)], [part(1), part(2)], [part(n, b"x" * 8_000_000) for n in range(4)]):
            begun = loop.time()
            with pytest.raises(Unavailable):
                await commit(bus.nc, messages, 0.5)
            assert loop.time() - begun < 2
    finally:
        nats_server.resume()


async def test_a_lost_connection_is_known_at_once(nats_server: NatsServer, bus: Bus) -> None:
    """Not only at the deadline."""
    inbox = await replies.Replies.of(bus.nc)
    nats_server.pause()
    waiting = [asyncio.create_task(commit(bus.nc, [part(1)], 60)) for _ in range(3)]
    await until(lambda: inbox.waiting == 3)
    nats_server.kill()
    async with asyncio.timeout(10):
        for task in waiting:
            with pytest.raises(Unavailable, match="outcome is unknown"):
                await task
    await until(lambda: not bus.connected)
    with pytest.raises(Unavailable, match="not connected"):
        await commit(bus.nc, [part(1)], 60)
    nats_server.start()
    await until(lambda: bus.connected)
    await commit(bus.nc, [part(1)], 10)


async def test_what_failed_while_away_is_not_sent_later(nats_server: NatsServer, bus: Bus) -> None:
    """nats-py would keep it and send it after the reconnect, long after the peer was told 451."""
    nats_server.kill()
    await until(lambda: not bus.connected)
    for n in range(20):
        with pytest.raises(Unavailable):
            await commit(bus.nc, [part(n)], 0.2)
    nats_server.start()
    await until(lambda: bus.connected)
    assert (await commit(bus.nc, [part(1)], 10)).sequence == 1


async def test_a_cancelled_commit_ends_and_leaves_nothing_behind(nats_server: NatsServer, bus: Bus) -> None:
    await commit(bus.nc, [part(0)], 10)
    nats_server.pause()
    for messages in ([part(1)], [part(n, b"x" * 8_000_000) for n in range(4)]):
        task = asyncio.create_task(commit(bus.nc, messages, 60))
        await asyncio.sleep(0.1)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, "nats-py swallowed the cancellation"
        assert task.cancelled()
    nats_server.resume()
    inbox = await replies.Replies.of(bus.nc)
    assert inbox.waiting == 0


async def test_nothing_is_no_batch(bus: Bus) -> None:
    with pytest.raises(ValueError, match="nothing"):
        await commit(bus.nc, [], 10)
