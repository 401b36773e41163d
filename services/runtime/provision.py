"""Streams, buckets and durable consumers made as contracts/streams.py says; nothing is ever deleted or narrowed.

The API is asked in its own JSON: the client's configuration objects hide fields, and what they do not know they
would silently reset. A difference is either safe to add (a stream learns to do something more) or it is refused
with a sentence, and an operator decides.
"""

from collections.abc import Mapping
from typing import Any

from contracts import streams
from contracts.streams import BUCKETS, CONSUMERS, STREAMS, Bucket, Consumer, Stream
from services.runtime import errors, settings
from services.runtime.bus import Bus

_ADDABLE: dict[str, object] = {"allow_direct": True, "allow_atomic": True, "allow_msg_ttl": True}
"""Fields of a stream that may be switched on where they are off: no message is touched by it."""

_UPDATABLE = ("ack_wait", "max_ack_pending", "max_deliver")
"""Fields of a consumer that may be changed: its position stays."""


_UNSET: dict[str, object] = {
    # of a stream: each would refuse, drop, alter or leave unsynced what a service was told is stored
    "max_msg_size": -1,
    "no_ack": False,
    "sealed": False,
    "persist_mode": "",
    "mirror": None,
    "sources": None,
    "subject_transform": None,
    "republish": None,
    "discard_new_per_subject": False,
    "first_seq": 0,
    "consumer_limits": {},
    "subject_delete_marker_ttl": 0,
    # of a consumer: each would leave messages out or hold them back
    "filter_subjects": None,
    "headers_only": False,
    "backoff": None,
    "inactive_threshold": 0,
    "pause_until": None,
    "rate_limit_bps": 0,
    "max_batch": 0,
    "max_expires": 0,
    "max_bytes": 0,
    "priority_policy": "none",
}
"""What must be as a server has it by itself, although contracts/streams.py does not speak of it."""


class ProvisionRefused(Exception):  # noqa: N818 - reads as what happened
    """What exists differs in a way that only a person may change."""


async def provision(nats: settings.Nats, now_year: int) -> list[str]:
    """Make what is missing, add what is safe to add; return what was done, one line each.

    `now_year` is the Buddhist year. Calling it again does nothing.

    Raises:
        ProvisionRefused: something exists with a setting that cannot be changed without harm.
        Unavailable: no answer.
    """
    bus = await Bus.connect(nats, "provision")
    try:
        return await _Provision(bus, now_year).run()
    finally:
        await bus.close()


async def differences(bus: Bus, now_year: int) -> list[str]:
    """What exists and is not as contracts/streams.py says, one line each; changes nothing."""
    return await _Provision(bus, now_year).compare()


