"""The directory of agencies: a key-value bucket, followed as it changes, found by whole address.

What was read stays in force while NATS is away. A value that cannot be used is logged, and the one before it stays.
"""

import asyncio
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import idna
import msgspec
import nats.errors
from nats.js.errors import APIError
from nats.js.errors import Error as JetStreamError
from nats.js.kv import KeyValue

from contracts.directory import Agency, problems
from contracts.streams import DIRECTORY
from services.runtime import log, metrics
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import BusError

KEY = "agency."
CHECK_SECONDS = 5.0
"""So often a quiet watch is compared with the bucket: an update can be missed when the server's side of it dies."""

RETRY_SECONDS = 1.0

_TROUBLE = (nats.errors.Error, JetStreamError, APIError, BusError, OSError, TimeoutError)

_DECODER = msgspec.json.Decoder(Agency, strict=True)


class Directory:
    """The agencies as this process knows them. Made by `watch`; `close` ends the watching."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._book = _Book()
        self._loaded = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @staticmethod
    async def watch(bus: Bus) -> "Directory":
        """Begin to follow the bucket. Returns at once; see `loaded`."""
        directory = Directory(bus)
        directory._task = asyncio.create_task(directory._follow(), name="directory")
        return directory

    @property
    def loaded(self) -> bool:
        """Whether the whole bucket has been read once."""
        return self._loaded.is_set()

    async def wait_loaded(self) -> None:
        """Wait until the whole bucket has been read once."""
        await self._loaded.wait()

    @property
    def agencies(self) -> Mapping[str, Agency]:
        """All agencies by id; a view that follows changes."""
        return MappingProxyType(self._book.agencies)

    def agency(self, agency_id: str) -> Agency | None:
        """The agency of this id."""
        return self._book.agencies.get(agency_id)

    def by_address(self, address: str) -> Agency | None:
        """The agency whose central address this is: whole, without regard to case, the domain in any spelling."""
        found = self._book.addresses.get(normalise(address))
        return self._book.agencies[min(found)] if found else None

    def by_domain(self, domain: str) -> list[Agency]:
        """The agencies on a mail domain, by id; many local bodies share one."""
        found = self._book.domains.get(normalise_domain(domain), ())
        return [self._book.agencies[agency_id] for agency_id in sorted(found)]

    def by_return_domain(self, domain: str) -> list[Agency]:
        """The agencies whose token addresses live on a domain, by id; it need not be a domain of their letters."""
        found = self._book.return_domains.get(normalise_domain(domain), ())
        return [self._book.agencies[agency_id] for agency_id in sorted(found)]

    async def close(self) -> None:
        """Stop following."""
        while self._task is not None and not self._task.done():
            self._task.cancel()  # again, if need be: nats-py's flush swallows a cancellation
            await asyncio.wait({self._task}, timeout=0.1)

    async def _follow(self) -> None:
        said = ""
        while True:
            try:
                await self._read()
                reason = "fell behind the bucket"
            except _TROUBLE as error:
                reason = repr(error)
            if reason != said:  # an outage gives the same one at every attempt
                log.directory_interrupted(reason)
                said = reason
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        """Read the bucket from the beginning and follow it; returns when it must be opened again."""
        async with asyncio.timeout(self._bus.timeout):
            bucket = await self._bus.js.key_value(DIRECTORY.name)
            watcher = await bucket.watch(">")
        try:
            fresh: _Book | None = _Book(self._book)
            seen = 0
            while True:
                try:
                    entry = await watcher.updates(timeout=CHECK_SECONDS)  # type: ignore[no-untyped-call]  # nats-py: no types
                except nats.errors.TimeoutError:
                    if await self._missed(seen):
                        return
                    continue
                if entry is not None:
                    seen = entry.revision or seen
                    self._take(fresh or self._book, entry)
                elif fresh is not None:
                    self._book, fresh = fresh, None
                    self._loaded.set()
                metrics.DIRECTORY_AGENCIES.labels(self._bus.service).set(len(self._book.agencies))
        finally:
            if self._bus.connected:
                await watcher.stop()  # type: ignore[no-untyped-call]  # as above

    async def _missed(self, seen: int) -> bool:
        async with asyncio.timeout(self._bus.timeout):
            info = await self._bus.js.stream_info(f"KV_{DIRECTORY.name}")
        return info.state.last_seq != seen

    def _take(self, book: "_Book", entry: KeyValue.Entry) -> None:
        if not entry.key.startswith(KEY):
            return
        agency_id = entry.key.removeprefix(KEY)
        if entry.operation is not None:
            book.remove(agency_id)
            return
        try:
            agency = read(entry.value or b"")
            if agency.id != agency_id:
                raise ValueError(f"id: is {agency.id!r}, the key says {agency_id!r}")  # noqa: TRY301 - same answer
        except ValueError as error:
            metrics.DIRECTORY_REFUSED.labels(self._bus.service).inc()
            log.directory_refused(entry.key, str(error))
            book.keep(agency_id)
        else:
            book.put(agency)


class _Book:
    """Agencies and how they are found. A fresh one, read from the beginning, may keep values of its predecessor."""

    def __init__(self, former: "_Book | None" = None) -> None:
        self.agencies: dict[str, Agency] = {}
        self.addresses: dict[str, set[str]] = {}
        self.domains: dict[str, set[str]] = {}
        self.return_domains: dict[str, set[str]] = {}
        self._former = former.agencies if former is not None else {}

    def put(self, agency: Agency) -> None:
        self.remove(agency.id)
        self.agencies[agency.id] = agency
        for index, key in _keys(self, agency):
            index.setdefault(key, set()).add(agency.id)

    def keep(self, agency_id: str) -> None:
        if agency_id not in self.agencies and agency_id in self._former:
            self.put(self._former[agency_id])

    def remove(self, agency_id: str) -> None:
        agency = self.agencies.pop(agency_id, None)
        if agency is None:
            return
        for index, key in _keys(self, agency):
            index[key].discard(agency_id)
            if not index[key]:
                del index[key]


def _keys(book: _Book, agency: Agency) -> list[tuple[dict[str, set[str]], str]]:
    addresses = {normalise(address) for address in agency.addresses}
    domains = {normalise_domain(domain.name) for domain in agency.domains}
    return [
        *((book.addresses, key) for key in addresses),
        *((book.domains, key) for key in domains),
        (book.return_domains, normalise_domain(agency.bounce_domain)),
    ]


def read(value: bytes) -> Agency:
    """Decode one value of the bucket, strictly. Raises ValueError with every reason."""
    try:
        agency = _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    found = problems(agency)
    if found:
        raise ValueError("; ".join(found))
    return agency


async def put(bus: Bus, agency: Agency) -> None:
    """Write an agency. Raises ValueError where something is wrong in it, and the errors of `batch.commit`."""
    value = msgspec.json.encode(agency)
    read(value)
    await commit(bus.nc, (Outgoing(_subject(agency.id), value, {}),), bus.timeout)


async def remove(bus: Bus, agency_id: str) -> None:
    """Take an agency out of the directory. Its books and letters stay."""
    await commit(bus.nc, (Outgoing(_subject(agency_id), b"", {"KV-Operation": "DEL"}),), bus.timeout)


def _subject(agency_id: str) -> str:
    return f"$KV.{DIRECTORY.name}.{KEY}{agency_id}"


@lru_cache(maxsize=8192)
def normalise(address: str) -> str:
    """One spelling for every way to write an address; without an `@` it is taken as a local part alone."""
    local, at, domain = address.rpartition("@")
    if not at:
        return unicodedata.normalize("NFC", address).lower()
    return f"{unicodedata.normalize('NFC', local).lower()}@{normalise_domain(domain)}"


@lru_cache(maxsize=8192)
def normalise_domain(domain: str) -> str:
    """A domain as A-labels in lower case; what is no valid IDNA name is only lower-cased."""
    lower = domain.rstrip(".").lower()
    if lower.isascii():
        return lower
    try:
        return idna.encode(lower, uts46=True).decode("ascii")
    except idna.IDNAError:
        return unicodedata.normalize("NFC", lower)
