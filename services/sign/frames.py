"""What parent and child say to each other: length, then MessagePack; both sides bounded."""

import struct
from typing import Literal

import msgspec
from msgspec import Struct

from contracts.findings import Findings
from contracts.mail import MailReceived
from services.sign.fetch_questions import Cause, Kind
from services.sign.trust import TrustStore

LENGTH = struct.Struct(">I")
ANSWER_OCTETS = 8 << 20
"""Most of one frame from the child: findings are a few KiB."""


class Frame(Struct, frozen=True, tag=True):
    """Base of everything that is said."""


class Setup(Frame, frozen=True):
    """To the child, once: what it works with, and its limits."""

    trust: TrustStore
    memory_bytes: int
    seconds: float
    software: str
    pictures: bool = False
    """Somebody reads pictures (ocr.py)."""
    fetches: bool = False
    """What letters lack may be asked for."""


class Task(Frame, frozen=True):
    """To the child: a letter; its octets follow as a second, bare frame."""

    kind: Literal["mail", "pdf", "sender"]
    name: str
    received: MailReceived | None
    now_ns: int


class Answer(Frame, frozen=True):
    """To the child: what the DNS says; None where it says nothing."""

    records: tuple[str, ...] | None


class Reading(Frame, frozen=True):
    """To the child: the text of a picture; None where nobody could read it."""

    text: str | None


class Fetched(Frame, frozen=True):
    """To the child: what was fetched; None and why where nothing was."""

    octets: bytes | None
    cause: Cause | None = None


class Ready(Frame, frozen=True):
    """From the child, once: it stands, behind these walls against the network."""

    walls: tuple[str, ...]


class Begun(Frame, frozen=True):
    """From the child: it has the task. What ends it from now on is the letter."""


class Question(Frame, frozen=True):
    """From the child: what does the DNS say?"""

    name: str
    kind: str


class Picture(Frame, frozen=True):
    """From the child: what does this page say? Shades of grey, row by row."""

    width: int
    height: int
    octets: bytes


class Wanted(Frame, frozen=True):
    """From the child: what a certificate points to, please."""

    kind: Kind
    url: str
    body: bytes


class Useful(Frame, frozen=True):
    """From the child, without an answer: what was fetched proved useful, and will be for so many seconds."""

    kind: Kind
    url: str
    body: bytes
    seconds: float


class SoFar(Frame, frozen=True):
    """From the child: the findings if it goes no further, and what it turns to now."""

    findings: Findings
    turning_to: str


class Done(Frame, frozen=True):
    """From the child: the findings. `retire`: it has grown too much to be kept."""

    findings: Findings
    retire: bool


FromParent = Setup | Task | Answer | Reading | Fetched
FromChild = Ready | Begun | Question | Picture | Wanted | Useful | SoFar | Done

_ENCODER = msgspec.msgpack.Encoder()
_PARENT: msgspec.msgpack.Decoder[FromParent] = msgspec.msgpack.Decoder(FromParent)
_CHILD: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)


def pack(frame: Frame) -> bytes:
    """The frame's octets with their length before them."""
    octets = _ENCODER.encode(frame)
    return LENGTH.pack(len(octets)) + octets


def from_parent(octets: bytes) -> FromParent:
    """Read a frame in the child."""
    return _PARENT.decode(octets)


def from_child(octets: bytes) -> FromChild:
    """Read a frame in the parent. Raises msgspec.MsgspecError for anything else: the child may be hostile by then."""
    return _CHILD.decode(octets)
