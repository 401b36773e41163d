"""One question to a time server (RFC 5905, client mode), and which of several answers to believe.

Times are measured against CLOCK_BOOTTIME, which nobody steps: an answer says what UTC was when that clock read zero.
The transmit field is a random number that the server must give back, so that nobody off the path can answer for it;
ntplib does not check that, and measures against the clock that is in question.
"""

import secrets
import socket
import struct
import time
from collections.abc import Sequence

from msgspec import Struct

UNIX = 2_208_988_800
"""Seconds from the NTP epoch (1900) to ours."""

ERA = 1 << 32

_PACKET = struct.Struct("!BBbb II4s QQQQ")
_VERSION, _CLIENT, _SERVER = 4, 3, 4
_ALARM = 3
"""Leap indicator of a server that is not synchronised itself."""

MOST_DISTANCE_NS = 1_500_000_000
"""RFC 5905, MAXDIST: a server further from the reference than this tells nothing."""


class NoAnswer(Exception):  # noqa: N818 - what happened
    """The server does not answer, or its answer is worth nothing."""


class Answer(Struct, frozen=True, kw_only=True):
    """What one server said: at boot-time zero it was `zero_ns` (UTC), give or take `distance_ns`."""

    server: str
    zero_ns: int
    distance_ns: int
    at_ns: int
    """CLOCK_BOOTTIME when the answer came."""
    stratum: int

    def aged(self, now_ns: int, ppm: float) -> int:
        """The distance now: the host's own clock may have run wrong by `ppm` since."""
        return self.distance_ns + int((now_ns - self.at_ns) * ppm / 1e6)


def ask(server: str, host: str, port: int, timeout: float) -> Answer:
    """Ask one server; blocks, so call it in a thread.

    Raises:
        NoAnswer: none in `timeout` seconds, or none that can be believed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.settimeout(timeout)
            line.connect(address)  # others' datagrams do not arrive
            nonce = secrets.randbits(64)
            sent = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            line.send(_PACKET.pack(_VERSION << 3 | _CLIENT, 0, 0, 0, 0, 0, b"", 0, 0, 0, nonce))
            while True:
                reply = line.recv(1024)
                came = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                if len(reply) >= _PACKET.size and _PACKET.unpack_from(reply)[8] == nonce:
                    return _read(server, reply, sent, came)
                if came - sent > timeout * 1e9:
                    raise NoAnswer(f"{server}: answers to questions that were not asked")
    except OSError as error:
        raise NoAnswer(f"{server}: {error}") from error


def _read(server: str, reply: bytes, sent: int, came: int) -> Answer:
    flags, stratum, _, precision, root_delay, root_dispersion, kiss, _, _, received, transmitted = _PACKET.unpack_from(
        reply
    )
    if flags & 7 != _SERVER:
        raise NoAnswer(f"{server}: is no server")
    if stratum == 0:
        raise NoAnswer(f"{server}: refuses ({kiss.decode('ascii', 'replace').strip()})")
    if flags >> 6 == _ALARM or stratum > 15 or not transmitted:
        raise NoAnswer(f"{server}: is not synchronised")
    arrived, left = _unix_ns(received), _unix_ns(transmitted)
    delay = max(0, (came - sent) - (left - arrived))
    reach = (root_delay + 2 * root_dispersion) * 1_000_000_000 // (2 * 65_536)
    distance = delay // 2 + reach + int(2.0 ** max(-30, min(0, precision)) * 1e9)
    if left < arrived or distance > MOST_DISTANCE_NS:
        raise NoAnswer(f"{server}: too far from its reference")
    return Answer(
        server=server,
        zero_ns=((arrived - sent) + (left - came)) // 2,
        distance_ns=distance,
        at_ns=came,
        stratum=stratum,
    )


def _unix_ns(stamp: int) -> int:
    seconds, fraction = stamp >> 32, stamp & 0xFFFF_FFFF
    if seconds < UNIX:
        seconds += ERA  # the next era begins in 2036
    return (seconds - UNIX) * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)


def agreeing(answers: Sequence[Answer], now_ns: int, ppm: float) -> list[Answer]:
    """The largest set of answers that can all be true at once (Marzullo), nearest first; empty where none is larger.

    Each answer is an interval; where most of them overlap, the truth is taken to be.
    """
    edges: list[tuple[int, int, int]] = []
    for number, answer in enumerate(answers):
        distance = answer.aged(now_ns, ppm)
        edges += [(answer.zero_ns - distance, 0, number), (answer.zero_ns + distance, 1, number)]
    best: set[int] = set()
    open_now: set[int] = set()
    for _, closing, number in sorted(edges):
        if closing:
            open_now.discard(number)
            continue
        open_now.add(number)
        if len(open_now) > len(best):
            best = set(open_now)
    return sorted((answers[number] for number in best), key=lambda answer: answer.aged(now_ns, ppm))
