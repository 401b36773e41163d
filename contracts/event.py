"""What every event has in common: a type with its version, a subject, a stable key.

Version rule (contracts/README.md): a field may be added with a default; a meaning is never changed. Another
meaning is a new Struct with the next version in its tag, and the old one keeps flowing until its announced end.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from string import Formatter
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from contracts.values import AgencyId, Sequence

SPECVERSION = "1.0"
"""CloudEvents, binary mode, NATS binding: attributes travel as `ce-` headers."""


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """One thing that happened, for ever. The tag is the type and carries the version: `register.entered.v1`."""

    stream: ClassVar[str]
    """Family of the stream that keeps it (contracts/streams.py)."""
    form: ClassVar[str]
    """Form of its subject; the braces name fields of the event."""
    key_form: ClassVar[str]
    """Form of what makes it different from every other event of its type."""
    occurred: ClassVar[str] = ""
    """Path of the field that says when it happened; empty where only the stream's time stamp says so."""

    agency: AgencyId

    @property
    def nats_subject(self) -> str:
        """The subject this event is published on; `subject` alone would be the letter's."""
        return _writer(self.form)(self)

    @property
    def key(self) -> str:
        """`ce-id`: the same at every repeat of this event, different for every other. A subscriber's key."""
        return f"{self.type}:{_writer(self.key_form)(self)}"

    @property
    def occurred_at(self) -> str | None:
        """`ce-time`: when it happened, or None where the event does not say."""
        return str(attrgetter(self.occurred)(self)) if self.occurred else None

    @property
    def about(self) -> str | None:
        """`ce-subject`: the letter this event is about, or None where it is about none."""
        return getattr(self, "mail", None)

    @property
    def type(self) -> str:
        """`ce-type`, and the value of `type` in the body."""
        return str(self.__struct_config__.tag)


class Position(Struct, frozen=True, kw_only=True):
    """Where a message lies: its stream, its sequence, and how many parts lie directly before it."""

    stream: Annotated[str, Meta(description="Name of the stream, such as MAIL_2569.")]
    sequence: Sequence
    parts: Annotated[int, Meta(ge=0, description="The letter's bytes are in the `parts` messages before it.")] = 0

    def __str__(self) -> str:
        return f"{self.stream}:{self.sequence}"


class Reached(Struct, frozen=True, kw_only=True):
    """Reading position of the register: everything at or before it has its row or notice, for ever."""

    mail: Position | None = None
    orders: Position | None = None


@cache
def _writer(form: str) -> Callable[[Event], str]:
    """Writes a form with the fields it names; taken apart once, since it is asked three times an event."""
    names = [name for _, name, _, _ in Formatter().parse(form) if name]
    template = form.format_map(dict.fromkeys(names, "{}"))
    read = attrgetter(*names)
    return (
        (lambda event: template.format(read(event))) if len(names) == 1 else lambda event: template.format(*read(event))
    )
