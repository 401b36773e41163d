"""How far the streams go: asked before they are read, in an order that makes the audit of a running system sound.

A receipt or a head that counts as there has its row among those that are read; a letter or an order that counts as
reached has its row, notice or refusal among them; a row that is read finds its letter and its order.
"""

import base64
import binascii
from typing import Any

import msgspec
from msgspec import Struct

from contracts.event import Position, Reached
from contracts.streams import DEAD, FINDINGS, MAIL, ORDERS, RECEIPTS, REGISTER, SIGN_ENTERED
from services.audit.letters import place
from services.runtime.bus import Bus
from services.runtime.errors import Missing

BOOK, NOTICE = "register.v1.entered.", "register.v1.notice."
SUBJECTS_AT_ONCE = 100_000


class Ends(Struct, kw_only=True):
    """The end of each stream."""

    created: dict[str, str]
    settled: int
    """The last row that sign has settled: all up to it have their receipts, or were given up."""
    receipts: int
    mails: int
    reached: Position | None
    """How far the register has read MAIL."""
    carried: int
    """How far it has read ORDERS."""
    dead: int
    register: int
    rows: dict[str, int]
    """Messages of each book."""
    years: dict[str, int]
    orders: int


async def ends(bus: Bus) -> Ends:
    """Ask. Raises the errors of the bus."""
    created: dict[str, str] = {}

    async def last(stream: str) -> int:
        info = await bus.api(f"STREAM.INFO.{stream}")
        created[stream] = info["created"]
        return int(info["state"]["last_seq"])

    settled = await _settled(bus)
    receipts, mails = await last(FINDINGS.family), await last(RECEIPTS.family)
    reached, carried = await _reached(bus)
    dead = await last(DEAD.family)
    register, rows = await _register(bus, created)
    names = (await bus.api("STREAM.NAMES", {"offset": 0})).get("streams") or []
    years = {name: await last(name) for name in sorted(names) if name.startswith(f"{MAIL.family}_")}
    return Ends(
        created=created,
        settled=settled,
        receipts=receipts,
        mails=mails,
        reached=reached,
        carried=carried,
        dead=dead,
        register=register,
        rows=rows,
        years=years,
        orders=await last(ORDERS.family),
    )


async def _register(bus: Bus, created: dict[str, str]) -> tuple[int, dict[str, int]]:
    rows: dict[str, int] = {}
    while True:
        request = {"subjects_filter": f"{BOOK}>", "offset": len(rows)}
        info = await bus.api(f"STREAM.INFO.{REGISTER.family}", request)
        found = info["state"].get("subjects") or {}
        rows |= found
        if len(found) < SUBJECTS_AT_ONCE:
            created[REGISTER.family] = info["created"]
            return int(info["state"]["last_seq"]), rows


async def _settled(bus: Bus) -> int:
    try:
        info = await bus.api(f"CONSUMER.INFO.{SIGN_ENTERED.stream}.{SIGN_ENTERED.durable}")
    except Missing:
        return 0
    return int(info["ack_floor"]["stream_seq"])


async def _reached(bus: Bus) -> tuple[Position | None, int]:
    """The newest positions that the newest row, the newest notice and the newest refused order state."""
    mail: list[Position] = []
    orders = [0]
    for subject in (f"{BOOK}>", f"{NOTICE}*"):
        found = await _newest(bus, REGISTER.family, subject, _HasReached)
        if found is not None and found.reached.mail is not None:
            mail.append(found.reached.mail)
        if found is not None and found.reached.orders is not None:
            orders.append(found.reached.orders.sequence)
    refused = await _newest(bus, DEAD.family, "dead.v1.register.*", _HasSource)
    if refused is not None and refused.source.stream == ORDERS.family:
        orders.append(refused.source.sequence)
    return max(mail, key=place, default=None), max(orders)


class _HasReached(Struct):
    reached: Reached = Reached()


class _HasSource(Struct):
    source: Position


async def _newest(bus: Bus, stream: str, subject: str, kind: type[Any]) -> Any:
    try:
        reply = await bus.api(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
        return msgspec.json.decode(base64.b64decode(reply["message"].get("data", "")), type=kind)
    except (Missing, msgspec.MsgspecError, binascii.Error):
        return None
