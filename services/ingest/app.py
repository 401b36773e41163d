"""Builds the ingress and serves until it is asked to stop. Nothing else builds."""

import asyncio
import contextlib
import gc
import socket
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from prometheus_client import Counter

from contracts.directory import NextHop
from services.ingest import log, metrics, trace_field
from services.ingest.admission import Flight
from services.ingest.attempts import Attempts
from services.ingest.attempts_file import AttemptsFile
from services.ingest.certificate import Certificate
from services.ingest.listening import Listening
from services.ingest.mailroom import Mailroom
from services.ingest.next_hop import NextHops
from services.ingest.parts import Parts
from services.ingest.peer_name import PeerNames
from services.ingest.postmaster import HOPS as OPERATOR_HOPS
from services.ingest.postmaster import Postmaster
from services.ingest.protocol import SmtpSession
from services.ingest.reception import Reception
from services.ingest.recipients import Recipients
from services.ingest.reputation import Reputation
from services.ingest.sessions import Sessions, TurnedAway
from services.ingest.traffic import Traffic
from services.runtime import log as runtime_log
from services.runtime.bus import Bus
from services.runtime.clock import CentralClock, Clock
from services.runtime.config import ConfigError, host_port
from services.runtime.directory import Directory
from services.runtime.durability import NO_SPACE, broken, durable, replicated
from services.runtime.errors import Unavailable
from services.runtime.readiness import Readiness
from services.runtime.settings import Settings

CONNECT_AGAIN_SECONDS: Final = 0.5
WATCH_SECONDS: Final = 0.25
AWAY_SECONDS: Final = 1.0
"""NATS is away: from then on, who connects is told to come again."""
OPEN_SECONDS: Final = 3.0
"""A successor waits so long until letters may be taken: its first reply should be no 451."""
STORE_SECONDS: Final = 2.0
"""Between looks at the server's health page: on a full disk it answers a publish with nothing at all."""


async def serve(settings: Settings, stop: asyncio.Event, readiness: Readiness, clock: Clock | None = None) -> None:
    """Serve SMTP until `stop` is set, then drain; one process of possibly several on the same port.

    Raises:
        OSError: an address is taken, a certificate or the state folder cannot be used.
        Exception: whatever a part that must not end has ended with.
    """
    readiness.set("listening", ready=False, reason="not yet")
    closed = asyncio.Event()
    listening = Listening(settings.ingest)
    late = asyncio.create_task(_turn_away(listening))
    try:
        bus = await _connected(settings, stop, readiness, closed)
    finally:
        late.cancel()
    if bus is None:
        return
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no need to look through it again at every collection
    async with AsyncExitStack() as stack:
        stack.push_async_callback(bus.close)
        directory = await Directory.watch(bus)
        stack.push_async_callback(directory.close)
        background: list[asyncio.Task[None]] = []
        central: CentralClock | None = None
        if clock is None:
            clock = central = CentralClock(settings.clock)
            background.append(asyncio.create_task(central.run(), name="clock"))
        attempts = await _attempts(settings, bus, clock, stack)
        traffic = _traffic(settings, clock)
        stack.push_async_callback(traffic.settle)
        gate = Gate(bus, directory)
        parts = _build(settings, bus, directory, clock, attempts, traffic, gate, await _hostname(settings))
        stack.push_async_callback(parts.reputation.close)
        background += [
            asyncio.create_task(attempts.run(), name="attempts"),
            asyncio.create_task(traffic.run(), name="traffic"),
            asyncio.create_task(parts.sessions.run(), name="sessions"),
            asyncio.create_task(_watch(settings, bus, directory, readiness, gate), name="readiness"),
            asyncio.create_task(_watch_store(settings, parts.mailroom, readiness), name="store"),
            asyncio.create_task(_raise_when(closed), name="nats"),
        ]
        if parts.certificate is not None:
            background.append(asyncio.create_task(parts.certificate.watch(), name="certificate"))
        stack.push_async_callback(_end, background)
        if central is not None:
            await central.asked()  # who was started again must not stamp by a host clock that the servers contradict
        if listening.taken_over:
            await _until_open(gate)
        loop = asyncio.get_running_loop()
        await listening.open(lambda: TurnedAway() if parts.sessions.full else SmtpSession(parts, loop))
        readiness.set("listening", ready=True)
        log.listening(settings.ingest.listen, parts.hostname)
        if parts.postmaster is None:
            log.no_postmaster()
        asked = asyncio.create_task(stop.wait())
        ended, _ = await asyncio.wait({asked, *background}, return_when=asyncio.FIRST_COMPLETED)
        readiness.set("listening", ready=False, reason="draining")
        await listening.close()
        await parts.sessions.drain(settings.ingest.drain_seconds)
        asked.cancel()
        for task in ended - {asked}:
            task.result()  # a part that must not end has ended: the process does, and is started again


async def _connected(
    settings: Settings, stop: asyncio.Event, readiness: Readiness, closed: asyncio.Event
) -> Bus | None:
    """The connection, tried until it is there; None if `stop` was set first."""
    said = ""
    while not stop.is_set():
        try:
            return await Bus.connect(settings.nats, "ingest", on_closed=closed.set)
        except Unavailable as error:
            readiness.set("nats", ready=False, reason=str(error))
            if str(error) != said:
                said = str(error)
                runtime_log.waiting(said)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_AGAIN_SECONDS):
                await stop.wait()
    return None


async def _turn_away(listening: Listening) -> None:
    await asyncio.sleep(AWAY_SECONDS)
    await listening.turn_away()


async def _until_open(gate: "Gate") -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(OPEN_SECONDS):
            while not gate.open():  # noqa: ASYNC110 - three things have to hold, of which one is NATS's own
                await asyncio.sleep(0.02)


