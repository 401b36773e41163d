"""Held receipts, found again in RECEIPTS for the officer who releases them."""

import uuid
from collections import OrderedDict
from typing import Any, Final

from contracts import codec
from contracts.notices import ReceiptHeld
from contracts.orders import ReleaseOrdered
from contracts.streams import RECEIPTS
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable

FETCH: Final = 500
FETCH_SECONDS: Final = 5.0
REMEMBERED: Final = 1_000
UNUSED_SECONDS: Final = 60

Held = dict[str, ReceiptHeld]
"""By kind: final, provisional."""


class Releases:
    """Looks through the held receipts of an agency. Officers release by hand, so reading them all is cheap enough."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._found: OrderedDict[str, Held] = OrderedDict()

    async def held(self, order: ReleaseOrdered) -> Held:
        """What is held of the entry that the order names; empty where nothing is."""
        known = self._found.get(order.key)
        if known:
            return known
        found: Held = {
            event.kind: event
            for event in await self._all(order.agency)
            if (event.series, event.year, event.number) == (order.series, order.year, order.number)
        }
        if "final" not in found:
            return found  # one may come
        self._found[order.key] = found
        if len(self._found) > REMEMBERED:
            self._found.popitem(last=False)
        return found

    async def _all(self, agency: str) -> list[ReceiptHeld]:
        name = f"notify-held-{uuid.uuid4().hex[:12]}"
        subject = ReceiptHeld.form.format(agency=agency)
        made: dict[str, Any] = await self._bus.api(
            f"CONSUMER.CREATE.{RECEIPTS.family}.{name}.{subject}",
            {
                "stream_name": RECEIPTS.family,
                "action": "create",
                "config": {
                    "name": name,
                    "filter_subject": subject,
                    "deliver_policy": "all",
                    "ack_policy": "none",
                    "mem_storage": True,
                    "num_replicas": 1,
                    "inactive_threshold": UNUSED_SECONDS * 1_000_000_000,
                },
            },
        )
        left = int(made.get("num_pending", 0))
        if not left:
            return []
        subscription = await self._bus.js.pull_subscribe_bind(
            durable=name, stream=RECEIPTS.family, inbox_prefix=self._bus.nc.new_inbox().encode() + b"."
        )
        found: list[ReceiptHeld] = []
        try:
            while left > 0:
                messages = await subscription.fetch(min(FETCH, left), timeout=FETCH_SECONDS)
                left -= len(messages)
                found += [codec.decode(message.data, ReceiptHeld) for message in messages]
        except TimeoutError as error:
            raise Unavailable(f"{left} held receipts of {agency} did not arrive") from error
        finally:
            if self._bus.connected:
                await subscription.unsubscribe()
        return found
