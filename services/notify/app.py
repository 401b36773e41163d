"""Builds the service; nothing else builds its objects."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

from contracts.dead import MessageRetried
from contracts.findings import ReceiptSealed
from contracts.orders import ReleaseOrdered
from contracts.register import LetterEntered
from contracts.streams import NOTIFY_GRACE, NOTIFY_RELEASES, NOTIFY_RETRIES, NOTIFY_SEALED
from services.notify.attempts import Attempts
from services.notify.caps import Caps
from services.notify.covers import Covers
from services.notify.domain_key import Keyring
from services.notify.examined import Examined
from services.notify.handlers import Handlers
from services.notify.outbox import Outbox
from services.notify.postroom import Postroom
from services.notify.receipts import Receipts
from services.notify.relay import Courier
from services.notify.releases import Releases
from services.notify.waiting import Waiting
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.runtime.readiness import Readiness
from services.runtime.retries import Handled, Retries
from services.runtime.settings import Settings
from services.runtime.settle import Settlement

SEALED_WORKERS = 16
"""Letters at once. A relay takes at most `relay_sessions` of them, so slow ones leave room for the others."""
GRACE_WORKERS = 8
RELEASE_WORKERS = 2

MARGIN_SECONDS = 60.0
"""Beside the hand-overs: reading the letter, waiting for room, the slip, the events."""

CHECK_SECONDS = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


async def serve(settings: Settings, stop: asyncio.Event, readiness: Readiness) -> None:
    """Send what has to be sent until `stop` is set."""
    closed = asyncio.Event()

    def on_closed() -> None:
        closed.set()
        stop.set()

    bus = await Bus.connect(settings.nats, "notify", on_closed)
    directory = await Directory.watch(bus)
    examined, waiting = Examined(bus), Waiting()
    handlers, settlement = _build(settings, bus, directory, examined, waiting), Settlement(bus, readiness)
    seconds = deadline_seconds(settings)
    settlement.on(NOTIFY_SEALED, handlers.sealed, ReceiptSealed, deadline_seconds=seconds, workers=SEALED_WORKERS)
    settlement.on(NOTIFY_GRACE, handlers.entered, LetterEntered, deadline_seconds=seconds, workers=GRACE_WORKERS)
    settlement.on(NOTIFY_RELEASES, handlers.released, ReleaseOrdered, deadline_seconds=seconds, workers=RELEASE_WORKERS)
    retries = Retries(
        bus,
        {
            NOTIFY_SEALED.durable: Handled(handlers.sealed, (ReceiptSealed,)),
            NOTIFY_GRACE.durable: Handled(handlers.entered, (LetterEntered,)),
            NOTIFY_RELEASES.durable: Handled(handlers.released, (ReleaseOrdered,)),
        },
    )
    settlement.on(NOTIFY_RETRIES, retries.retried, MessageRetried, deadline_seconds=seconds)
    background = [
        asyncio.create_task(examined.follow(), name="index"),
        asyncio.create_task(waiting.show(), name="waiting"),
        asyncio.create_task(_watch(readiness, directory, examined), name="parts"),
    ]
    try:
        await settlement.run(stop)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await directory.close()
        await bus.close()
    if closed.is_set():
        raise ConnectionError("the connection to NATS ended for good")


def deadline_seconds(settings: Settings) -> float:
    """How long a handler may take: one hand-over that runs into its own deadline, half of another, and a margin."""
    return settings.notify.smtp_seconds * 1.5 + MARGIN_SECONDS


def _build(settings: Settings, bus: Bus, directory: Directory, examined: Examined, waiting: Waiting) -> Handlers:
    state, config = Path(settings.state), settings.notify
    hostname = settings.ingest.hostname or socket.gethostname()
    courier = Courier(
        hostname=hostname,
        seconds=config.smtp_seconds,
        authorities=str(state / config.relay_authorities) if config.relay_authorities else "",
    )
    keyring = Keyring(state / config.dkim_keys if config.dkim_keys else None)
    outbox = Outbox(bus)
    postroom = Postroom(config, courier, keyring, state / config.folder)
    attempts = Attempts(bus, postroom, config, _now)
    return Handlers(
        bus=bus,
        directory=directory,
        settings=config,
        examined=examined,
        outbox=outbox,
        attempts=attempts,
        receipts=Receipts(attempts, Caps(bus, config, _now), hostname),
        covers=Covers(attempts, outbox, directory, scanned=bool(settings.sign.clamd)),
        releases=Releases(bus),
        waiting=waiting,
        seconds=config.smtp_seconds * 1.5,
        now=_now,
    )


async def _watch(readiness: Readiness, directory: Directory, examined: Examined) -> None:
    while True:
        readiness.set("directory", directory.loaded, "not read yet")
        readiness.set("findings", examined.current, "the index of findings is behind")
        await asyncio.sleep(CHECK_SECONDS)
