"""What can go wrong between us and NATS.

    BusError
    ├── Unavailable   no answer, or not connected; the outcome may be unknown
    │   └── NotServed nobody takes the subject at this moment, such as in an election; nothing is stored
    ├── StoreFull     the disk, the account or the stream is full
    ├── Conflict      somebody else wrote there first: read again, build again
    ├── Busy          the server has too much on its hands: wait, then the same again
    ├── Missing       what was asked for is not there (any more)
    └── Refused       anything else; the same request will be refused again

JetStream's error codes are named here and nowhere else.
"""

from collections.abc import Mapping
from typing import Any, Final

INSUFFICIENT_RESOURCES: Final = 10023
STORAGE_EXCEEDED: Final = 10047
STORE_FAILED: Final = 10077
ACCOUNT_EXCEEDED: Final = 10002
MEMORY_EXCEEDED: Final = 10028
WRONG_LAST_SEQUENCE: Final = 10071
WRONG_LAST_SEQUENCE_CONSTANT: Final = 10164
TOO_MANY_REQUESTS: Final = 10167
BATCH_INCOMPLETE: Final = 10176
BATCH_IN_FLIGHT: Final = 10210
NO_LEADER: Final = 10008
CLUSTER_NOT_ASSIGNED: Final = 10007
MESSAGE_NOT_FOUND: Final = 10037
STREAM_NOT_FOUND: Final = 10059
CONSUMER_NOT_FOUND: Final = 10014


class BusError(Exception):
    """Base of all errors of the bus; `code` is JetStream's, 0 where it has none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(f"{message} ({code})" if code else message)
        self.code = code


class Unavailable(BusError):  # noqa: N818 - a state of the world; the tree above is named for how it reads in `except`
    """No answer, or not connected. What was sent may have been stored all the same."""


class NotServed(Unavailable):
    """Nobody takes the subject: no stream has it, or its servers are electing a leader. Nothing was stored."""


class StoreFull(BusError):  # noqa: N818 - as above
    """The disk, the account or the stream is full. Nothing was stored."""


class Conflict(BusError):  # noqa: N818 - as above
    """A sequence check failed: somebody else wrote there first. Nothing was stored."""


class Busy(BusError):  # noqa: N818 - as above
    """The server gave up on it for now. Nothing was stored; wait and do the same again."""


class Missing(BusError):  # noqa: N818 - as above
    """What was asked for is not there, or not there any more."""


class Refused(BusError):  # noqa: N818 - as above
    """The server says no, or we know that it would. Nothing was stored."""


_BY_CODE: Final[Mapping[int, type[BusError]]] = {
    INSUFFICIENT_RESOURCES: StoreFull,
    STORAGE_EXCEEDED: StoreFull,
    STORE_FAILED: StoreFull,
    ACCOUNT_EXCEEDED: StoreFull,
    MEMORY_EXCEEDED: StoreFull,
    WRONG_LAST_SEQUENCE: Conflict,
    WRONG_LAST_SEQUENCE_CONSTANT: Conflict,
    TOO_MANY_REQUESTS: Busy,
    BATCH_INCOMPLETE: Busy,
    BATCH_IN_FLIGHT: Busy,
    NO_LEADER: Unavailable,
    CLUSTER_NOT_ASSIGNED: Unavailable,
    MESSAGE_NOT_FOUND: Missing,
    STREAM_NOT_FOUND: Missing,
    CONSUMER_NOT_FOUND: Missing,
}


def from_answer(error: Mapping[str, Any]) -> BusError:
    """The exception for the `error` object of a JetStream answer."""
    code = int(error.get("err_code", 0))
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = Unavailable if error.get("code") == 503 else Refused
    return kind(str(error.get("description", "no reason given")), code)
