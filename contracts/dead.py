"""DEAD: what a worker gave up on, with the reason. Nothing is dropped; `saraban dead` lists, retries, closes.

What an officer does about it lies beside it, on the same subject: a message is open as long as neither a
`MessageClosed` nor a `MessageRetried` speaks of its last `MessageGivenUp`. The message itself lies where it lay.
"""

from typing import Annotated, ClassVar

from msgspec import Meta

from contracts.event import Event, Position
from contracts.values import Instant, Sequence

Worker = Annotated[str, Meta(pattern=r"^(ingest|register|sign|notify)$", description="Service that gave up.")]


class Dead(Event, frozen=True, kw_only=True):
    """What all of them have: which message, and who could not carry it out."""

    stream: ClassVar[str] = "DEAD"
    form: ClassVar[str] = "dead.v1.{service}.{agency}"

    service: Worker
    consumer: Annotated[str, Meta(description="Durable consumer that gave up; empty: the service has none.")]
    source: Annotated[Position, Meta(description="Where the message lies.")]


class MessageGivenUp(Dead, tag="dead.given_up.v1", frozen=True, kw_only=True):
    """A message that its consumer could not carry out however often it tried."""

    key_form: ClassVar[str] = "{consumer}:{source}:{given_up_at}"
    occurred: ClassVar[str] = "given_up_at"

    subject: Annotated[str, Meta(description="The subject it was published on.")]
    reason: str
    attempts: Annotated[int, Meta(ge=1)]
    given_up_at: Instant


class DeadDecision(Dead, frozen=True, kw_only=True):
    """What an officer decided about a message that was given up."""

    key_form: ClassVar[str] = "{id}"
    occurred: ClassVar[str] = "decided_at"

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", description="Made where the officer works.")]
    given_up: Annotated[Sequence, Meta(description="Sequence in DEAD of the MessageGivenUp it decides on.")]
    by: Annotated[str, Meta(min_length=1, description="The person who decided (ชื่อผู้สั่ง).")]
    reason: Annotated[str, Meta(min_length=1)]
    decided_at: Instant


class MessageRetried(DeadDecision, tag="dead.retried.v1", frozen=True, kw_only=True):
    """The worker is to try it again; if it fails again, another MessageGivenUp says so."""


class MessageClosed(DeadDecision, tag="dead.closed.v1", frozen=True, kw_only=True):
    """Nothing more is to be done about it."""
