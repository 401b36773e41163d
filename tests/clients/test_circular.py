"""A circular: one letter that a ministry's Postfix has to bring to many hosted agencies.

`python -m tests.bench --only circular` does it with 20 MB and 100 agencies and says what it costs.
"""

from collections import Counter
from pathlib import Path

import pytest

from contracts.directory import Agency, Domain
from services.runtime import directory
from services.runtime.bus import Bus
from tests.clients.arrivals import Arrivals
from tests.clients.letters import letter, noise
from tests.clients.relays import below_received, submit
from tests.postfix import postfix
from tests.servers import NatsServer
from tests.smtp.ingress import ingress
from tests.waiting import until

AGENCIES = 20
OCTETS = 2_000_000
ROOM = 24_500_000
"""flight_bytes: room for twelve agencies in one write, so that Postfix has to come again."""

AGAIN = "minimal_backoff_time = 2s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n"
"""At 1 s Postfix now and then looks at a letter that it has not put down yet, and leaves it lying until it restarts."""


@pytest.mark.slow
@pytest.mark.system("postfix")
async def test_every_agency_gets_a_circular_once(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    for at in range(AGENCIES):
        domain = f"a{at}.test"
        await directory.put(
            bus, Agency(id=f"a{at}", name="อบต.", domains=(Domain(name=domain),), addresses=(f"saraban@{domain}",))
        )
    octets = letter("circular", noise(OCTETS))
    arrivals = await Arrivals.begin(bus)
    with ingress(nats_server.settings(), tmp_path, message_bytes=4_000_000, flight_bytes=ROOM) as mx:
        with postfix(f"relayhost = [127.0.0.1]:{mx.port}\n{AGAIN}") as relay:
            await submit(relay.port, [octets], [f"saraban@a{at}.test" for at in range(AGENCIES)])
            found = [await arrivals.next() for _ in range(AGENCIES)]
            await until(lambda: relay.queued() == 0)
            log = relay.log
        assert await arrivals.no_more()
    assert Counter(arrival.event.agency for arrival in found) == {f"a{at}": 1 for at in range(AGENCIES)}
    for arrival in found:
        assert below_received(arrival.octets, b"postfix.test (Postfix)") == octets
        assert [recipient.address for recipient in arrival.event.recipients] == [f"saraban@{arrival.event.agency}.test"]
    writes = Counter(arrival.event.received_at for arrival in found)
    assert sorted(writes.values()) == [8, 12], "as many agencies in one write as there is room for"
    assert "452 4.5.3" in log
