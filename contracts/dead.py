"""DEAD: what a worker gave up on, with the reason. Nothing is dropped; `saraban dead` lists, retries, closes."""

from typing import Annotated, ClassVar

from msgspec import Meta

from contracts.event import Event, Position
from contracts.values import Instant


class MessageGivenUp(Event, tag="dead.given_up.v1", frozen=True, kw_only=True):
    """A message that its consumer could not carry out however often it tried. The message itself lies where it lay."""

    stream: ClassVar[str] = "DEAD"
    form: ClassVar[str] = "dead.v1.{service}.{agency}"

    service: Annotated[str, Meta(pattern=r"^(ingest|register|sign|notify)$")]
    consumer: Annotated[str, Meta(description="Durable consumer that gave up; `saraban dead retry` hands the message to it again.")]
    source: Annotated[Position, Meta(description="Where the message lies.")]
    subject: Annotated[str, Meta(description="The subject it was published on.")]
    reason: str
    attempts: Annotated[int, Meta(ge=1)]
    given_up_at: Instant

    @property
    def key(self) -> str:
        return f"{self.type}:{self.consumer}:{self.source}:{self.given_up_at}"
