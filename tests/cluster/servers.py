"""A cluster of three real nats-servers on the loopback, with wires between them that can be cut."""

import asyncio
import contextlib
import json
import urllib.request
from pathlib import Path
from typing import Any

from contracts.streams import CONSUMERS
from services.runtime import settings
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Unavailable
from services.runtime.provision import provision
from tests.cluster.wire import Wire
from tests.servers import NatsServer, free_port

SIZE = 3
NOWHERE = "127.0.0.1:1"
"""What a server tells the others of its address: they find each other by their wires, and by nothing else."""


class Cluster:
    """Three servers, configured as `deploy/nats/cluster.conf` says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = [free_port() for _ in range(SIZE)]
        self._wires = {
            (source, target): Wire(self._ports[target])
            for source in range(SIZE)
            for target in range(SIZE)
            if source != target
        }
        self.servers: list[NatsServer] = []

    async def start(self) -> None:
        """Start all three and wait until they have a leader."""
        for wire in self._wires.values():
            await wire.lay()
        for number in range(SIZE):
            peers = tuple(f"127.0.0.1:{wire.port}" for (source, _), wire in self._wires.items() if source == number)
            self.servers.append(
                NatsServer(
                    self._folder / f"nats-{number + 1}",
                    name=f"nats-{number + 1}",
                    cluster="saraban",
                    cluster_listen=f"127.0.0.1:{self._ports[number]}",
                    cluster_advertise=NOWHERE,
                    peers=peers,
                )
            )
        for server in self.servers:
            await asyncio.to_thread(server.start)
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(self._whole):  # noqa: ASYNC110 - a page of another process
                await asyncio.sleep(0.1)

    def _whole(self) -> bool:
        leaders = [(self.page(number, "jsz") or {}).get("meta_cluster", {}) for number in range(SIZE)]
        return all(meta.get("leader") and meta.get("cluster_size") == SIZE for meta in leaders)

    async def provision(self, year: int) -> list[str]:
        """Streams, buckets and consumers, on three servers each."""
        return await provision(self.settings(), year)

    def settings(self, **changes: object) -> settings.Nats:
        """How a service is told of the cluster."""
        urls = tuple(server.url for server in self.servers)
        return self.servers[0].settings(**({"servers": urls, "monitors": (), "replicas": SIZE} | changes))

    def page(self, number: int, path: str) -> dict[str, Any] | None:
        """A page of one server's monitoring; None where it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.servers[number].monitor}/{path}", timeout=2) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError):
            return None

    async def leader(self, bus: Bus, stream: str) -> int:
        """Which server leads a stream now; waits until one does."""
        async with asyncio.timeout(60):
            while True:
                try:
                    name = (await bus.api(f"STREAM.INFO.{stream}")).get("cluster", {}).get("leader", "")
                except BusError:
                    name = ""
                if name:
                    return int(name.rpartition("-")[2]) - 1
                await asyncio.sleep(0.1)

    async def healthy(self) -> None:
        """Wait until every server is there and has caught up."""
        async with asyncio.timeout(120):
            while True:
                pages = [await asyncio.to_thread(self.page, number, "healthz") for number in range(SIZE)]
                if all(page is not None and page.get("status") == "ok" for page in pages):
                    return
                await asyncio.sleep(0.1)

    def cut(self, number: int) -> None:
        """Cut one server off from the two others; whoever is connected to it stays connected."""
        for ends, wire in self._wires.items():
            if number in ends:
                wire.cut()

    def heal(self) -> None:
        """Mend every wire."""
        for wire in self._wires.values():
            wire.heal()

    async def stop(self) -> None:
        """End everything."""
        for server in self.servers:
            if server.running:
                await asyncio.to_thread(server.kill)
        for wire in self._wires.values():
            await wire.close()


async def quicken(bus: Bus, ack_wait_seconds: int = 0) -> None:
    """A delivery that died comes again after so many seconds; 0: the consumers' own two minutes."""
    for consumer in CONSUMERS:
        config = consumer.config()
        if ack_wait_seconds:
            config["ack_wait"] = ack_wait_seconds * 1_000_000_000
        path = f"CONSUMER.CREATE.{consumer.stream}.{consumer.durable}.{consumer.filter_subject}"
        request = {"stream_name": consumer.stream, "config": config, "action": "update"}
        async with asyncio.timeout(120):
            while True:  # the servers may still elect who answers
                with contextlib.suppress(Unavailable):
                    await bus.api(path, request)
                    break
