"""The PROXY header: what proxy-protocol.txt says, every beginning of it, and what is none."""

import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.proxy_header import (
    BLOCK_OCTETS,
    HEADER_OCTETS,
    SIGNATURE,
    Introduction,
    MalformedError,
    read,
    written,
)

PORTS = struct.pack("!HH", 56324, 25)
FOUR = socket.inet_pton(socket.AF_INET, "203.0.113.7") + socket.inet_pton(socket.AF_INET, "192.0.2.2") + PORTS
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::2") + PORTS
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:203.0.113.7") + socket.inet_pton(socket.AF_INET6, "::1") + PORTS
EXTRA = b"\x04\x00\x03abc"  # PP2_TYPE_NOOP
CHECKSUM = b"\x03\x00\x04\xfd\x16\xee\x7c"  # PP2_TYPE_CRC32C, which we need not look at


def second(kind: int, family: int, block: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", kind, family, len(block) if length is None else length) + block


GOOD = {
    # Section 2.1, its own examples among them
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": "255.255.255.255",
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n": "192.168.0.1",
    b"PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".replace(
        b"ffff:f...f:ffff", b":".join([b"ffff"] * 8)
    ): ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n": "2001:db8::7",
    b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n": "203.0.113.7",
    b"PROXY UNKNOWN\r\n": "",
    b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n": "",
    b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n": "",
    # Section 2.2
    second(0x21, 0x11, FOUR): "203.0.113.7",
    second(0x21, 0x11, FOUR + EXTRA + CHECKSUM): "203.0.113.7",
    second(0x21, 0x21, SIX): "2001:db8::7",
    second(0x21, 0x21, SIX + EXTRA): "2001:db8::7",
    second(0x21, 0x21, MAPPED): "203.0.113.7",
    second(0x21, 0x11, FOUR + bytes(BLOCK_OCTETS - len(FOUR))): "203.0.113.7",
    second(0x20, 0x00, b""): "",
    second(0x20, 0x11, FOUR): "",
    second(0x21, 0x00, b""): "",
    second(0x21, 0x00, EXTRA): "",
}

BAD = [
    b"EHLO client.test\r\n",
    b"P\r\n",
    b"PROXX",
    b"proxy TCP4 203.0.113.7 192.0.2.2 1 2\r\n",
    b" PROXY TCP4 203.0.113.7 192.0.2.2 1 2\r\n",
    b"\r\n\r\n\x00\r\nQUIX",
    b"\r\n\r\nPROXY",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4 203.0.113.7 192.0.2.2 1\r\n",
    b"PROXY TCP4 203.0.113.7 192.0.2.2 1 2 3\r\n",
    b"PROXY TCP4  203.0.113.7 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 203.0.113.7 192.0.2.2 x 2\r\n",
    b"PROXY TCP4 203.0.113.7\x00 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 203.0.113 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 203.0.113.007 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
    b"PROXY TCP6 203.0.113.7 192.0.2.2 1 2\r\n",
    b"PROXY TCP5 203.0.113.7 192.0.2.2 1 2\r\n",
    b"PROXY UDP4 203.0.113.7 192.0.2.2 1 2\r\n",
    b"PROXY UNKNOWN " + b"x" * 200,
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",  # one octet beyond the 107
    second(0x11, 0x11, FOUR),  # version 1 in the form of version 2
    second(0x31, 0x11, FOUR),
    second(0x22, 0x11, FOUR),  # a command that is none
    second(0x21, 0x12, FOUR),  # UDP
    second(0x21, 0x31, bytes(216)),  # a UNIX socket
    second(0x21, 0x41, FOUR),
    second(0x21, 0x10, FOUR),
    second(0x21, 0x11, FOUR[:11]),  # shorter than its addresses
    second(0x21, 0x21, SIX[:35]),
    second(0x21, 0x11, FOUR, BLOCK_OCTETS + 1),
]


@pytest.mark.parametrize(("header", "address"), GOOD.items(), ids=lambda value: repr(value)[:60])
def test_a_header_names_the_client(header: bytes, address: str) -> None:
    assert read(header) == Introduction(address, len(header))
    assert read(bytearray(header + b"EHLO client.test\r\n")) == Introduction(address, len(header)), "what follows it"


@pytest.mark.parametrize("header", GOOD, ids=lambda value: repr(value)[:60])
def test_every_beginning_of_a_header_waits_for_more(header: bytes) -> None:
    for octets in range(len(header)):
        assert read(header[:octets]) is None, octets


@pytest.mark.parametrize("data", BAD, ids=lambda value: repr(value)[:60])
def test_what_is_no_header_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read(data)


def test_a_stranger_is_known_by_the_first_octet() -> None:
    for octet in range(256):
        first = bytes([octet])
        if first in (b"P", b"\r"):
            assert read(first) is None
        else:
            with pytest.raises(MalformedError):
                read(first)


def said(data: bytes) -> Introduction | str | None:
    try:
        return read(data)
    except MalformedError:
        return "malformed"


NEARLY = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda rest: b"PROXY " + rest),
    st.binary(max_size=200).map(lambda rest: b"PROXY TCP4 " + rest + b"\r\n"),
    st.binary(max_size=200).map(lambda rest: SIGNATURE + rest),
    st.tuples(st.sampled_from(sorted(GOOD)), st.integers(0, 60), st.binary(min_size=1, max_size=2)).map(
        lambda made: made[0][: made[1]] + made[2] + made[0][made[1] + len(made[2]) :]
    ),
)


@given(NEARLY, st.integers(0, 200))
def test_octets_that_come_later_change_no_mind(data: bytes, cut: int) -> None:
    """Whatever comes, and however it is cut into packets: the same answer, and it is never anything else."""
    early, late = said(data[:cut]), said(data)
    assert early is None or early == late
    if isinstance(late, Introduction):
        assert 0 < late.octets <= len(data)
        assert not late.address or str(ipaddress.ip_address(late.address)) == late.address


@given(NEARLY)
def test_nobody_waits_for_ever(data: bytes) -> None:
    assert said(data + bytes(HEADER_OCTETS + BLOCK_OCTETS)) is not None


@given(st.ip_addresses(), st.ip_addresses())
def test_what_we_write_is_read_back(address: ipaddress.IPv4Address, towards: ipaddress.IPv4Address) -> None:
    header = written(str(address), str(towards))
    mapped = getattr(address, "ipv4_mapped", None)
    assert read(header) == Introduction(str(mapped or address), len(header))
