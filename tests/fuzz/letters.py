"""Where a letter ends and what its octets are, from RFC 5321 section 4.1.1.4 and 4.5.2; it uses no code of ours."""

import re
from typing import Final

END: Final = b"\r\n.\r\n"
HOPS: Final = 100
_LINE_END: Final = re.compile(rb"(\r\n|\r|\n)")
_HEADER_END: Final = re.compile(rb"\n\r?\n")
_RECEIVED: Final = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


def of_data(octets: bytes) -> tuple[bytes, int] | None:
    """The octets on the wire with the end of DATA, begun at a line's start; and where they end. None: no end."""
    wire = b"\r\n" + octets
    at = wire.find(END)
    if at < 0:
        return None
    return wire[2 : at + len(END)], at + len(END) - 2


def unstuffed(wire: bytes) -> bytes:
    """The letter: without the last line, its lines without the dot that was put before a dot."""
    lines = wire.split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])


def lone_dot(wire: bytes) -> bool:
    """Whether a line is a dot alone for anybody who takes CR or LF for a line end, while it is none by the RFC.

    `wire` begins at a line's start and ends at a line's end. A lone dot between CRLFs is the end of DATA (or, in a
    chunk, a line that the next server stuffs), and harmless.
    """
    words = _LINE_END.split(b"\r\n" + wire)  # text, end, text, end, ..., text
    return any(
        words[at] == b"." and (words[at - 1], words[at + 1]) != (b"\r\n", b"\r\n") for at in range(2, len(words) - 1, 2)
    )


def lone_dot_in_chunks(letter: bytes) -> bool:
    """The same for a letter that came counted: whoever hands it on by DATA ends its last line."""
    return lone_dot(letter if letter.endswith(b"\r\n") else letter + b"\r\n")


def loops(letter: bytes) -> bool:
    """Whether it has gone over more than HOPS servers (RFC 5321 section 6.3)."""
    end = _HEADER_END.search(b"\n" + letter)
    return len(_RECEIVED.findall(letter[: end.start()] if end else letter)) > HOPS
