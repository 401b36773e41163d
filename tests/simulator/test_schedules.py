"""5,000 schedules at every run, those that ever failed, and the proof that a broken core is found."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from tests.simulator import campaign, schedule
from tests.simulator.campaign import TO_BE_MET, Kept
from tests.simulator.mutations import MUTATIONS, links_stand_still

SCHEDULES: Final = 5_000
PARTS: Final = 5
"""Several tests, so that they run side by side."""

FOUND_WITHIN: Final = 2_000


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_the_books_stay_right(part: int) -> None:
    count = SCHEDULES // PARTS
    found = campaign.some(1_000_000 + part * count, count)
    assert not found.failed, campaign.story(Kept(why="", drawn=campaign.shrunk(found.failed[0])))
    assert found.missed == [], "it looked at nothing of that kind"


@pytest.mark.parametrize("failed", campaign.kept(), ids=lambda failed: failed.why[:50])
def test_what_failed_once(failed: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failed.run().problems == [], failed.why
    {mutation.__name__: mutation for mutation in MUTATIONS}[failed.fault](monkeypatch)
    assert failed.run().problems, "it does not show its fault any more: find another schedule that does"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_core_is_found(
    mutation: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    for seed in range(FOUND_WITHIN):
        if schedule.run(seed).problems:
            return
    pytest.fail(f"{mutation.__name__}: {mutation.__doc__} No schedule of {FOUND_WITHIN} shows it.")


def test_a_seed_is_one_schedule() -> None:
    one, other = schedule.run(11, traced=True), schedule.run(11, traced=True)
    assert one.trace == other.trace
    assert one.drawn == other.drawn
    again = schedule.run(drawn=one.drawn, traced=True)
    assert again.trace == one.trace, "and so is the list of its decisions"


def test_a_failing_schedule_is_shrunk_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    links_stand_still(monkeypatch)  # nearly every schedule fails
    seed = next(seed for seed in range(100) if schedule.run(seed).problems)
    drawn = campaign.shrunk(seed)
    assert len(drawn) < len(schedule.run(seed).drawn) / 4
    story = campaign.story(Kept(why="", drawn=drawn))
    assert "is not linked to the row before it" in story
    assert "letter" in story


def test_a_campaign_that_meets_nothing_says_so() -> None:
    assert campaign.Campaign(met=Counter()).missed == list(TO_BE_MET)
