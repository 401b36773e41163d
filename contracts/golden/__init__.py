"""One example of every event, out of the life of one letter. `python -m contracts.generate` writes them.

Deterministic, and true: digests, links and hashes in them are what they would be, so that another language can hold
its own code against them. Only the cryptographic blobs (signature, time-stamp, PDF) are stand-ins.
"""

from contracts.event import Event
from contracts.events import EVENTS
from contracts.golden.book import BOOK, ROWS, book_vector
from contracts.golden.decisions import DECISIONS
from contracts.golden.judgement import JUDGEMENT
from contracts.golden.letter import ARRIVAL, LETTER
from contracts.golden.sendings import SENDINGS


def examples() -> dict[type[Event], Event]:
    """The example of each event, in the order of EVENTS."""
    found: dict[type[Event], Event] = {}
    for event in (*ARRIVAL, *ROWS, *JUDGEMENT, *SENDINGS, *DECISIONS):
        found.setdefault(type(event), event)
    return {kind: found[kind] for kind in EVENTS}


__all__ = ["BOOK", "LETTER", "book_vector", "examples"]
