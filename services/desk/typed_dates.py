"""Days and moments as officers type them: ISO (CE), or Thai (5 มิ.ย. 2569, ๕ มิถุนายน ๒๕๖๙ เวลา ๑๓.๕๐ น., 5/6/2569)."""

import re
from datetime import date, datetime, time
from typing import Final

from contracts.values import BANGKOK
from services.sign.dates import find
from services.sign.thai import for_matching

_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_TIME: Final = re.compile(r"(?:[T ]|\s+เวลา)\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\s*น\.?)?$")
_HOW: Final = "write 2026-06-05, 5 มิ.ย. 2569 or ๕ มิถุนายน ๒๕๖๙"


class NoDateError(ValueError):
    """What was typed is no day of the calendar; says how to write one."""


def day(text: str) -> date:
    """The day that was typed.

    Raises:
        NoDateError: it is none.
    """
    plain = for_matching(text)
    if iso := _ISO.fullmatch(plain):
        year, month, number = (int(part) for part in iso.groups())
        if year >= 2400:
            raise NoDateError(f"{text!r}: with hyphens the year is CE ({year - 543}); {_HOW}")
        try:
            return date(year, month, number)
        except ValueError:
            raise NoDateError(f"{text!r} is no day of the calendar; {_HOW}") from None
    found = find(plain)
    if len(found) != 1 or plain[: found[0].start].strip("วันที่ ") or plain[found[0].end :].strip():
        raise NoDateError(f"{text!r} is no date; {_HOW}")
    return date.fromisoformat(found[0].iso)


def moment(text: str) -> datetime:
    """The moment that was typed, in Thai time.

    Raises:
        NoDateError: it is none, or it names no time.
    """
    plain = for_matching(text).removesuffix("+07:00")
    clock = _TIME.search(plain)
    if clock is None:
        raise NoDateError(f"{text!r}: the time is missing; write 2026-06-05 13:50 or 5 มิ.ย. 2569 13.50 น.")
    on = day(plain[: clock.start()])
    try:
        at = time(int(clock.group(1)), int(clock.group(2)), int(clock.group(3) or 0), tzinfo=BANGKOK)
    except ValueError:
        raise NoDateError(f"{text!r}: there is no such time of day") from None
    return datetime.combine(on, at)
