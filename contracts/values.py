"""The words of the field as types: one definition, one pattern, one meaning.

Everything here is a plain value. Instants are strings on the wire so that an archived event reads the
same in any language; `instant` and `local_instant` are the only writers, `from_instant` the only reader.
"""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta

AgencyId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="Token of an agency in the directory; a single NATS subject token.",
    ),
]

UNASSIGNED = "unassigned"
"""Stands where an agency is asked for and none can be named: an attempt at a domain that many agencies share."""

Series = Annotated[
    Literal["received", "general", "classified"],
    Meta(description="received: ทะเบียนหนังสือรับ; general: automatic, bulk and list mail; classified: ชั้นความลับ."),
]
SERIES: tuple[Series, ...] = ("received", "general", "classified")

BuddhistYear = Annotated[int, Meta(ge=2500, le=2999, description="Year of the book, พ.ศ. (CE + 543).")]

Number = Annotated[int, Meta(ge=1, description="Register number (เลขทะเบียนรับ); contiguous within its book.")]

Sequence = Annotated[int, Meta(ge=0, description="JetStream stream sequence; 0 is before the first message.")]

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256, lower-case hex.")]

MailId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z2-7]{52}$",
        description="Names the letter itself: base32 (lower case, unpadded) of a SHA-256 over the agency and what "
        "makes two copies the same letter. A repeat by the sender's MTA has the same one.",
    ),
]

Instant = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        description="RFC 3339 in UTC with microseconds.",
    ),
]

LocalInstant = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+07:00$",
        description="RFC 3339 in Thai time; microseconds only where they are not zero.",
    ),
]

Remark = Annotated[
    Literal["unreadable", "cut_header", "bare_newline", "bare_carriage_return", "nul_octet", "time_not_within_bound"],
    Meta(description="What a clerk would write in the remarks (หมายเหตุ); a label, never a refusal."),
]

BANGKOK = timezone(timedelta(hours=7), "Asia/Bangkok")
"""Thai time. A fixed offset: Thailand has had no daylight saving since 1920, and tzdata need not be installed."""


def sha256_hex(octets: bytes | bytearray | memoryview) -> str:
    """The digest of `octets` as every contract writes it."""
    return hashlib.sha256(octets).hexdigest()


_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def mail_id(digest: bytes) -> str:
    """Write a raw 32-byte SHA-256 as a `MailId`: RFC 4648 base32, lower case, without padding."""
    number = int.from_bytes(digest, "big") << 4  # 256 bits are 51 letters and one bit
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(250, -1, -10)])


def instant(utc_ns: int) -> str:
    """Write nanoseconds since the epoch as an `Instant`; cut, not rounded: 16:29:59.9999999 stays before 16:30."""
    seconds, ns = divmod(utc_ns, 1_000_000_000)
    return f"{_second(seconds)}.{ns // 1000:06d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    """Many letters arrive in the same second, and writing it costs more than all digits behind it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def from_instant(text: str) -> datetime:
    """Read an `Instant` or a `LocalInstant` as an aware datetime. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"instant without a zone: {text!r}")
    return moment


def local_instant(moment: datetime) -> str:
    """Write an aware datetime as a `LocalInstant`."""
    return moment.astimezone(BANGKOK).isoformat()
