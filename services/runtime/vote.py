"""Which of several time servers to believe, and what follows: a majority of those configured, or nobody.

Each answer is an interval that holds the truth if its server is true. If a majority is true, the truth lies where at
least a majority of the intervals overlap (Marzullo; RFC 5905, section 11.2.1). The bound is over *all* such places, not
over the nearest server's own interval: no single server, however near it says it is, makes a bound alone.
"""

from collections.abc import Sequence

from msgspec import Struct

from services.runtime.ntp import Answer


class Vote(Struct, frozen=True, kw_only=True):
    """What a majority allows: at boot-time zero it was `zero_ns` (UTC), give or take `distance_ns`."""

    zero_ns: int
    distance_ns: int
    agreed: tuple[Answer, ...]
    """Nearest first."""


def vote(answers: Sequence[Answer], servers: int, now_ns: int, ppm: float) -> Vote | None:
    """The vote of `servers` configured ones of which `answers` are heard; None without a majority.

    Of one server its word is taken. Of two both have to agree, so a false one cannot be outvoted.
    """
    needed = servers // 2 + 1
    edges: list[tuple[int, int, int]] = []
    for number, answer in enumerate(answers):
        distance = answer.aged(now_ns, ppm)
        edges += [(answer.zero_ns - distance, 0, number), (answer.zero_ns + distance, 1, number)]
    lowest: int | None = None
    highest = 0
    believed: set[int] = set()
    open_now: set[int] = set()
    for at, closing, number in sorted(edges):
        if closing:
            if len(open_now) >= needed:
                highest = at
            open_now.discard(number)
            continue
        open_now.add(number)
        if len(open_now) >= needed:
            believed |= open_now
            lowest = at if lowest is None else lowest
    if lowest is None:
        return None
    agreed = sorted((answers[number] for number in believed), key=lambda answer: answer.aged(now_ns, ppm))
    # Two that barely touch leave a point: that is chance, not certainty. Never nearer than the nearest of them.
    distance = max((highest - lowest + 1) // 2, agreed[0].aged(now_ns, ppm))
    return Vote(zero_ns=(lowest + highest) // 2, distance_ns=distance, agreed=tuple(agreed))
