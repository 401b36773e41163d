"""An ingress in mode shared before a real Postfix with twenty mailboxes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from contracts.directory import Agency, Domain, NextHop
from services.runtime.bus import Bus
from tests.conftest import THIS_YEAR
from tests.domain_server import DOMAIN, DomainServer
from tests.smtp.ingress import Ingress, ingress
from tests.smtp.world import World, write

OURS = f"saraban@{DOMAIN}"


@dataclass
class Place:
    """The parts of this module."""

    world: World
    postfix: DomainServer
    bus: Bus

    @contextmanager
    def ingress(self, port: int = 0, dns_servers: tuple[str, ...] = (), **next_hop: Any) -> Iterator[Ingress]:
        """An ingress whose domain has its other mailboxes at the Postfix, which is spoken to in this way."""
        port = port or self.postfix.postfix.port
        hop = msgspec.convert({"host": "127.0.0.1", "port": port, "tls": "none"} | next_hop, NextHop)
        domain = Domain(name=DOMAIN, mode="shared", next_hop=hop)
        agency = Agency(id="shared", name="กรมที่ใช้โดเมนร่วม", domains=(domain,), addresses=(OURS,))
        write(self.world.nats, agency)
        options: dict[str, Any] = {
            "next_hop_seconds": 10.0,
            "next_hop_authorities": str(self.world.certificate),
            "dns_servers": dns_servers,
        }
        with ingress(self.world.nats, self.world.folder / "state", **options) as running:
            yield running

    async def stored(self) -> int:
        """Letters in MAIL."""
        info = await self.bus.js.stream_info(f"MAIL_{THIS_YEAR}", subjects_filter="mail.v1.received.>")
        return sum((info.state.subjects or {}).values())