class _Provision:
    def __init__(self, bus: Bus, year: int) -> None:
        self._bus = bus
        self._year = year
        self._done: list[str] = []

    async def run(self) -> list[str]:
        wanted = self._wanted()
        existing = {name: await self._stream(name) for name in wanted}
        refused = [
            line
            for name, config in wanted.items()
            if (found := existing[name]) is not None
            for line in _refused(name, config, found)
        ]
        refused += await self._later_years()
        if refused:
            raise ProvisionRefused("; ".join(refused))
        for name, config in wanted.items():
            await self._make(name, config, existing[name])
        for name in await self._former_years():
            found = await self._stream(name)
            if found is not None:
                await self._spread(name, self._bus.settings.replicas, found)
        for consumer in CONSUMERS:
            await self._make_consumer(consumer)
        return self._done

    async def compare(self) -> list[str]:
        lines: list[str] = []
        for name, config in self._wanted().items():
            found = await self._stream(name)
            if found is None:
                lines.append(f"{name}: does not exist")
            else:
                lines += [f"{name}: {line}" for line in _different(config, found)]
        for name in await self._former_years():
            found = await self._stream(name)
            if found is not None:
                config = streams.MAIL.config(int(name.rpartition("_")[2]), self._bus.settings.replicas)
                lines += [f"{name}: {line}" for line in _different(config | {"subjects": []}, found)]
        for consumer in CONSUMERS:
            existing = await self._consumer(consumer)
            if existing is None:
                lines.append(f"{consumer.stream} {consumer.durable}: does not exist")
            else:
                lines += [
                    f"{consumer.stream} {consumer.durable}: {line}" for line in _different(consumer.config(), existing)
                ]
        return lines

    def _wanted(self) -> dict[str, dict[str, object]]:
        replicas = self._bus.settings.replicas
        wanted = {stream.name(self._year): stream.config(self._year, replicas) for stream in STREAMS}
        return wanted | {f"KV_{bucket.name}": bucket_config(bucket, replicas) for bucket in BUCKETS}

    async def _make(self, name: str, config: dict[str, object], found: Mapping[str, Any] | None) -> None:
        if found is None:
            await self._retire_former(name)
            await self._bus.api(f"STREAM.CREATE.{name}", config)
            self._done.append(f"{name}: created")
            return
        added = {key: config[key] for key, on in _ADDABLE.items() if config.get(key) == on and found.get(key) != on}
        if added:
            await self._bus.api(f"STREAM.UPDATE.{name}", {**found, **added})
            self._done.append(f"{name}: {', '.join(sorted(added))} switched on")
        await self._spread(name, int(str(config["num_replicas"])), {**found, **added})

    async def _spread(self, name: str, replicas: int, found: Mapping[str, Any]) -> None:
        """A single server has become a cluster: the others get a copy. The other way round a person decides."""
        if int(found.get("num_replicas", 1)) < replicas:
            await self._bus.api(f"STREAM.UPDATE.{name}", {**found, "num_replicas": replicas})
            self._done.append(f"{name}: lies on {replicas} servers from now on")

    async def _retire_former(self, name: str) -> None:
        """A new year of a yearly stream: the old ones give up their subjects and keep everything else."""
        family = next((s for s in STREAMS if s.yearly and s.name(self._year) == name), None)
        if family is None:
            return
        for former in await self._former_years():
            found = await self._stream(former)
            if found and found.get("subjects") != [closed_subject(former)]:
                # A subject of its own name, which nobody may publish to: without any, the server would invent one.
                await self._bus.api(f"STREAM.UPDATE.{former}", {**found, "subjects": [closed_subject(former)]})
                self._done.append(f"{former}: closed, {name} takes its subjects")

    async def _later_years(self) -> list[str]:
        """A clock that is a year behind must not take the subjects back to an old year."""
        current = streams.MAIL.name(self._year)
        return [
            f"{name}: exists already, and now it is {current}'s year" for name in await self._years() if name > current
        ]

    async def _former_years(self) -> list[str]:
        current = streams.MAIL.name(self._year)
        return [name for name in await self._years() if name < current]

    async def _years(self) -> list[str]:
        found = await self._bus.api("STREAM.NAMES", {"offset": 0})  # one answer has 1,024 names, we have a dozen
        return sorted(name for name in found.get("streams") or [] if name.startswith(f"{streams.MAIL.family}_"))

    async def _make_consumer(self, consumer: Consumer) -> None:
        config = consumer.config()
        found = await self._consumer(consumer)
        path = f"CONSUMER.CREATE.{consumer.stream}.{consumer.durable}.{consumer.filter_subject}"
        if found is None:
            await self._bus.api(path, {"stream_name": consumer.stream, "config": config, "action": "create"})
            self._done.append(f"{consumer.stream} {consumer.durable}: created")
            return
        different = {key for key, value in config.items() if found.get(key) != value}
        fixed = _different({key: value for key, value in config.items() if key not in _UPDATABLE}, found)
        if fixed:
            raise ProvisionRefused("; ".join(f"{consumer.stream} {consumer.durable}: {line}" for line in fixed))
        if different:
            await self._bus.api(
                path, {"stream_name": consumer.stream, "config": {**found, **config}, "action": "update"}
            )
            self._done.append(f"{consumer.stream} {consumer.durable}: {', '.join(sorted(different))} updated")

    async def _stream(self, name: str) -> dict[str, Any] | None:
        try:
            reply = await self._bus.api(f"STREAM.INFO.{name}")
        except errors.Missing:
            return None
        config: dict[str, Any] = reply["config"]
        return config

    async def _consumer(self, consumer: Consumer) -> dict[str, Any] | None:
        try:
            reply = await self._bus.api(f"CONSUMER.INFO.{consumer.stream}.{consumer.durable}")
        except errors.Missing:
            return None
        config: dict[str, Any] = reply["config"]
        return config


def closed_subject(name: str) -> str:
    """The subject a closed year keeps, since a stream without subjects gets its own name as one."""
    return f"closed.{name}"


def bucket_config(bucket: Bucket, replicas: int) -> dict[str, object]:
    """The stream behind a key-value bucket, as every NATS client expects it."""
    return {
        "name": f"KV_{bucket.name}",
        "subjects": [f"$KV.{bucket.name}.>"],
        "retention": "limits",
        "storage": bucket.storage,
        "discard": "new",
        "max_age": bucket.ttl_seconds * 1_000_000_000,
        "max_bytes": -1,
        "max_msgs": -1,
        "max_msgs_per_subject": bucket.history,
        "max_consumers": -1,
        "num_replicas": replicas,
        "duplicate_window": min(bucket.ttl_seconds or 120, 120) * 1_000_000_000,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
        "deny_delete": False,
        "deny_purge": False,
    }


def _different(config: Mapping[str, object], found: Mapping[str, Any]) -> list[str]:
    """One line for each field that is not as wanted. A field the server leaves out is at its zero."""
    lines = []
    for key, value in config.items():
        existing = found.get(key, _zero(value))
        if key == "subjects" and not value and existing == [closed_subject(found["name"])]:
            continue
        if existing != value:
            lines.append(f"{key} is {existing!r}, wanted {value!r}")
    for key, unset in _UNSET.items():
        if key not in config and found.get(key, unset) not in (unset, None):
            lines.append(f"{key} is {found[key]!r}, wanted {unset!r}")
    return lines


def _refused(name: str, config: Mapping[str, object], found: Mapping[str, Any]) -> list[str]:
    wanted = {key: value for key, value in config.items() if not (key in _ADDABLE and value == _ADDABLE[key])}
    if int(found.get("num_replicas", 1)) < int(str(wanted["num_replicas"])):
        del wanted["num_replicas"]  # more copies harm nobody
    return [f"{name}: {line}" for line in _different(wanted, found)]


def _zero(value: object) -> object:
    return type(value)()


__all__ = ["ProvisionRefused", "Stream", "bucket_config", "closed_subject", "differences", "provision"]
