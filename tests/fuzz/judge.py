"""Compares what a server said, what the reference says, and what lies in MAIL."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.answers import MalformedError, parse
from tests.fuzz.reference import Letter, Verdict, Walk
from tests.fuzz.sessions import Session
from tests.fuzz.shelf import Stored
from tests.fuzz.wire import Heard


@dataclass
class Judged:
    """One session, judged."""

    session: Session
    heard: bytes
    problems: list[str]
    inputs: int
    """Fragments that the session came to before its end."""
    kept: int
    """Letters answered 250."""


def judge(heard: Heard, stored: Sequence[Stored]) -> Judged:
    """Say what is wrong with a session, if anything."""
    session = heard.session
    verdict = _walked(heard)
    if heard.hung:
        verdict.problems.append("the session did not end")
    verdict.problems += _compared(verdict, stored)
    return Judged(session, heard.octets, verdict.problems, _inputs(session, verdict.taken), len(verdict.kept))


def _walked(heard: Heard) -> Verdict:
    session = heard.session
    stream = session.stream
    if session.introduction is not None and not session.introduction.good:
        # Section 2 of PROXY's text: closed without a word.
        return Verdict(problems=[f"said to a stranger: {heard.octets[:100]!r}"] if heard.octets else [])
    try:
        answers = parse(heard.octets)
    except MalformedError as error:
        return Verdict(problems=[f"no reply at all: {error}"])
    if session.cut:
        header = len(session.introduction.octets) if session.introduction else 0
        stream = stream[: max(0, sum(map(len, session.packets())) - header)]
    return Walk(stream, answers, cut=session.cut).over()


def _compared(verdict: Verdict, stored: Sequence[Stored]) -> list[str]:
    """Each letter answered 250 lies there once for each agency; besides, only what the client did not hear of."""
    problems: list[str] = []
    left = list(stored)
    for letter in verdict.kept:
        problems += _taken_from(left, letter)
    for letter in verdict.perhaps:
        if left:
            problems += _taken_from(left, letter)
    if left and not verdict.unsure:
        problems.append(f"{len(left)} stored without a 250: {left[0].agency} {left[0].octets[:200]!r}")
    return problems


def _taken_from(left: list[Stored], letter: Letter) -> list[str]:
    mine, left[:] = left[: len(letter.agencies)], left[len(letter.agencies) :]
    if {stored.agency for stored in mine} != letter.agencies or len(mine) != len(letter.agencies):
        return [f"answered 250 for {sorted(letter.agencies)}, stored for {[stored.agency for stored in mine]}"]
    return [
        f"{stored.agency}: stored {stored.octets[:300]!r}, sent {letter.octets[:300]!r}"
        for stored in mine
        if stored.octets != letter.octets
    ]


def _inputs(session: Session, taken: int) -> int:
    count, at = 0, 0
    for fragment in session.fragments:
        if at >= taken and count:
            break
        count += 1
        at += len(fragment)
    return count
