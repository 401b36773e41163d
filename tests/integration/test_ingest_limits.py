"""Each bound of the ingress is hit once, and read in the reply and in the metric.

Those that a conversation alone can hit are dialogues (`tests/smtp/limits`); here are those that need a server that
stands still, a full file, a slow hand-shake, or several peers. `HIT` says where each setting is tried.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from services.ingest import connection
from services.runtime.settings import Ingest
from tests.servers import NatsServer, free_port
from tests.smtp.client import Client, client
from tests.smtp.ingress import ingress
from tests.smtp.world import World, world
from tests.waiting import until, until_it

TO = "saraban@demo.test"
LETTER = b"Subject: x\r\n\r\nbody\r\n"
DIALOGUES = Path(__file__).parents[1] / "smtp"

HIT = {
    "message_bytes": (
        "limits/too_large_at_mail",
        "limits/too_large_at_data",
        "limits/bdat_too_large",
        "limits/bdat_far_too_large",
        "limits/endless_letter",
        "limits/as_large_as_announced",
    ),
    "flight_bytes": (
        "limits/no_room_for_the_announced_size",
        "limits/no_room_for_the_letter",
        "limits/no_room_for_a_chunk",
        "limits/agencies_times_size_is_bounded",
    ),
    "window_bytes": (
        "test_letters_that_wait_for_the_store_are_told_to_come_again",
    ),  # the window: test_ingest_content.py
    "commit_seconds": ("test_letters_that_wait_for_the_store_are_told_to_come_again",),
    "recipients": ("limits/too_many_recipients",),
    "sessions": ("limits/too_many_sessions",),
    "sessions_per_address": (
        "limits/too_many_sessions_of_one_address",
        "limits/too_many_sessions_of_one_ipv6_network",
        "limits/trusted_networks_are_not_counted",
        "test_whoever_leaves_makes_room_for_the_next",
        "test_ipv6_peers_are_counted",
    ),
    "command_seconds": ("limits/slow_command", "limits/slow_octets_do_not_push_the_deadline"),
    "crowded_seconds": ("limits/idle_where_it_is_crowded", "limits/slow_command_where_it_is_crowded"),
    "data_seconds": ("limits/slow_letter", "limits/slow_chunks"),
    "data_rate": ("limits/slow_octets_of_a_letter", "limits/slow_octets_of_a_chunk"),
    "data_grace_seconds": ("limits/slow_octets_of_a_letter", "test_in_the_grace_a_letter_may_be_slow"),
    "guesses": ("limits/guesses_are_answered_slowly", "limits/guesses_of_a_trusted_peer_are_not_slowed"),
    "guess_seconds": ("limits/guesses_are_answered_slowly", "test_a_guesser_waits_and_nobody_else"),
    "errors": ("limits/too_many_errors",),
    "drain_seconds": ("test_at_the_end_idle_sessions_are_told_and_a_letter_that_does_not_end_is_cut_off",),
    "attempts_rate": ("test_attempts_beyond_the_rate_are_counted",),
    "attempts_file_bytes": ("test_attempts_beyond_the_file_are_counted",),
    "proxy_networks": ("limits/proxy_header_is_missing", "test_a_balancer_that_says_nothing_is_let_go"),
}
"""Setting to the dialogues and tests that hit it."""

OTHERWISE = {
    "processes",  # how many, no bound for a peer
    "max_payload",  # the server's; a larger letter goes in parts
    "next_hop_seconds",  # tests/integration/test_ingest_shared.py
    "traffic_days",  # tests/unit/test_ingest_traffic.py
    "rspamd_score",  # tests/integration/test_ingest_reputation.py
    "reputation_seconds",  # the same
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("limits")) as made:
        yield made


@pytest.fixture
def own_place(nats_server: NatsServer, tmp_path: Path) -> Iterator[World]:
    """With a server that the test may stop."""
    with world(tmp_path, nats_server) as made:
        yield made


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"saraban_ingest_{name}", labels) or 0.0


class Grown:
    """By how much a metric has grown since this was made."""

    def __init__(self, name: str, **labels: str) -> None:
        self._name, self._labels = name, labels
        self._before = value(name, **labels)

    @property
    def by(self) -> float:
        return value(self._name, **self._labels) - self._before


def refused(reply: str) -> Grown:
    return Grown("refused_total", reply=reply)


@asynccontextmanager
async def raw(port: int, host: str = "127.0.0.1") -> AsyncIterator[Client]:
    """A connection on which nothing was said yet."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def test_every_bound_is_hit_somewhere() -> None:
    bounds = {
        field.name
        for field in msgspec.structs.fields(Ingest)
        if field.type in (int, float) or getattr(field.type, "__origin__", None) in (int, float)
    }
    assert bounds - OTHERWISE == set(HIT) - {"proxy_networks"}
    here = set(globals())
    for setting, names in HIT.items():
        for name in names:
            if "/" not in name:
                assert name in here, f"{setting}: {name}"
                continue
            text = (DIALOGUES / f"{name}.smtp").read_text(encoding="utf-8")
            assert "\nN: ingest_" in text, f"{name} reads no metric"
            assert setting == "message_bytes" or f"@ setting {setting}=" in text, f"{name} does not set {setting}"


