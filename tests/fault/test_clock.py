"""The whole system on a host whose clock is wrong, with central servers that come, lie, go and come back.

Faketime makes the clock of every process of the system wrong; CLOCK_BOOTTIME is left alone, as on a real host, where
nobody can set it. The test looks at the true clock beside it. Only the kernel's own word (adjtimex) cannot be faked: it
says what it says of this host.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.mail import MailReceived
from contracts.register import LetterEntered
from contracts.values import from_instant
from services.runtime.kernel import read_host
from tests.letters import letter_mail
from tests.time_servers import TimeServers, faked
from tests.world import DEMO, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.system("chrony", "faketime"),
    pytest.mark.skipif(
        read_host().bound_ns is not None, reason="this host's clock is disciplined: the servers do not set the time"
    ),
]

DRIFT_PPM = 4_000
"""Silence shall use up 30 ms in eight seconds, not in half an hour."""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[TimeServers]:
    found = TimeServers(tmp_path)
    yield found
    found.close()


class Misled(World):
    """A system on a host whose clock can be set wrong while it runs."""

    def __init__(self, folder: Path, servers: tuple[str, ...], wrong: str) -> None:
        quoted = ", ".join(f'"{name}"' for name in servers)
        self._wrong = folder / "wrong"
        folder.mkdir()
        environment = faked(wrong)
        del environment["FAKETIME"]  # would win over the file
        super().__init__(
            folder,
            environment=environment
            | {
                "FAKETIME_TIMESTAMP_FILE": str(self._wrong),
                "FAKETIME_NO_CACHE": "1",
                "SARABAN_CLOCK__SERVERS": f"[{quoted}]",
                "SARABAN_CLOCK__POLL_SECONDS": "1",
                "SARABAN_CLOCK__TIMEOUT_SECONDS": "2",
                "SARABAN_CLOCK__DRIFT_PPM": str(DRIFT_PPM),
            },
        )
        self.set_wrong(wrong)

    def set_wrong(self, wrong: str) -> None:
        """Step the clock of every process of the system."""
        fresh = self._wrong.with_suffix(".new")
        fresh.write_text(wrong + "\n")
        fresh.replace(self._wrong)

    def gauge(self, name: str, label: str = 'service="ingest"') -> float:
        """A gauge of the clock on the operations page; -1 where it is not there."""
        found = re.search(rf"^saraban_clock_{name}{{{label}}} (\S+)$", self.page("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else -1.0

    def servers(self) -> dict[str, float]:
        """What came of the last poll, without the states that nobody is in."""
        found = {state: self.gauge("servers", f'state="{state}"') for state in ("agreeing", "outvoted", "silent")}
        return {state: number for state, number in found.items() if number > 0}

    async def stamped(self, number: int) -> tuple[MailReceived, datetime, datetime]:
        """Send a letter; its event, and the true time before and after."""
        before = datetime.now(UTC)
        await self.send(letter_mail(None, "a@sender.localhost", DEMO, f"letter {number}"))
        after = datetime.now(UTC)
        return (await self.events(MailReceived, number))[-1], before, after


def true(event: MailReceived, before: datetime, after: datetime) -> bool:
    """Whether the true time is within the bound that the stamp states."""
    bound = timedelta(milliseconds=event.bound_ms)
    return before - bound <= from_instant(event.received_at) <= after + bound


async def test_a_wrong_host_false_and_silent_servers_and_what_the_stamps_and_metrics_say(
    servers: TimeServers, tmp_path: Path
) -> None:
    names = (servers.serve("+3s"), servers.serve(), servers.serve())
    world = Misled(tmp_path / "world", names, "-5s")
    try:
        await world.start()

        # The host is five seconds behind, one of three servers lies: the stamp is right, and says by whom.
        await world.until(lambda: world.gauge("within_bound") == 1, "a majority answers")
        assert world.servers() == {"agreeing": 2, "outvoted": 1}
        assert world.gauge("offset_seconds") == pytest.approx(5, abs=0.5)
        assert 0 < world.gauge("bound_seconds") < 0.030
        event, before, after = await world.stamped(1)
        assert event.within_bound
        assert event.bound_ms <= 30
        assert true(event, before, after), f"{event.received_at} ± {event.bound_ms} ms, true {before} to {after}"
        assert event.source.startswith("2 of 3 central servers agree")
        assert names[1] in event.source
        assert names[2] in event.source
        assert names[0] not in event.source

        # Somebody steps the host's clock by an hour.
        world.set_wrong("-3600s")
        await world.until(lambda: world.gauge("offset_seconds") > 3_000, "the step shows")
        event, before, after = await world.stamped(2)
        assert event.within_bound
        assert true(event, before, after)

        # Silence: the bound grows, is warned of, and leaves what the rule allows. Letters are taken, and say so.
        for name in names:
            servers.stop(name)
        await world.until(lambda: world.servers() == {"silent": 3}, "silence shows")
        await world.until(lambda: world.gauge("within_bound") == 0, "the bound leaves 30 ms")
        assert world.gauge("bound_seconds") > 0.030
        lines = world.log.read_text(encoding="utf-8")
        assert lines.index("runtime.clock_bound_grows") < lines.rindex("runtime.clock_not_within_bound")
        event, before, after = await world.stamped(3)
        assert not event.within_bound
        assert event.bound_ms > 30
        assert true(event, before, after)
        row = (await world.events(LetterEntered, 3))[-1]
        assert "time_not_within_bound" in row.remarks

        # They come back.
        for name in names[1:]:
            servers.serve(name=name)
        await world.until(lambda: world.gauge("within_bound") == 1, "recovery")
        assert world.servers() == {"agreeing": 2, "silent": 1}
        event, before, after = await world.stamped(4)
        assert event.within_bound
        assert true(event, before, after)
    finally:
        await world.stop()
