"""What has been told of the register to others: signed heads, receipts, mails. It must hold all of that.

A copy of REGISTER that is older than what was told would give numbers a second time, so nothing is numbered behind
one (decision 0021). Read from headers alone: the ids of these events name what they speak of.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from msgspec import Struct

from contracts import headers
from contracts.event import Position
from contracts.streams import FINDINGS, RECEIPTS
from services.register.feed import Message
from services.register.known import Known, at_or_before
from services.register.scan import end_of_stream, messages
from services.runtime.bus import Bus

LOOKED_AT: Final = 10_000
"""Newest messages of each stream that are looked at. A head is signed within a minute, receipts are sealed some at a
time and heads stamped once more, so the newest message is not the one that speaks of the newest row."""

_TOLD: Final = (
    (FINDINGS.family, ("sign.v1.checkpoint.*.*.*", "sign.v1.receipt.*")),
    (RECEIPTS.family, ("notify.v1.*.*",)),
)
_HEAD: Final = re.compile(r"sign\.checkpoint\.v1:[^:]+:[^:]+:\d+:(\d+):")
_LETTER: Final = re.compile(r":(MAIL_\d{4}):(\d+)(?::|$)")


class OlderThanToldError(Exception):
    """REGISTER is an older copy: receipts, heads or mails speak of rows that it does not hold."""


class Told(Struct, frozen=True):
    """How far REGISTER must reach."""

    sequence: int = 0
    letter: Position | None = None

    def check(self, known: Known) -> None:
        """Raises OlderThanToldError where the register has not got so far."""
        if self.sequence > known.last:
            raise OlderThanToldError(
                f"REGISTER ends at {known.last}, but a head was signed at {self.sequence}: an older copy was brought "
                "back, and to number on could give a number twice. `saraban rebuild` says what is missing"
            )
        if self.letter is not None and not at_or_before(self.letter, known.reached.mail):
            raise OlderThanToldError(
                f"the letter at {self.letter} has a receipt and no row: an older copy of REGISTER was brought back, "
                "and to number on could give its number twice. `saraban rebuild` says what is missing"
            )


async def told(bus: Bus) -> Told:
    """How far REGISTER must reach by now. To be asked before REGISTER is read. Raises the errors of the bus."""
    sequence, letter = 0, None
    for stream, filters in _TOLD:
        last = await end_of_stream(bus, stream)
        async with aclosing(_ids(bus, stream, filters, last)) as ids:
            async for name in ids:
                if found := _HEAD.match(name):
                    sequence = max(sequence, int(found[1]))
                elif found := _LETTER.search(name):
                    position = Position(stream=found[1], sequence=int(found[2]))
                    letter = letter if at_or_before(position, letter) else position
    return Told(sequence=sequence, letter=letter)


async def _ids(bus: Bus, stream: str, filters: tuple[str, ...], last: int) -> AsyncGenerator[str, None]:
    message: Message
    newest = messages(bus, filters, last, max(0, last - LOOKED_AT), stream, headers_only=True)
    async with aclosing(newest) as found:
        async for message in found:
            yield headers.percent_decode(message.headers.get("ce-id", ""))
