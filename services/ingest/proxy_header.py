"""The PROXY header (version 1 and 2 of HAProxy's proxy-protocol.txt): a load balancer says who its client is.

Read only from networks that the operator named: anybody else could give himself a trusted address with it. Written
towards a next hop that wants it (mode shared).
"""

import struct
from ipaddress import ip_address
from typing import Final, NamedTuple

from services.ingest.networks import parsed

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
LINE_OCTETS: Final = 107
"""Of version 1 (section 2.1)."""
HEADER_OCTETS: Final = 16
BLOCK_OCTETS: Final = 2_048
"""Of version 2 behind its header: addresses and what else a balancer tells; more is nobody's header."""

_ADDRESSES: Final = {1: 4, 2: 16}  # address family to octets of an address: AF_INET, AF_INET6
_STREAM: Final = 1
_LOCAL, _PROXY = 0, 1


class MalformedError(ValueError):
    """What came is no PROXY header."""


class Introduction(NamedTuple):
    """A whole header."""

    address: str
    """The client's address; empty where the balancer speaks for itself (a health check) or does not know it."""
    octets: int
    """How long the header is."""


def read(data: bytes | bytearray) -> Introduction | None:
    """Read the header at the beginning of `data`; None while more of it has to come. Raises MalformedError."""
    begins = bytes(data[: len(SIGNATURE)])
    if begins == SIGNATURE:
        return _version_2(data)
    if SIGNATURE.startswith(begins):
        return None
    if begins[:6] == b"PROXY "[: len(begins)]:
        return _version_1(data)
    raise MalformedError("neither version")


def written(address: str, towards: str) -> bytes:
    """Version 2, for the client at `address`, to be sent to the server at `towards` before anything else."""
    source, destination = parsed(address), parsed(towards)
    if source is None:
        return SIGNATURE + struct.pack("!BBH", 2 << 4 | _PROXY, 0, 0)
    if destination is None or destination.version != source.version:
        destination = ip_address("0.0.0.0" if source.version == 4 else "::")  # noqa: S104 - no address to listen on: the one that the client reached is in no address family of its own
    places = source.packed + destination.packed
    family = (1 if source.version == 4 else 2) << 4 | _STREAM
    return SIGNATURE + struct.pack("!BBH", 2 << 4 | _PROXY, family, len(places) + 4) + places + bytes(4)


def _version_1(data: bytes | bytearray) -> Introduction | None:
    end = data.find(b"\r\n", 0, LINE_OCTETS)
    if end < 0:
        if len(data) >= LINE_OCTETS:
            raise MalformedError("no end of line")
        return None
    words = bytes(data[:end]).decode("latin-1").split(" ")
    match words:
        case ["PROXY", "UNKNOWN", *_]:
            return Introduction("", end + 2)
        case ["PROXY", "TCP4" | "TCP6" as family, source, _, port, _] if port.isdigit():
            place = parsed(source)
            if place is None or (":" in source) != (family == "TCP6"):
                raise MalformedError("its address does not fit its family")
            return Introduction(str(place), end + 2)
    raise MalformedError("its line has another form")


def _version_2(data: bytes | bytearray) -> Introduction | None:
    if len(data) < HEADER_OCTETS:
        return None
    kind, family, length = struct.unpack_from("!BBH", data, len(SIGNATURE))
    version, command = kind >> 4, kind & 15
    if version != 2 or command not in (_LOCAL, _PROXY) or length > BLOCK_OCTETS:
        raise MalformedError("version, command or length")
    whole = HEADER_OCTETS + length
    if len(data) < whole:
        return None
    if command == _LOCAL or family == 0:
        return Introduction("", whole)
    octets = _ADDRESSES.get(family >> 4)
    if octets is None or family & 15 != _STREAM or length < 2 * octets + 4:
        raise MalformedError("neither TCP over IPv4 nor over IPv6")
    return Introduction(_text(bytes(data[HEADER_OCTETS : HEADER_OCTETS + octets])), whole)


def _text(octets: bytes) -> str:
    groups = ".".join(map(str, octets)) if len(octets) == 4 else octets.hex(":", 2)
    return str(parsed(groups))