async def _attempts(settings: Settings, bus: Bus, clock: Clock, stack: AsyncExitStack) -> Attempts:
    """The attempts, and their file; brought to MAIL or to the file once more at the very end."""
    path = Path(settings.state) / settings.ingest.attempts_file
    file = await asyncio.to_thread(AttemptsFile, path, settings.ingest.attempts_file_bytes)
    stack.callback(file.close)
    attempts = Attempts(bus, clock, file, settings.ingest.attempts_rate)
    stack.push_async_callback(attempts.settle)
    return attempts


def _traffic(settings: Settings, clock: Clock) -> Traffic:
    folder = Path(settings.state) / settings.ingest.traffic if settings.ingest.traffic else None
    return Traffic(folder, settings.ingest.traffic_days, clock)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()  # again, if need be: nats-py's flush swallows a cancellation
        _, left = await asyncio.wait(left, timeout=0.1)


async def _raise_when(closed: asyncio.Event) -> None:
    await closed.wait()
    raise RuntimeError("the connection to NATS ended for good")


def _build(
    settings: Settings,
    bus: Bus,
    directory: Directory,
    clock: Clock,
    attempts: Attempts,
    traffic: Traffic,
    gate: "Gate",
    hostname: str,
) -> Parts:
    ingest = settings.ingest
    mailroom = Mailroom(bus, ingest.max_payload, ingest.window_bytes, ingest.commit_seconds)
    flight = Flight(ingest.flight_bytes)
    postmaster = None
    next_hops = _next_hops(settings, hostname, metrics.PASSED)
    if ingest.postmaster:
        host, port = host_port(ingest.postmaster_relay)
        relay = NextHop(host=host, port=port, tls=ingest.postmaster_tls)
        postmaster = Postmaster(
            ingest.postmaster, relay, _next_hops(settings, hostname, metrics.POSTMASTER, OPERATOR_HOPS)
        )
    return Parts(
        settings=ingest,
        hostname=hostname,
        clock=clock,
        recipients=Recipients(directory, operator=postmaster is not None),
        reception=Reception(mailroom),
        reputation=Reputation(ingest),
        mailroom=mailroom,
        next_hops=next_hops,
        flight=flight,
        sessions=Sessions(ingest.sessions, ingest.sessions_per_address, flight),
        attempts=attempts,
        traffic=traffic,
        certificate=_certificate(settings),
        postmaster=postmaster,
        ready=gate.open,
    )


def _next_hops(settings: Settings, hostname: str, outcomes: Counter, hops: int = trace_field.HOPS) -> NextHops:
    authorities = settings.ingest.next_hop_authorities
    path = str(Path(settings.state) / authorities) if authorities else ""
    try:
        return NextHops(
            hostname,
            settings.ingest.next_hop_seconds,
            path,
            PeerNames(settings.ingest.dns_servers),
            outcomes,
            hops,
        )
    except OSError as error:
        raise ConfigError(f"ingest.next_hop_authorities: {authorities} cannot be used: {error}") from error


def _certificate(settings: Settings) -> Certificate | None:
    ingest, state = settings.ingest, Path(settings.state)
    if not ingest.certificate:
        return None
    try:
        return Certificate(str(state / ingest.certificate), str(state / ingest.private_key))
    except (OSError, ValueError) as error:
        raise ConfigError(f"ingest.certificate: {ingest.certificate} cannot be used: {error}") from error


class Gate:
    """Whether letters may be taken: the directory has been read, and this very connection's server syncs."""

    def __init__(self, bus: Bus, directory: Directory) -> None:
        self._bus = bus
        self._directory = directory
        self._durable_on = -1

    @property
    def connection(self) -> int:
        """Tells connections apart: the next one may be to another server."""
        return int(self._bus.nc.stats["reconnects"])

    @property
    def durable(self) -> bool:
        """Whether this connection's server was asked and syncs; of a cluster, whether any was asked since the start."""
        if self._bus.settings.replicas > 1:
            return self._durable_on >= 0
        return self._durable_on == self.connection

    def passed(self, connection: int) -> None:
        """The server of a connection was asked, and syncs."""
        self._durable_on = connection

    def open(self) -> bool:
        """Whether a letter may be taken now."""
        return self._bus.connected and self._directory.loaded and self.durable


async def _watch(settings: Settings, bus: Bus, directory: Directory, readiness: Readiness, gate: Gate) -> None:
    """Keep gate and readiness true to what is."""
    said: str | None = None
    while True:
        # Before "nats": a connection that is new must not look ready before its server was asked.
        readiness.set("durable", ready=gate.durable, reason=said or "not asked yet on this connection")
        readiness.set("nats", ready=bus.connected, reason="not connected")
        readiness.set("directory", ready=directory.loaded, reason="not read yet")
        if bus.connected and not gate.durable:
            connection = gate.connection
            year = time.gmtime().tm_year + 543
            reason = await durable(settings.nats) or await replicated(bus, year)
            if reason is None:
                gate.passed(connection)
            elif reason != said:
                log.not_durable(reason)
            said = reason
            readiness.set("durable", ready=gate.durable, reason=said or "not asked yet on this connection")
        await asyncio.sleep(WATCH_SECONDS)


async def _watch_store(settings: Settings, mailroom: Mailroom, readiness: Readiness) -> None:
    """Keep the mailroom told whether the server can write."""
    while True:
        reason = await broken(settings.nats)
        full = reason if reason is not None and NO_SPACE in reason else ""
        if full and full != mailroom.full:
            log.store_full(full)
        mailroom.full = full
        readiness.set("store", ready=reason is None, reason=reason or "")
        await asyncio.sleep(STORE_SECONDS)


async def _hostname(settings: Settings) -> str:
    return settings.ingest.hostname or await asyncio.to_thread(socket.getfqdn)
