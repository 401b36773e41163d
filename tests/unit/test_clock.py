"""What a stamp says, as a pure function of what the witnesses say; and which servers are believed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import ntp, settings
from services.runtime.clock import UNKNOWN_BOUND_MS, CentralClock, Kernel, Measured, judge, read_kernel

MS = 1_000_000
NOW = 1_780_000_000_000_000_000
BOOT = 5_000_000_000_000


def measured(apart_ms: float = 0.0, distance_ms: float = 1.0, age_s: float = 0.0) -> Measured:
    return Measured(
        zero_ns=NOW - BOOT + int(apart_ms * MS),
        distance_ns=int(distance_ms * MS),
        at_ns=BOOT - int(age_s * 1e9),
        stratum=2,
        agreed=("a", "b"),
        asked=3,
    )


def kernel(bound_ms: float | None) -> Kernel:
    return Kernel(NOW, None if bound_ms is None else int(bound_ms * MS))


def test_nobody_knows() -> None:
    stamp = judge(kernel(None), None, BOOT, 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound, stamp.stratum) == (NOW, UNKNOWN_BOUND_MS, False, 16)
    assert stamp.source == "host clock, not synchronised"


def test_silent_servers_are_mentioned() -> None:
    assert "no majority of 3 central servers" in judge(kernel(None), None, BOOT, 30, asked=3).source
    stamp = judge(kernel(5), None, BOOT, 30, asked=3)
    assert stamp.within_bound
    assert "no majority of 3 central servers" in stamp.source


@pytest.mark.parametrize(("bound_ms", "within"), [(0.5, True), (30.0, True), (30.1, False)])
def test_the_kernel_alone(bound_ms: float, within: bool) -> None:
    stamp = judge(kernel(bound_ms), None, BOOT, 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound, stamp.stratum) == (NOW, bound_ms, within, 0)


def test_the_servers_alone_set_the_time() -> None:
    stamp = judge(kernel(None), measured(apart_ms=700, distance_ms=2), BOOT, 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound, stamp.stratum) == (NOW + 700 * MS, 2.0, True, 2)
    assert stamp.source == "2 of 3 central servers agree (a, b)"


def test_the_bound_grows_with_the_drift() -> None:
    fresh, old = (judge(kernel(None), measured(distance_ms=2, age_s=age), BOOT, 30) for age in (0, 1_000))
    assert old.bound_ms - fresh.bound_ms == pytest.approx(15.0)  # 15 ppm of 1,000 s
    assert not judge(kernel(None), measured(distance_ms=2, age_s=2_000), BOOT, 30).within_bound


def test_where_both_agree_the_tighter_bound_holds() -> None:
    stamp = judge(kernel(200), measured(apart_ms=3, distance_ms=2), BOOT, 30)
    assert (stamp.utc_ns, stamp.bound_ms, stamp.within_bound) == (NOW, 5.0, True)
    assert judge(kernel(1), measured(apart_ms=3, distance_ms=20), BOOT, 30).bound_ms == 1.0


def test_where_they_disagree_no_stamp_is_within_bound() -> None:
    stamp = judge(kernel(1), measured(apart_ms=10, distance_ms=2), BOOT, 30)
    assert not stamp.within_bound
    assert stamp.bound_ms == 12.0
    assert stamp.utc_ns == NOW
    assert "10.0 ms from what" in stamp.source


def answer(server: str, zero_ms: float, distance_ms: float) -> ntp.Answer:
    return ntp.Answer(server=server, zero_ns=int(zero_ms * MS), distance_ns=int(distance_ms * MS), at_ns=0, stratum=2)


def names(answers: list[ntp.Answer]) -> list[str]:
    return [each.server for each in answers]


def test_a_false_server_is_outvoted() -> None:
    true = [answer("near", 0, 1), answer("far", 3, 4)]
    assert names(ntp.agreeing([*true, answer("false", 5_000, 1)], 0, 15)) == ["near", "far"]
    assert ntp.agreeing([], 0, 15) == []


def test_touching_intervals_agree() -> None:
    assert len(ntp.agreeing([answer("a", 0, 1), answer("b", 2, 1)], 0, 15)) == 2
    assert len(ntp.agreeing([answer("a", 0, 1), answer("b", 2.1, 1)], 0, 15)) == 1


@given(
    offsets=st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 50)), min_size=1, max_size=7),
    lies=st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(0, 10)), max_size=6),
)
def test_truth_lies_in_the_answer_of_a_true_majority(
    offsets: list[tuple[float, float]], lies: list[tuple[float, float]]
) -> None:
    """Each true server's interval holds the truth (0), however far off its middle is."""
    true = [answer(f"t{n}", share * distance, distance + 1e-6) for n, (share, distance) in enumerate(offsets)]
    false = [answer(f"f{n}", zero, distance) for n, (zero, distance) in enumerate(lies[: len(true) - 1])]
    agreed = ntp.agreeing([*false, *true], 0, 15)
    assert len(agreed) >= len(true)
    best = agreed[0]
    liars_overlap = any(each.server.startswith("f") for each in agreed)
    assert liars_overlap or abs(best.zero_ns) <= best.distance_ns + 1


def test_the_kernel_can_be_read() -> None:
    before = time.time_ns()
    found = read_kernel()
    assert before - 2_000 <= found.utc_ns <= time.time_ns() + 2_000  # microseconds are cut
    assert found.bound_ns is None or found.bound_ns >= 0


def test_a_stamp_is_cheap() -> None:
    clock = CentralClock(settings.Clock())
    best = min(_timed(clock) for _ in range(200))
    assert best < 20e-6


def _timed(clock: CentralClock) -> float:
    begun = time.perf_counter()
    clock.now()
    return time.perf_counter() - begun
