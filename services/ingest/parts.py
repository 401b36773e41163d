"""What all sessions of a process share; app.py builds it."""

from collections.abc import Callable

from msgspec import Struct

from services.ingest.admission import Flight
from services.ingest.attempts import Attempts
from services.ingest.certificate import Certificate
from services.ingest.mailroom import Mailroom
from services.ingest.next_hop import NextHops
from services.ingest.postmaster import Postmaster
from services.ingest.reception import Reception
from services.ingest.recipients import Recipients
from services.ingest.reputation import Reputation
from services.ingest.sessions import Sessions
from services.ingest.traffic import Traffic
from services.runtime.clock import Clock
from services.runtime.settings import Ingest


class Parts(Struct, frozen=True, kw_only=True):
    """One of each."""

    settings: Ingest
    hostname: str
    clock: Clock
    recipients: Recipients
    reception: Reception
    reputation: Reputation
    mailroom: Mailroom
    next_hops: NextHops
    flight: Flight
    sessions: Sessions
    attempts: Attempts
    traffic: Traffic
    certificate: Certificate | None
    postmaster: Postmaster | None
    ready: Callable[[], bool]
