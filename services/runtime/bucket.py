"""A key-value bucket read at its leader and written only over the revision that was read."""

import base64
from typing import Final

from contracts import streams
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import Missing

_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class Bucket:
    """One bucket. A value is octets; revision 0 is a key that does not exist."""

    def __init__(self, bus: Bus, bucket: streams.Bucket) -> None:
        self._bus = bus
        self._name = bucket.name

    async def get(self, key: str) -> tuple[bytes, int] | None:
        """The value and its revision, by the stream's leader: a replica that lags would bring back what is over."""
        try:
            reply = await self._bus.api(f"STREAM.MSG.GET.KV_{self._name}", {"last_by_subj": self._subject(key)})
        except Missing:
            return None
        message = reply["message"]
        return base64.b64decode(message.get("data", "")), int(message["seq"])

    async def put(self, key: str, value: bytes, revision: int) -> int:
        """Write over `revision` and return the new one. Raises Conflict where somebody else wrote in between."""
        message = Outgoing(self._subject(key), value, {_EXPECTED: str(revision)})
        return (await commit(self._bus.nc, (message,), self._bus.timeout)).sequence

    def _subject(self, key: str) -> str:
        return f"$KV.{self._name}.{key}"
