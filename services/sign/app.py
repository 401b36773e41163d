"""Builds sign; nothing else does."""

import asyncio
import gc
import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from contracts.dead import MessageRetried
from contracts.register import LetterEntered
from contracts.streams import SIGN_ENTERED, SIGN_RETRIES, SIGN_SENDERS
from services.runtime import log as runtime_log
from services.runtime import settings
from services.runtime.bus import Bus
from services.runtime.config import ConfigError
from services.runtime.directory import Directory
from services.runtime.errors import Unavailable
from services.runtime.readiness import Readiness
from services.runtime.retries import Handled, Retries
from services.runtime.settle import Settlement
from services.runtime.version import version
from services.sign import log
from services.sign.authorities import Authorities
from services.sign.checkpoints import Checkpoints
from services.sign.child_process import ChildError
from services.sign.children import CLOCK, Children
from services.sign.clamd import Clamd, longest_seconds
from services.sign.fetcher import Fetcher
from services.sign.forks import ForkKeeper
from services.sign.lanes import LAST_BLOCKED_SECONDS
from services.sign.ledger import Ledger
from services.sign.press import Press
from services.sign.resolver import Resolver
from services.sign.revocation_cache import RevocationCache
from services.sign.seal import SealError
from services.sign.seal_sources import renew
from services.sign.seals import Seals
from services.sign.sender_worker import SenderWorker
from services.sign.senders import Senders
from services.sign.timestamp_http import Http
from services.sign.trust import TrustError, TrustStore
from services.sign.trust_folder import TrustFolder
from services.sign.worker import Worker

SERVICE: Final = "sign"

CONNECT_AGAIN_SECONDS: Final = 0.5
CHECK_SECONDS: Final = 2.0

CACHE: Final = "revocation"
"""Folder of fetched answers, in the state folder."""

MARGIN_SECONDS: Final = 60.0
"""Beside the examination: reading the letter, paper and seal of those before it, two durable writes."""

JUDGING_SECONDS: Final = 20.0
"""Beside the DNS: five signatures over 40 MB on a busy machine."""


class Equipment:
    """What is read from files at the start: keys, trust anchors, resolvers."""

    def __init__(self, config: settings.Settings) -> None:
        """Raises SealError, TrustError or ValueError, whose message names the setting."""
        state, sign = Path(config.state), config.sign
        self.seals = Seals.load(sign, state)
        self.trust = TrustFolder("sign.trust", state / sign.trust if sign.trust else None)
        self.timestamp_trust = TrustFolder(
            "sign.timestamp_trust", state / sign.timestamp_trust if sign.timestamp_trust else None
        )
        try:
            self.resolver = Resolver(sign.dns_servers, sign.dns_seconds)
        except ValueError as error:
            raise ValueError(f"sign.dns_servers: {error}") from error
        try:
            self.fetcher = _fetcher(sign, state, self.resolver)
        except ValueError as error:
            raise ValueError(f"sign.fetch_hosts: {error}") from error


async def serve(config: settings.Settings, stop: asyncio.Event, readiness: Readiness) -> None:
    """Run sign on the running loop until `stop` is set.

    Raises:
        ConfigError: keys, anchors or servers that the settings name cannot be used; one line.
    """
    try:
        equipment = Equipment(config)
    except (SealError, TrustError, ValueError) as error:
        raise ConfigError(str(error)) from error
    await _serve(config, equipment, stop, readiness)


async def _serve(config: settings.Settings, equipment: Equipment, stop: asyncio.Event, readiness: Readiness) -> None:
    closed = asyncio.Event()

    def on_closed() -> None:
        closed.set()
        stop.set()

    readiness.set("consumers", False, "not bound yet")
    bus = await _connected(config.nats, stop, readiness, on_closed)
    if bus is None:
        return
    software = f"saraban {version()}"
    directory = await Directory.watch(bus)
    forks = ForkKeeper()
    children = Children(config.sign, equipment.trust.store, equipment.resolver, software, equipment.fetcher, forks)
    judges = Children(judging(config.sign), TrustStore(), equipment.resolver, software, forks=forks)
    press = Press()
    authorities = _authorities(config.sign, equipment.timestamp_trust.store, press)
    beside: list[asyncio.Task[None]] = []
    try:
        if not await _loaded(directory, stop, readiness) or not await _started(children, stop, readiness):
            return
        if equipment.fetcher is not None:
            await equipment.fetcher.open()
        log.ready(equipment.seals.names, equipment.trust.store.version)
        gc.collect()
        gc.freeze()  # what is loaded stays; no collection has to look at it again
        checkpoints = Checkpoints(bus, directory, equipment.seals, press, authorities, config.sign.checkpoint_seconds)
        beside.append(asyncio.create_task(_watch(equipment.seals, directory, readiness), name="seals"))
        beside.append(asyncio.create_task(renew(equipment.seals.sources, equipment.seals), name="keys"))
        beside.append(asyncio.create_task(checkpoints.run(), name="checkpoints"))
        beside.append(asyncio.create_task(equipment.trust.follow(children.trust, readiness), name="trust"))
        if authorities is not None:
            follows = equipment.timestamp_trust.follow(authorities.trust, readiness)
            beside.append(asyncio.create_task(follows, name="timestamp_trust"))
        ledger, patience = Ledger(bus), config.sign.sender_patience_seconds if equipment.resolver.servers else 0.0
        senders = Senders(bus, patience)
        early = SenderWorker(bus, judges, config.sign.sender_children, ledger, senders, patience)
        worker = Worker(
            bus,
            directory,
            children,
            _scanner(config.sign),
            ledger,
            equipment.seals,
            press,
            checkpoints,
            senders,
            software,
        )
        settlement = Settlement(bus, readiness)
        workers, seconds = _pace(config.sign)
        settlement.on(SIGN_ENTERED, worker.entered, LetterEntered, deadline_seconds=seconds, workers=workers)
        settlement.on(
            SIGN_SENDERS,
            early.entered,
            LetterEntered,
            deadline_seconds=seconds,
            workers=config.sign.sender_children + 1,
        )
        retries = Retries(
            bus,
            {
                SIGN_ENTERED.durable: Handled(worker.entered, (LetterEntered,)),
                SIGN_SENDERS.durable: Handled(early.entered, (LetterEntered,)),
            },
        )
        settlement.on(SIGN_RETRIES, retries.retried, MessageRetried, deadline_seconds=seconds)
        await settlement.run(stop)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if authorities is not None:
            await authorities.close()
        await children.close()
        await judges.close()
        await forks.close()
        if equipment.fetcher is not None:
            await equipment.fetcher.close()
        await equipment.resolver.close()
        press.close()
        await directory.close()
        await bus.close()
    if closed.is_set():
        raise ConnectionError("the connection to NATS ended for good")