async def test_whoever_leaves_makes_room_for_the_next(place: World, tmp_path: Path) -> None:
    turned_away = refused("too_many_from_you")
    with ingress(place.nats, tmp_path, sessions_per_address=2) as running:
        async with client(running.port), raw(running.port) as leaving:
            assert (await leaving.reply()).startswith("220")
            async with raw(running.port) as third:
                assert (await third.reply()).startswith("421 4.7.0")
                assert await third.reply() == ""
            assert (await leaving.say("QUIT")).startswith("221")
            assert await leaving.reply() == ""
            async with client(running.port) as next_one:
                assert (await next_one.letter(LETTER, TO)).startswith("250")
        assert turned_away.by == 1
        # A peer that leaves before it was greeted is not counted for ever either.
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.transport.abort()
        await until(lambda: value("sessions") == 0)
        async with client(running.port) as one, client(running.port) as other:
            assert (await one.say("NOOP")).startswith("250")
            assert (await other.say("NOOP")).startswith("250")


async def test_ipv6_peers_are_counted(place: World, tmp_path: Path) -> None:
    turned_away = refused("too_many_from_you")
    port = free_port()
    with ingress(place.nats, tmp_path, sessions_per_address=1, listen=(f"127.0.0.1:{port}", f"[::1]:{port}")):
        async with raw(port, "::1") as first, raw(port) as other:
            assert (await first.reply()).startswith("220")
            assert (await other.reply()).startswith("220")
            async with raw(port, "::1") as second:
                assert (await second.reply()).startswith("421 4.7.0")
    assert turned_away.by == 1


async def test_in_the_grace_a_letter_may_be_slow(place: World, tmp_path: Path) -> None:
    slow = refused("too_slow")
    with ingress(place.nats, tmp_path, data_rate=1_000_000, data_grace_seconds=60.0) as running:
        async with client(running.port) as peer:
            assert (await peer.begin(TO)).startswith("354")
            peer.writer.write(LETTER)
            async with client(running.port):
                await until(lambda: value("sessions") == 2)  # all deadlines were looked at since
            await until(lambda: value("sessions") == 1)
            peer.writer.write(b".\r\n")
            assert (await peer.reply()).startswith("250")
    assert slow.by == 0


async def test_a_guesser_waits_and_nobody_else(place: World, tmp_path: Path) -> None:
    slowed = Grown("slowed_guesses_total")
    with ingress(place.nats, tmp_path, guesses=0, guess_seconds=60.0) as running:
        async with client(running.port) as guesser, client(running.port) as honest:
            assert (await guesser.say("MAIL FROM:<a@client.test>")).startswith("250")
            guessed = asyncio.create_task(guesser.say("RCPT TO:<nobody@demo.test>"))
            await until(lambda: slowed.by == 1)
            assert (await honest.letter(LETTER, TO)).startswith("250")
            assert not guessed.done()
            running.ask_to_stop()  # nobody waits for a guesser at the end
            assert (await guessed).startswith("550 5.1.1")
            assert (await guesser.reply()).startswith("421 4.3.2")


@pytest.mark.slow
async def test_letters_that_wait_for_the_store_are_told_to_come_again(own_place: World) -> None:
    later = refused("try_later")
    letter = LETTER + (b"x" * 70 + b"\r\n") * 20_000
    with ingress(own_place.nats, own_place.folder, commit_seconds=2.0, window_bytes=1_000_000) as running:
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(client(running.port)) for _ in range(3)]
            for peer in peers:
                assert (await peer.begin(TO)).startswith("354")
            own_place.server.pause()
            try:
                for peer in peers:
                    peer.send(letter)
                answers = [await peer.reply() for peer in peers]
            finally:
                own_place.server.resume()
            # The first had no answer from the store; the others waited for their turn in the window.
            assert [answer[:9] for answer in answers] == ["451 4.3.0"] * 3
            assert later.by == 3
            await until(lambda: value("flight_bytes") == 0)  # their room is given back
            for peer in peers:
                await until_it(partial(taken, peer, letter), seconds=120)  # an fsync on a busy disk takes seconds


