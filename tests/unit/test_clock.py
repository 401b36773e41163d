"""What a stamp says, as a pure function of what the witnesses say; and what of a vote is certain."""

import time
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import ntp, settings
from services.runtime.clock import UNKNOWN_BOUND_MS, CentralClock, judge
from services.runtime.kernel import Host, disturbed_ns, read_host
from services.runtime.time_servers import Measured
from services.runtime.vote import vote

MS = 1_000_000
SECOND = 1_000_000_000
NOW = 1_780_000_000_000_000_000
BOOT = 50_000_000_000_000


def host(bound_ms: float | None = None, later_s: float = 0.0, **changes: object) -> Host:
    """This host, `later_s` after the servers were asked."""
    later = int(later_s * SECOND)
    read = Host(
        utc_ns=NOW + later,
        boot_ns=BOOT + later,
        raw_ns=BOOT // 2 + later,
        bound_ns=None if bound_ms is None else int(bound_ms * MS),
    )
    return msgspec.structs.replace(read, **changes)


def measured(apart_ms: float = 0.0, distance_ms: float = 1.0, **changes: object) -> Measured:
    """What the servers said at `host()`, whose clock is `apart_ms` behind them."""
    said = Measured(
        zero_ns=NOW - BOOT + int(apart_ms * MS),
        distance_ns=int(distance_ms * MS),
        host=host(),
        ppm=15.0,
        stratum=2,
        agreed=("a", "b"),
        asked=3,
    )
    return msgspec.structs.replace(said, **changes)


def test_nobody_knows() -> None:
    stamp = judge(host(), None, 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound, stamp.stratum) == (NOW, UNKNOWN_BOUND_MS, False, 16)
    assert stamp.source == "host clock, not synchronised"


def test_silent_servers_are_mentioned() -> None:
    assert "no majority of 3 central servers" in judge(host(), None, 30, asked=3).source
    stamp = judge(host(5), None, 30, asked=3)
    assert stamp.within_bound
    assert "no majority of 3 central servers" in stamp.source


@pytest.mark.parametrize(("bound_ms", "within"), [(0.5, True), (30.0, True), (30.1, False)])
def test_the_kernel_alone(bound_ms: float, within: bool) -> None:
    stamp = judge(host(bound_ms), None, 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound, stamp.stratum) == (NOW, bound_ms, within, 0)


def test_the_servers_alone_set_the_time() -> None:
    stamp = judge(host(), measured(apart_ms=700, distance_ms=2), 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound, stamp.stratum) == (NOW + 700 * MS, 2.0, True, 2)
    assert stamp.source == "2 of 3 central servers agree (a, b)"


@pytest.mark.parametrize("step_ms", [-86_400_000, -5_000, 5_000])
def test_a_step_of_the_hosts_clock_changes_nothing(step_ms: int) -> None:
    """CLOCK_REALTIME is set by somebody; CLOCK_BOOTTIME goes on."""
    before = judge(host(later_s=10), measured(apart_ms=700), 30)
    after = judge(host(later_s=10, utc_ns=NOW + step_ms * MS), measured(apart_ms=700), 30)
    assert after == before


def test_hours_of_silence() -> None:
    """15 ppm: 20 ms after 21 minutes, 30 ms after 32; the bound never shrinks, and in the end nobody knows."""
    said = measured(distance_ms=1)
    minutes = [judge(host(later_s=60 * minute), said, 30) for minute in range(24 * 60)]
    bounds = [stamp.bound_ms for stamp in minutes]
    assert bounds == sorted(bounds)
    assert bounds[60] == pytest.approx(1 + 54)
    assert next(minute for minute, bound in enumerate(bounds) if bound >= 20) == 22
    assert [stamp.within_bound for stamp in minutes] == [bound <= 30 for bound in bounds]
    assert next(minute for minute, stamp in enumerate(minutes) if not stamp.within_bound) == 33
    assert minutes[5].source == "2 of 3 central servers agree (a, b)"
    assert minutes[6].source == "2 of 3 central servers agreed 6 minutes ago (a, b)"
    weeks = judge(host(later_s=15 * 86_400), said, 30, asked=3)
    assert (weeks.utc_ns, weeks.bound_ms) == (NOW + 15 * 86_400 * SECOND, UNKNOWN_BOUND_MS)
    assert weeks.source == "host clock, not synchronised; no majority of 3 central servers answers"


