"""Asking others costs nothing where nobody is to be asked."""

import subprocess
import sys

import pytest

from contracts.mail import Peer, Standing
from services.ingest.admission import Flight
from services.ingest.arrival import Arrival
from services.ingest.reputation import Reputation
from services.ingest.transaction import Transaction
from services.runtime.clock import CentralClock
from services.runtime.settings import Clock, Ingest


def ended_at_once(reputation: Reputation, peer: Peer) -> Standing | None:
    """What `of` returns without ever giving way to anybody else."""
    arrival = Arrival(1_000, Flight(1_000), CentralClock(Clock()), 0.0)
    asking = reputation.of(peer, Transaction(sender=""), arrival)
    with pytest.raises(StopIteration) as found:
        asking.send(None)
    value = found.value.value
    assert value is None or isinstance(value, Standing)
    return value


def test_with_nobody_to_ask_a_letter_does_not_wait() -> None:
    assert ended_at_once(Reputation(Ingest()), Peer(address="192.0.2.1")) is None


async def test_a_trusted_peer_is_not_asked_about() -> None:
    reputation = Reputation(
        Ingest(blocklists=("list.test",), dns_servers=("127.0.0.1:9",), rspamd="http://127.0.0.1:9")
    )
    assert ended_at_once(reputation, Peer(address="192.0.2.1", trusted=True)) is None
    await reputation.close()


SPARE = """
import sys
sys.modules["aiohttp"] = None  # as services/cli.py does before anything is loaded
import services.ingest.app
assert sys.modules["aiohttp"] is None and "dns" not in sys.modules, "loaded though nobody is asked"
import services.ingest.rspamd
assert sys.modules["aiohttp"] is not None
"""


def test_the_libraries_for_it_are_loaded_only_where_somebody_is_asked() -> None:
    subprocess.run([sys.executable, "-c", SPARE], check=True)