async def test_at_the_end_idle_sessions_are_told_and_a_letter_that_does_not_end_is_cut_off(
    place: World, tmp_path: Path
) -> None:
    told = refused("shutting_down")
    with ingress(place.nats, tmp_path, drain_seconds=1.0) as running:
        async with client(running.port) as idle, client(running.port) as busy:
            assert (await busy.begin(TO)).startswith("354")
            running.ask_to_stop()
            assert (await idle.reply()).startswith("421 4.3.2")
            assert told.by == 1
            assert (await busy.reply()).startswith("421 4.3.2")
    assert told.by == 2


async def test_attempts_beyond_the_rate_are_counted(place: World, tmp_path: Path) -> None:
    dropped, told = Grown("attempts_total", outcome="dropped"), refused("unknown_recipient")
    with ingress(place.nats, tmp_path, attempts_rate=1, errors=1_000, guesses=1_000) as running:
        async with client(running.port) as peer:
            for _ in range(100):
                assert (await peer.begin("nobody@demo.test")).startswith("550 5.1.1")
                await peer.say("RSET")
    assert told.by == 100
    assert 0 < dropped.by <= 40


async def test_attempts_beyond_the_file_are_counted(own_place: World) -> None:
    kept, dropped = (Grown("attempts_total", outcome=outcome) for outcome in ("kept", "dropped"))
    with ingress(
        own_place.nats, own_place.folder, attempts_file_bytes=20_000, errors=1_000, guesses=1_000, attempts_rate=1_000
    ) as running:
        own_place.server.kill()
        await until(lambda: not running.readiness.ready)
        async with client(running.port) as peer:
            for _ in range(100):
                assert (await peer.begin(TO)).startswith("451 4.3.0")
                await peer.say("RSET")
    assert kept.by + dropped.by == 100
    assert kept.by > 10
    assert dropped.by > 10
    assert (own_place.folder / "attempts.jsonl").stat().st_size <= 20_000


async def test_a_balancer_that_says_nothing_is_let_go(
    place: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PROXY_SECONDS", 0.1)
    slow, read = refused("too_slow"), Grown("proxy_headers_total", outcome="read")
    with ingress(place.nats, tmp_path, proxy_networks=("127.0.0.0/8",)) as running:
        async with raw(running.port) as silent, raw(running.port) as halfway:
            halfway.writer.write(b"PROXY TCP4 192.0.2.1 192.0")
            for peer in (silent, halfway):
                assert (await peer.reply()).startswith("421 4.4.2")
                assert await peer.reply() == ""
        async with raw(running.port) as peer:  # nothing is said to whom nobody knows
            peer.writer.write_eof()
            assert await peer.reply() == ""
    assert (slow.by, read.by) == (2, 0)


async def test_a_handshake_that_does_not_end_is_given_up(
    place: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_SECONDS", 0.2)
    failed = Grown("tls_handshakes_total", outcome="failed")
    certificate, key = str(place.certificate), str(place.key)
    with ingress(place.nats, tmp_path, certificate=certificate, private_key=key) as running:
        async with client(running.port) as peer:
            assert (await peer.say("STARTTLS")).startswith("220 2.0.0")
            hello = ssl.MemoryBIO()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            with pytest.raises(ssl.SSLWantReadError):
                context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="mx.test").do_handshake()
            peer.writer.write(hello.read()[:50])  # and no more of it
            assert await peer.reply() == ""
    assert failed.by == 1


@pytest.mark.slow
async def test_a_peer_that_does_not_read_our_last_reply_is_dropped(
    place: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.1)
    slow = refused("too_slow")
    with ingress(place.nats, tmp_path, command_seconds=1.0) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1_024)
        # Until neither side's buffers take any more: it sends, and does not read.
        with pytest.raises((TimeoutError, ConnectionError)):
            await talk(writer)
        await until(lambda: slow.by == 1)
        await until(lambda: value("sessions") == 0)
        writer.transport.abort()


async def taken(peer: Client, letter: bytes) -> bool:
    await peer.say("RSET")  # it may have been told to come again before DATA
    return (await peer.letter(letter, TO)).startswith("250")


async def talk(writer: asyncio.StreamWriter) -> None:
    """Say commands until nobody takes them any more."""
    while True:
        writer.write(b"HELP\r\n" * 10_000)
        async with asyncio.timeout(0.5):
            await writer.drain()