def test_where_both_agree_the_tighter_bound_holds() -> None:
    stamp = judge(host(200), measured(apart_ms=3, distance_ms=2), 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound) == (NOW, 5.0, True)
    assert judge(host(1), measured(apart_ms=3, distance_ms=20), 30).bound_ms == 1.0


def test_where_they_disagree_no_stamp_is_within_bound() -> None:
    stamp = judge(host(1), measured(apart_ms=10, distance_ms=2), 30)
    assert not stamp.within_bound
    assert stamp.bound_ms == 12.0
    assert stamp.utc_ns == NOW
    assert "10.0 ms from what" in stamp.source


def test_a_sleep_is_not_bridged() -> None:
    """The raw clock stands in a sleep; what the battery clock says of its length is right to a second at best."""
    asleep = host(later_s=600, raw_ns=BOOT // 2 + 10 * SECOND)
    assert disturbed_ns(host(), asleep) == 590 * SECOND
    assert not judge(asleep, measured(), 30).within_bound


@pytest.mark.parametrize("rate_ppm", [-40.0, 0.0, 40.0])
def test_a_steady_rate_is_no_disturbance_and_a_slew_is(rate_ppm: float) -> None:
    then = host(rate_ppm=rate_ppm)
    steady = host(later_s=60, raw_ns=BOOT // 2 + round(60 * SECOND / (1 + rate_ppm / 1e6)))
    assert disturbed_ns(then, steady) <= 1
    slewed = msgspec.structs.replace(steady, boot_ns=steady.boot_ns + 30 * MS)  # 500 ppm on top, for a minute
    assert disturbed_ns(then, slewed) == pytest.approx(30 * MS, abs=10)
    stamp = judge(slewed, measured(host=then), 30)
    assert stamp.bound_ms >= 30


LEAP = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(("from_midnight_s", "within"), [(-1.5, True), (-1.0, False), (0.0, False), (40.0, False)])
def test_over_a_leap_second_nothing_is_certain_until_the_servers_are_asked_again(
    from_midnight_s: float, within: bool
) -> None:
    said = measured(zero_ns=LEAP - 30 * SECOND - BOOT, leap_ns=LEAP)
    stamp = judge(host(later_s=30 + from_midnight_s), said, 30)
    assert stamp.within_bound is within
    assert ("a leap second passes" in stamp.source) is not within
    assert within or stamp.bound_ms > 1_000
    asked_again = measured(zero_ns=LEAP + SECOND - BOOT, leap_ns=None)
    assert judge(host(), asked_again, 30).within_bound


def test_while_the_kernel_repeats_a_second_its_stamp_is_not_within_bound() -> None:
    assert judge(host(1), None, 30).within_bound
    assert not judge(host(1, leaping=True), None, 30).within_bound


def answer(server: str, zero_ms: float, distance_ms: float, at_s: float = 0) -> ntp.Answer:
    return ntp.Answer(
        server=server,
        zero_ns=int(zero_ms * MS),
        distance_ns=int(distance_ms * MS),
        at_ns=int(at_s * SECOND),
        stratum=2,
        address=server,
    )


def believed(*answers: ntp.Answer, servers: int = 3) -> list[str]:
    found = vote(answers, servers, 0, 15)
    return [each.server for each in found.agreed] if found else []


def test_a_false_server_is_outvoted() -> None:
    true = [answer("near", 0, 1), answer("far", 3, 4)]
    assert believed(*true, answer("false", 5_000, 1)) == ["near", "far"]


@pytest.mark.parametrize(
    ("heard", "servers", "agreeing"),
    [
        ([], 3, 0),
        ([0.0], 1, 1),  # of one server its word is taken
        ([0.0], 2, 0),  # half is no majority
        ([0.0, 0.5], 2, 2),
        ([0.0, 500.0], 2, 0),  # a false one of two cannot be told from the true one
        ([0.0], 3, 0),
        ([0.0, 500.0, 900.0], 3, 0),
        ([0.0, 0.5, 500.0, 500.5], 4, 0),  # two against two
        ([0.0, 0.5, 1.0, 500.0, 500.5], 5, 3),
    ],
)
def test_a_majority_of_the_configured_servers_or_nobody(heard: list[float], servers: int, agreeing: int) -> None:
    answers = [answer(str(number), zero, 1) for number, zero in enumerate(heard)]
    assert len(believed(*answers, servers=servers)) == agreeing


def test_touching_intervals_agree() -> None:
    assert len(believed(answer("a", 0, 1), answer("b", 2, 1), servers=2)) == 2
    assert len(believed(answer("a", 0, 1), answer("b", 2.1, 1), servers=2)) == 0
    touching = vote([answer("a", 0, 1), answer("b", 2, 1)], 2, 0, 15)
    assert touching is not None
    assert touching.distance_ns == MS, "that they only just touch makes no stamp certain to a nanosecond"


def test_the_nearest_alone_does_not_make_the_bound() -> None:
    """A false server that says it is very near, inside what the true ones allow, must not drag the time along."""
    found = vote([answer("liar", 4, 0.01), answer("a", 0, 5), answer("b", 0, 5)], 3, 0, 15)
    assert found is not None
    assert (found.zero_ns, found.distance_ns) == (0, 5 * MS)


def test_what_cannot_be_told_apart_is_left_open() -> None:
    """Either small one may be the liar: the wide one agrees with both, so the bound covers both."""
    found = vote([answer("wide", 0, 10), answer("low", -9, 0.5), answer("high", 9, 0.5)], 3, 0, 15)
    assert found is not None
    assert found.zero_ns - found.distance_ns <= -9.5 * MS
    assert found.zero_ns + found.distance_ns >= 9.5 * MS


@given(
    true=st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 50)), min_size=1, max_size=7),
    lies=st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 120)), max_size=6),
    silent=st.integers(0, 6),
)
def test_if_a_majority_is_true_the_truth_is_in_the_bound(
    true: list[tuple[float, float]], lies: list[tuple[float, float]], silent: int
) -> None:
    """Each true server's interval holds the truth (0); whatever the others say, the vote's interval holds it too."""
    said = [answer(f"t{n}", share * distance, distance + 1e-6) for n, (share, distance) in enumerate(true)]
    others = min(len(true) - 1, len(lies) + silent)
    said += [answer(f"f{n}", zero, distance) for n, (zero, distance) in enumerate(lies[:others])]
    found = vote(said, len(true) + others, 0, 15)
    assert found is not None
    assert abs(found.zero_ns) <= found.distance_ns + 1


def test_a_server_that_jumped_contradicts_itself() -> None:
    assert answer("a", 5_000, 1, at_s=64).contradicts(answer("a", 0, 1), 15)
    assert not answer("a", 2.9, 1, at_s=64).contradicts(answer("a", 0, 1), 15)  # 1 + 1 + 15 ppm of 64 s


def test_the_kernel_can_be_read() -> None:
    before = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    found = read_host()
    assert before[0] <= found.utc_ns <= time.time_ns()
    assert before[1] <= found.boot_ns <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert found.bound_ns is None or found.bound_ns >= 0
    assert abs(found.rate_ppm) < 100_000


def test_a_stamp_is_cheap() -> None:
    clock = CentralClock(settings.Clock())
    best = min(_timed(clock) for _ in range(200))
    assert best < 20e-6


def _timed(clock: CentralClock) -> float:
    begun = time.perf_counter()
    clock.now()
    return time.perf_counter() - begun
