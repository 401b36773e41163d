"""Letters that programs carry without changing an octet, and one that every program carries."""

import random

HEAD = (
    "From: Clerk <clerk@sender.test>\r\nTo: saraban@demo.test\r\nDate: Fri, 20 Nov 2026 10:00:00 +0700\r\n"
    "Subject: {name}\r\nMessage-ID: <{name}@sender.test>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)
THAI = "เรียน ผู้อำนวยการ\r\n\r\nขอนำส่งหนังสือตามที่แนบ\r\n"


def letter(name: str, body: bytes) -> bytes:
    """A letter with a header that nobody adds anything to."""
    return HEAD.format(name=name).encode() + body


def noise(octets: int) -> bytes:
    """Lines of base64's length, unlike each other, as of a scanned document."""
    text = random.Random(octets).randbytes(octets // 2 + 1).hex().encode()
    return b"".join(text[at : at + 76] + b"\r\n" for at in range(0, octets, 78))[: octets - 2] + b"\r\n"


ORDERLY = {
    "plain": letter("plain", b"body\r\n"),
    "dots": letter("dots", b".\r\n..\r\n.x\r\n...\r\n.\r\nend\r\n"),
    "thai": letter("thai", THAI.encode()),
    "blanks": letter("blanks", b"a \t\r\n \r\n\r\n\r\n"),
    "from": letter("from", b"From me to you\r\n"),
    "lines": letter("lines", (b"x" * 900 + b"\r\n") * 50),
    "large": letter("large", noise(1_500_000)),
}
"""CRLF at every line's end, no line over 998 octets: no program has a reason to touch these."""

LONG_LINES = {"long": letter("long", b"y" * 5_000 + b"\r\n" + b".z" * 100_000 + b"\r\n")}
"""Lines as real mail has them and RFC 5322 forbids; Postfix and Exim break or refuse them."""

ODD = {
    "bare": letter("bare", b"a\nb\rc\r\n\n"),
    "nul": letter("nul", b"a\0b\r\n"),
    "unended": letter("unended", b"the end"),
    "octets": letter("octets", bytes(range(256)) * 64),
}
"""What only BDAT carries as it is."""
