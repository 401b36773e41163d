"""When the letter counts as received: computed again where the calendar is the one that is built in (invariant 6)."""

from collections.abc import Iterator

from contracts.directory import Hours, Overlay
from contracts.register import LetterEntered
from contracts.values import BANGKOK, from_instant
from services.register import deemed as deeming
from services.register.calendar import CalendarError, calendar
from services.verify.report import Finding
from services.verify.sentences import say


def check(row: LetterEntered) -> Iterator[Finding]:
    """What holds under every calendar, and the answer itself where the row's calendar is known here.

    An agency's own hours and holidays are in its directory, which a verifier has not: then only the hash stands.
    """
    received = from_instant(row.received_at).astimezone(BANGKOK)
    said = from_instant(row.deemed_at).astimezone(BANGKOK)
    if row.year not in (said.year + 543, received.year + 543):
        yield say("deemed_year", year=row.year)
    if said < received:
        yield say("deemed_before", at=said, received=received)
        return
    try:
        known = calendar(Hours(), Overlay(), received.year)
    except CalendarError:
        known = None
    if known is None or known.digest != row.calendar:
        yield say("deemed_unknown", at=said, calendar=row.calendar[:12])
        return
    computed = deeming.deemed(received, known)
    if computed != said:
        yield say("deemed_differs", at=said, computed=computed)
    else:
        yield say("deemed_agrees", at=said, calendar=row.calendar[:12])