def _fetcher(config: settings.Sign, state: Path, resolver: Resolver) -> Fetcher | None:
    if config.revocation != "fetch":
        return None
    return Fetcher(
        resolver,
        RevocationCache(state / CACHE, config.fetch_cache_bytes),
        seconds=config.fetch_seconds,
        octets=config.fetch_bytes,
        hosts=config.fetch_hosts,
    )


def _authorities(config: settings.Sign, anchors: TrustStore, press: Press) -> Authorities | None:
    if not config.timestamp_authorities:
        return None
    return Authorities(config.timestamp_authorities, config.timestamp_seconds, anchors, press, Http())


def _scanner(config: settings.Sign) -> Clamd | None:
    return Clamd(config.clamd, config.clamd_seconds, config.clamd_wait_seconds) if config.clamd else None


def judging(config: settings.Sign) -> settings.Sign:
    """The children that judge senders: as many as are said, and no longer at it than the DNS may take."""
    seconds = min(config.child_seconds, config.dns_seconds + JUDGING_SECONDS)
    return msgspec.structs.replace(config, children=config.sender_children, child_seconds=seconds)


def _pace(config: settings.Sign) -> tuple[int, float]:
    """How many letters at once, and how long one may take: it may have to wait for others at the children."""
    # One read, one laid out, one sealed while the children are busy, those of the slow lane too.
    workers = config.children + config.slow_children + 3
    turns = math.ceil(workers / config.children)
    scanning = longest_seconds(config.clamd_seconds, config.clamd_wait_seconds) if config.clamd else 0.0
    examining = turns * LAST_BLOCKED_SECONDS + CLOCK * config.child_seconds
    return workers, max(examining, scanning) + MARGIN_SECONDS


async def _connected(
    config: settings.Nats, stop: asyncio.Event, readiness: Readiness, on_closed: Callable[[], None]
) -> Bus | None:
    """The connection, tried until it is there; None if `stop` was set first."""
    said = ""
    while not stop.is_set():
        try:
            bus = await Bus.connect(config, SERVICE, on_closed)
        except Unavailable as error:
            readiness.set("nats", False, str(error))
            if said != str(error):
                said = str(error)
                runtime_log.waiting(said)
            await asyncio.sleep(CONNECT_AGAIN_SECONDS)
        else:
            readiness.set("nats", True)
            return bus
    return None


async def _loaded(directory: Directory, stop: asyncio.Event, readiness: Readiness) -> bool:
    """Wait for the directory: a receipt must not be given up because we asked too early."""
    readiness.set("directory", False, "has not been read yet")
    while not directory.loaded:
        if stop.is_set():
            return False
        await asyncio.sleep(0.05)
    readiness.set("directory", True)
    return True


async def _started(children: Children, stop: asyncio.Event, readiness: Readiness) -> bool:
    """Wait for the first child; a host that is short of memory for a while gets over it."""
    while not stop.is_set():
        try:
            await children.start()
        except ChildError as error:
            readiness.set("children", False, str(error))
            await asyncio.sleep(CHECK_SECONDS)
        else:
            readiness.set("children", True)
            return True
    return False


async def _watch(seals: Seals, directory: Directory, readiness: Readiness) -> None:
    """Say which receipts could not be sealed before a letter has to wait for it."""
    said: frozenset[str] = frozenset()
    while True:
        shared, own = seals.problems(directory.agencies.values())
        readiness.set("seals", not shared, "; ".join(shared))
        for reason in sorted({*shared, *own} - said):
            log.seal_unusable(reason)
        said = frozenset({*shared, *own})
        await asyncio.sleep(CHECK_SECONDS)
