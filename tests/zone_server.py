"""A DNS server on the loopback whose zone a test changes while it runs: records taken out, names that are silent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@dataclass
class Zone(asyncio.DatagramProtocol):
    """TXT records by name. Every other name does not exist."""

    texts: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Names that get no answer, and all below them."""
    failing: set[str] = field(default_factory=set)
    """Names that get SERVFAIL."""
    proven: bool = False
    """Says that DNSSEC proves what it says (AD)."""
    asked: "Counter[str]" = field(default_factory=Counter)
    place: str = ""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # a datagram's
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        self.asked[name] += 1
        if any(name == one or name.endswith(f".{one}") for one in self.silent):
            return
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.AD if self.proven else 0
        if name in self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name in self.texts and query.question[0].rdtype == dns.rdatatype.TXT:
            text = self.texts[name]
            strings = " ".join('"' + text[start : start + 250] + '"' for start in range(0, len(text), 250))
            # No time to live: what the zone says changes at once for whoever asks again.
            reply.answer.append(dns.rrset.from_text(f"{name}.", 0, "IN", "TXT", strings))
        elif name not in self.texts and name not in ("", "@"):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def zone_server(texts: dict[str, str]) -> AsyncIterator[Zone]:
    """Serve a zone until the end of the block."""
    zone = Zone(dict(texts))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: zone, ("127.0.0.1", 0))
    zone.place = f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    try:
        yield zone
    finally:
        transport.close()
