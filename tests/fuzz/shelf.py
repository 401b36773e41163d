"""What lies in MAIL, read back from the stream: who each letter came from, for whom it is, and its octets."""

import asyncio
from collections import defaultdict
from typing import NamedTuple

from contracts import codec
from contracts.streams import MAIL
from contracts.values import sha256_hex
from services.audit.reading import messages
from services.runtime.bus import Bus
from services.runtime.settings import Nats
from tests.conftest import THIS_YEAR

STREAM = MAIL.name(THIS_YEAR)


class Stored(NamedTuple):
    """One message."""

    agency: str
    octets: bytes


class Shelf:
    """Reads on from where it stood before."""

    def __init__(self, nats: Nats) -> None:
        self._loop = asyncio.new_event_loop()
        self._bus = self._loop.run_until_complete(Bus.connect(nats, "test"))
        self._at = 0

    def read_on(self) -> dict[str, list[Stored]]:
        """The letters stored since the last call, by their peer's address, in their order."""
        return self._loop.run_until_complete(self._read_on())

    async def _read_on(self) -> dict[str, list[Stored]]:
        info = await self._bus.api(f"STREAM.INFO.{STREAM}")
        last = int(info["state"]["last_seq"])
        found: dict[str, list[Stored]] = defaultdict(list)
        async for message in messages(self._bus, STREAM, ["mail.v1.received.>"], after=self._at, last=last):
            event = codec.decode_received(message.headers)
            assert (event.size, event.sha256) == (len(message.body), sha256_hex(message.body)), message
            found[event.peer.address].append(Stored(event.agency, message.body))
        self._at = last
        return found

    def close(self) -> None:
        """Done."""
        self._loop.run_until_complete(self._bus.close())
        self._loop.close()
