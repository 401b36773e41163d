"""One question to a time server (RFC 5905, client mode), and what its answer is worth.

Times are measured against CLOCK_BOOTTIME, which nobody steps: an answer says what UTC was when that clock read zero.
The transmit field is a random number that the server must give back, so that nobody off the path can answer for it;
ntplib does not check that, and measures against the clock that is in question. Who sits on the path can still answer or
delay: what one server says is believed only with a majority (vote.py).

How the delay of a question divides into its way there and its way back cannot be measured, by nobody. It can only be
bounded: the middle is taken, and half the whole delay stands in the distance.
"""

import math
import secrets
import socket
import struct
import time

from msgspec import Struct

UNIX = 2_208_988_800
"""Seconds from the NTP epoch (1900) to ours."""

ERA = 1 << 32

_PACKET = struct.Struct("!BBbb II4s QQQQ")
_VERSION, _CLIENT, _SERVER = 4, 3, 4
_INSERTED, _DELETED, _ALARM = 1, 2, 3
"""Leap indicator: a second more or less at the month's end; a server that is not synchronised itself."""

MOST_DISTANCE_NS = 1_500_000_000
"""RFC 5905, MAXDIST: a server further from the reference than this tells nothing."""

MOST_STRATUM = 15

OWN_PRECISION_NS = 1_000
"""Reading our own clock, twice: far less than a microsecond each; the scheduler's share is in the delay."""


class NoAnswer(Exception):  # noqa: N818 - what happened
    """The server does not answer, or its answer is worth nothing."""


class Refused(NoAnswer):
    """The server asks to be left alone (kiss-o'-death)."""


class Answer(Struct, frozen=True, kw_only=True):
    """What one server said: at boot-time zero it was `zero_ns` (UTC), give or take `distance_ns`."""

    server: str
    zero_ns: int
    distance_ns: int
    at_ns: int
    """CLOCK_BOOTTIME when the answer came."""
    stratum: int
    address: str = ""
    """Two names of one machine are one witness."""
    leap: bool = False
    """It announces a leap second for the end of this month."""

    def aged(self, now_ns: int, ppm: float) -> int:
        """The distance now: the host's own clock may have run wrong by `ppm` since."""
        return self.distance_ns + int((now_ns - self.at_ns) * ppm / 1e6)

    def contradicts(self, other: "Answer", ppm: float) -> bool:
        """Whether both cannot be true, `other` being the older one: the server, or our clock, jumped between them."""
        return abs(self.zero_ns - other.zero_ns) > self.distance_ns + other.aged(self.at_ns, ppm)


def ask(server: str, host: str, port: int, timeout: float, ppm: float) -> Answer:
    """Ask one server; blocks, so call it in a thread.

    Raises:
        NoAnswer: none in `timeout` seconds, or none that can be believed.
        Refused: it does not want to be asked, or not so often.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.connect(address)  # others' datagrams do not arrive
            nonce = secrets.randbits(64)
            sent = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            deadline = time.monotonic() + timeout
            line.settimeout(timeout)
            line.send(_PACKET.pack(_VERSION << 3 | _CLIENT, 0, 0, 0, 0, 0, b"", 0, 0, 0, nonce))
            while True:
                reply = line.recv(1024)
                came = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                if len(reply) >= _PACKET.size and _PACKET.unpack_from(reply)[8] == nonce:
                    return _read(server, "{}:{}".format(*address), reply, sent, came, ppm)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NoAnswer(f"{server}: answers to questions that were not asked")
                line.settimeout(left)
    except (OSError, UnicodeError) as error:  # the latter from a name that can be none
        raise NoAnswer(f"{server}: {error}") from error


def _read(server: str, address: str, reply: bytes, sent: int, came: int, ppm: float) -> Answer:
    flags, stratum, _, precision, root_delay, root_dispersion, kiss, _, _, received, transmitted = _PACKET.unpack_from(
        reply
    )
    leap = flags >> 6
    if flags & 7 != _SERVER:
        raise NoAnswer(f"{server}: is no server")
    if stratum == 0 and kiss.strip(b"\0"):
        raise Refused(f"{server}: refuses ({kiss.decode('ascii', 'replace').strip(chr(0))})")
    if leap == _ALARM or not 0 < stratum <= MOST_STRATUM or not transmitted:
        raise NoAnswer(f"{server}: is not synchronised")
    arrived, left = unix_ns(received), unix_ns(transmitted)
    delay = max(0, (came - sent) - (left - arrived))
    distance = math.ceil(
        delay / 2
        + (root_delay / 2 + root_dispersion) * 1e9 / 65_536
        + 2.0 ** max(-30, min(0, precision)) * 1e9
        + OWN_PRECISION_NS
        + (came - sent) * ppm / 1e6
    )
    if left < arrived or distance > MOST_DISTANCE_NS:
        raise NoAnswer(f"{server}: too far from its reference")
    return Answer(
        server=server,
        zero_ns=((arrived - sent) + (left - came)) // 2,
        distance_ns=distance,
        at_ns=came,
        stratum=stratum,
        address=address,
        leap=leap in (_INSERTED, _DELETED),
    )


def unix_ns(stamp: int) -> int:
    """An NTP timestamp as nanoseconds since 1970. The next era of NTP begins in 2036."""
    seconds, fraction = stamp >> 32, stamp & 0xFFFF_FFFF
    if seconds < UNIX:
        seconds += ERA
    return (seconds - UNIX) * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)
