"""The way to one relay, on a clock of the test's own."""

import pytest

from services.notify.backoff import Backoff, worth_telling
from services.notify.line import LONGEST_QUEUE_SECONDS, Line


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def line(sessions: int = 2) -> tuple[Line, Time]:
    time = Time()
    return Line(sessions, Backoff(first_seconds=60, last_seconds=3600), time), time


def test_so_many_at_once_and_no_more() -> None:
    way, _ = line()
    with way.session():
        assert way.full_for() == 0
        with way.session():
            assert way.full_for() > 0
        assert way.full_for() == 0


def test_those_who_wait_are_given_places_one_after_the_other() -> None:
    way, time = line(sessions=2)
    for _ in range(40):  # the relay takes 10 s a mail
        with way.session():
            time.now += 10
    with way.session(), way.session():
        places = [way.full_for() for _ in range(5)]
    assert places == sorted(places)
    assert 4 < places[1] - places[0] < 6  # two sessions of 10 s: a place every 5 s
    with way.session(), way.session():
        assert max(way.full_for() for _ in range(1000)) == LONGEST_QUEUE_SECONDS


def test_a_relay_that_is_away_is_let_alone_for_longer_and_longer() -> None:
    way, time = line()
    pauses = []
    for _ in range(10):
        pauses.append(way.went_down("refused"))
        assert way.closed_for() > 0
        time.now += pauses[-1] + 1
        assert way.closed_for() == 0
    assert 54 <= pauses[0] <= 60
    assert 108 <= pauses[1] <= 120
    assert 3240 <= pauses[-1] <= 3600
    assert way.came_up()
    assert not way.came_up()
    assert way.went_down("again") <= 60


def test_sessions_that_fall_together_are_one_failure() -> None:
    way, _ = line()
    first = way.went_down("timeout")
    assert way.went_down("timeout") == pytest.approx(first)
    assert way.went_down("timeout") == pytest.approx(first)


def test_delays_are_told_ever_more_rarely() -> None:
    assert [attempt for attempt in range(1, 130) if worth_telling(attempt)] == [1, 2, 4, 8, 16, 32, 64, 128]
