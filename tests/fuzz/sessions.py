"""Generated SMTP sessions. One is made from a seed and its number alone, so that it can be made again.

A session is a list of fragments (the inputs that are counted): command lines good, odd and damaged, bodies of DATA with
every hostile line end, chunks of BDAT with right and wrong lengths, random octets. Nothing here knows what the answers
will be: a fragment that ends the session, or swallows those behind it, is as welcome as any other.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final, Literal

Ending = Literal["quit", "eof", "reset", "close"]
Pace = Literal["burst", "cuts", "patient"]

ADDRESSES: Final = (
    b"saraban@demo.test", b"SARABAN@Demo.Test", b"saraban@two.test", b"saraban@three.test", b"saraban_01@local.test",
    b"saraban_02@local.test", b'"saraban"@demo.test', b'"sara\\ban"@two.test', b"saraban@demo.test.",
    b"@one.test,@two.test:saraban@demo.test",
)  # fmt: skip
STRANGERS: Final = (
    b"nobody@demo.test", b"saraban@elsewhere.test", b"saraban%elsewhere.test@demo.test", b"", b"postmaster", b"@",
    b"saraban", b"saraban@", b"@demo.test", b"a b@demo.test", b'"saraban@demo.test', b"saraban@demo.test@two.test",
    b'"saraban@demo.test"@elsewhere.test', b"saraban@[127.0.0.1]", b"saraban(comment)@demo.test",
    b"sara..ban@demo.test",
    b"saraban@demo.test\0", b"saraban@demo.test\r", b"<saraban@demo.test", b"x" * 70 + b"@demo.test", b"x" * 1200,
    "สารบรรณ@ตัวอย่าง.ไทย".encode(), "saraban@demo。test".encode(), b"saraban@demo.test>,<saraban@two.test",
    b"\xff@demo.test",
)  # fmt: skip
SENDERS: Final = (
    b"", b"a@client.test", b"a.b+c@client.test", b'"a b"@client.test', b"@relay.test:a@client.test", b"a@[192.0.2.1]",
    b"a@[IPv6:2001:db8::1]", b"a", b"a@", b"a@b@c", b'"a@client.test', b"a\0@client.test", b"\xe0\xb8\x81@client.test",
    b"\xff@client.test", b"a@client.test\t", b"a@client..test", b"y" * 2000 + b"@client.test",
)  # fmt: skip
GOOD_SENDERS: Final = 3
MAIL_WORDS: Final = (
    b"SIZE=100", b"size=999999", b"SIZE=1000001", b"SIZE=99999999999999999999999", b"SIZE=-1", b"SIZE=", b"SIZE",
    b"BODY=8BITMIME", b"BODY=7BIT", b"BODY=BINARYMIME", b"SMTPUTF8", b"SMTPUTF8=1", b"RET=FULL", b"RET=HDRS", b"RET=X",
    b"ENVID=QQ+2B1", b"ENVID=a+b", b"AUTH=<>", b"X=\xff", b"=", b"SIZE=10\x0bBODY=7BIT", b"\tSIZE=1",
)  # fmt: skip
RCPT_WORDS: Final = (
    b"NOTIFY=NEVER", b"NOTIFY=SUCCESS,FAILURE", b"NOTIFY=NEVER,DELAY", b"ORCPT=rfc822;a@b.test", b"ORCPT=",
    b"ORCPT=\xff\xfe",
    b"ORCPT=utf-8;\xe0\xb8\x81", b"ORCPT=rfc822;a\x01b", b"RRVS=x", b"NOTIFY", b"ORCPT=" + b"o" * 600,
)  # fmt: skip
PLAIN: Final = (b"NOOP", b"RSET", b"HELP", b"VRFY saraban", b"NOOP with words", b"noop", b"VRFY", b"rset ", b"NOOP\t")
ODD: Final = (
    b"", b" ", b"\0", b".", b"..", b"EXPN list", b"ETRN demo.test", b"TURN", b"SEND FROM:<a@b.test>", b"RSET now",
    b"DATA now",
    b"AUTH PLAIN AGEAYQ==", b"XCLIENT ADDR=192.0.2.1", b"STARTTLS now", b"HELO", b"EHLO", b"EHLO \x01", b"EHLO a\tb",
    b"EHLO  x y",
    b"HELO [127.0.0.1]", "EHLO ตัวอย่าง.ไทย".encode(), b"MAIL", b"RCPT", b"MAIL FROM", b"RCPT FROM:<a@b>",
    b"MAIL TO:<a@b>",
    b"QUIT now", b"MAIL FROM:", b"RCPT TO:", b"NOOP " + b"n" * 600, b"NOOP " + b"n" * 4100, b"RSET \x0b", b"DATA\x0c",
    b"MAILFROM:<>",
)  # fmt: skip
HOSTILE: Final = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r\n\0.\r\n",
    b"\r\n.\0\r\n", b"\r\r\n.\r\r\n",
    b"\r\n..\r\n", b"\r\n. \r\n", b"\r\n.x", b"\r\n..", b"\r\n.\n\r\n", b"\xc2\x85.\xc2\x85",
    b"\xe2\x80\xa8.\xe2\x80\xa8", b"\x0b.\x0b", b"\0",
)  # fmt: skip
PIECES: Final = (
    b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b".", b"..", b"\0", b" ", b"word", b"Subject: x\r\n", b"\r\n\r\n",
    b"QUIT\r\n", b"RSET\r\n",
    b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<saraban@two.test>\r\nDATA\r\n", b"BDAT 10 LAST\r\n", b"\xff\xfe",
    "ก".encode(),
)  # fmt: skip
LINE_ENDS: Final = (b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n", b"\0\r\n")
LENGTHS: Final = (
    b"-1", b"+5", b"0x10", b"1e2", b"", b"LAST", b"99999999999999999999", b"999999999999999999999999", b"2000001",
    b"5 FIRST", b"5 LAST x", b"5LAST",
    b" 5", b"5\t", b"00000000000000000005", "๕".encode(),
)  # fmt: skip


@dataclass(frozen=True)
class Introduction:
    """The PROXY header of a session that comes through a load balancer."""

    octets: bytes
    good: bool
    address: str
    """Who the peer is after it; empty: the balancer itself."""


@dataclass(frozen=True)
class Session:
    """What one client sends, and how."""

    seed: int
    number: int
    fragments: tuple[bytes, ...]
    pace: Pace
    ending: Ending
    part: float
    """How much of it is sent before a reset or close."""
    introduction: Introduction | None

    @property
    def source(self) -> str:
        """Where it comes from: an address of the loopback that no other session has."""
        first = 0x7F800000 if self.introduction else 0x7F010000
        return str(IPv4Address(first + self.number % 0x700000))

    @property
    def peer(self) -> str:
        """Who the events must say it was."""
        return (self.introduction and self.introduction.address) or self.source

    @property
    def stream(self) -> bytes:
        """Every octet behind the introduction."""
        return b"".join(self.fragments)

    @property
    def cut(self) -> bool:
        """Whether the client leaves without listening to the end."""
        return self.ending in ("reset", "close")

    def packets(self) -> list[bytes]:
        """The octets as they are handed to the socket, one packet after the other."""
        rng = random.Random(f"{self.seed}/{self.number}/packets")
        whole = (self.introduction.octets if self.introduction else b"") + self.stream
        if self.cut:
            whole = whole[: int(len(whole) * self.part)]
        if self.pace == "burst":
            return [whole]
        most = max(rng.choice((1, 3, 20, 200, 1500)), len(whole) // (25 if self.pace == "patient" else 150))
        packets, at = [], 0
        while at < len(whole):
            size = rng.randint(1, most)
            packets.append(whole[at : at + size])
            at += size
        return packets

    def without(self, fragment: int, count: int = 1) -> "Session":
        """The same session with fewer fragments."""
        return replace(self, fragments=self.fragments[:fragment] + self.fragments[fragment + count :])


def make(seed: int, number: int, *, large: bool = True) -> Session:
    """Make the session of this number; without `large` none of its letters is long."""
    rng = random.Random(f"{seed}/{number}")
    out: list[bytes] = []
    if rng.random() < 0.95:
        out.append(_line(rng, b"EHLO client.test" if rng.random() < 0.9 else b"HELO client.test"))
    for _ in range(min(200, int(rng.expovariate(1 / 25)) + 1)):
        rng.choices(_KINDS, _WEIGHTS)[0](rng, out, large)
    ending: Ending = rng.choices(("quit", "eof", "reset", "close"), (80, 12, 5, 3))[0]
    if ending == "quit":
        out.append(b"QUIT\r\n")
    pace: Pace = rng.choices(("burst", "cuts", "patient"), (60, 30, 10))[0]
    introduction = _introduction(rng, number) if rng.random() < 0.08 else None
    return Session(seed, number, tuple(out), pace, ending, rng.random(), introduction)


def _line(rng: random.Random, text: bytes) -> bytes:
    """A command line; now and then damaged."""
    if rng.random() < 0.025:
        text = _damaged(rng, text)
    return text + (b"\r\n" if rng.random() < 0.99 else rng.choice(LINE_ENDS))


def _damaged(rng: random.Random, text: bytes) -> bytes:
    octets = bytearray(text)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(octets) + 1)
        match rng.randrange(4):
            case 0:
                octets[at:at] = bytes([rng.choice(b'\0\r\n\t .<>@"\\:\x7f\x80\xff')])
            case 1:
                del octets[at : at + rng.randint(1, 4)]
            case 2:
                octets[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                octets[at:at] = octets[: rng.randint(0, len(octets))]
    return bytes(octets)


def _mail(rng: random.Random) -> bytes:
    sender = rng.choice(SENDERS[:GOOD_SENDERS] if rng.random() < 0.92 else SENDERS)
    words = [rng.choice(MAIL_WORDS) for _ in range(rng.randint(1, 3))] if rng.random() < 0.1 else []
    form = rng.choices((b"MAIL FROM:<%s>", b"mail from:<%s>", b"MAIL FROM: <%s>", b"MAIL FROM:%s"), (85, 8, 5, 2))[0]
    return _line(rng, b" ".join([form % sender, *words]))


def _rcpt(rng: random.Random) -> bytes:
    to = rng.choice(ADDRESSES if rng.random() < 0.92 else STRANGERS)
    words = [rng.choice(RCPT_WORDS) for _ in range(rng.randint(1, 2))] if rng.random() < 0.06 else []
    form = rng.choices((b"RCPT TO:<%s>", b"rcpt to:<%s>", b"RCPT TO: <%s>", b"RCPT TO:%s"), (85, 8, 5, 2))[0]
    return _line(rng, b" ".join([form % to, *words]))


def _content(rng: random.Random, large: bool) -> bytes:
    """Octets of a letter, hostile or not."""
    chance = rng.random()
    if chance < 0.25:
        return b"".join(rng.choice(PIECES) for _ in range(rng.randint(0, 30)))
    if chance < 0.4:
        plain = [b"Subject: x\r\n\r\n", b"body" * rng.randint(0, 9), b"\r\n"]
        plain.insert(rng.randint(0, 3), rng.choice(HOSTILE))
        return b"".join(plain)
    if chance < 0.43:
        return bytes(rng.randrange(256) for _ in range(rng.randint(0, 300)))
    if chance < 0.44:
        return b"Received: from a by b; x\r\n" * rng.choice((99, 100, 101, 130)) + b"Subject: loop\r\n\r\nbody\r\n"
    if large and chance < 0.445:
        line = b"0123456789abcde" * rng.choice((4, 66, 4000)) + b"\r\n"
        return b"Subject: large\r\n\r\n" + line * (rng.choice((70_000, 400_000, 990_000, 1_000_100)) // len(line))
    if chance < 0.46:
        return b"X: " + b"y" * rng.choice((990, 998, 1000, 5000, 66_000)) + b"\r\nSubject: long\r\n\r\n"
    return b"Message-ID: <%d@client.test>\r\nSubject: x\r\n\r\nbody\r\n..dot\r\n" % rng.randrange(1_000_000)


def _begin(rng: random.Random, out: list[bytes]) -> None:
    if rng.random() < 0.3:
        out.append(b"RSET\r\n")
    out.append(_mail(rng))
    out.extend(_rcpt(rng) for _ in range(rng.choice((1, 1, 1, 2, 3, 5))))


def _letter(rng: random.Random, out: list[bytes], large: bool) -> None:
    """A transaction with DATA."""
    _begin(rng, out)
    out.append(_line(rng, b"DATA"))
    content = _content(rng, large)
    end = rng.choices((b".\r\n", b"\r\n.\r\n", b"", b"\n.\n", b"\r\n.\r"), (70, 20, 4, 3, 3))[0]
    out.append(content + end)


def _chunks(rng: random.Random, out: list[bytes], large: bool) -> None:
    """A transaction with BDAT."""
    _begin(rng, out)
    count = rng.choice((1, 1, 2, 3))
    for number in range(1, count + 1):
        content = b"" if rng.random() < 0.1 else _content(rng, large)
        out.append(_chunk(rng, content, last=number == count))


def _chunk(rng: random.Random, content: bytes, *, last: bool) -> bytes:
    word = b"BDAT" if rng.random() < 0.9 else b"bdat"
    chance = rng.random()
    if chance < 0.006:
        return b"%s %s\r\n%s" % (word, rng.choice(LENGTHS), content)
    length = len(content)
    if chance < 0.06:
        length = max(0, length + rng.choice((-5, -2, -1, 1, 2, 5, 40)))
    return b"%s %d%s\r\n%s" % (word, length, rng.choice((b" LAST", b" last", b"  LAST")) if last else b"", content)


def _lone_chunk(rng: random.Random, out: list[bytes], large: bool) -> None:
    out.append(_chunk(rng, _content(rng, large), last=rng.random() < 0.5))


def _plain(rng: random.Random, out: list[bytes], large: bool) -> None:
    out.append(_line(rng, rng.choice(PLAIN)))


def _odd(rng: random.Random, out: list[bytes], large: bool) -> None:
    out.append(_line(rng, rng.choice(ODD)))


def _again(rng: random.Random, out: list[bytes], large: bool) -> None:
    out.append(_line(rng, rng.choice((b"EHLO again.test", b"HELO again.test", b"DATA", b"MAIL FROM:<a@client.test>"))))


def _lone(rng: random.Random, out: list[bytes], large: bool) -> None:
    out.append(_mail(rng) if rng.random() < 0.4 else _rcpt(rng))


def _noise(rng: random.Random, out: list[bytes], large: bool) -> None:
    noise = bytes(rng.randrange(256) for _ in range(rng.randint(1, 60)))
    out.append(noise + rng.choice((b"", b"\r\n", b"\r\n", b"\n")))


def _starttls(rng: random.Random, out: list[bytes], large: bool) -> None:
    out.append(_line(rng, b"STARTTLS"))


def _words(rng: random.Random, out: list[bytes], large: bool) -> None:
    """Lines that look like another protocol."""
    out.append(rng.choice((b"GET / HTTP/1.1\r\n", b"Subject: x\r\n", b"POST /x HTTP/1.0\r\nHost: y\r\n")))


def _quit(rng: random.Random, out: list[bytes], large: bool) -> None:
    out.append(_line(rng, b"QUIT"))


_Kind = Callable[[random.Random, list[bytes], bool], None]
_KINDS: Final[tuple[_Kind, ...]] = (
    _letter, _chunks, _lone_chunk, _plain, _odd, _again, _lone, _noise, _starttls, _words, _quit
)  # fmt: skip
_WEIGHTS: Final = (18, 14, 2.5, 25, 14, 8, 16, 3, 0.15, 0.15, 0.15)


def _introduction(rng: random.Random, number: int) -> Introduction:
    """A PROXY header, version 1 or 2, good or damaged."""
    client = IPv4Address(0x0A000000 + number % 0xFFFFFF)
    signature = b"\r\n\r\n\x00\r\nQUIT\n"
    places = client.packed + IPv4Address("192.0.2.25").packed + struct.pack("!HH", 40000, 25)
    good = (
        (b"PROXY TCP4 %s 192.0.2.25 40000 25\r\n" % str(client).encode(), str(client)),
        (b"PROXY UNKNOWN\r\n", ""),
        (signature + struct.pack("!BBH", 0x21, 0x11, len(places)) + places, str(client)),
        (signature + struct.pack("!BBH", 0x21, 0x11, len(places) + 5) + places + b"\x04\0\x02ab", str(client)),
        (signature + struct.pack("!BBH", 0x20, 0, 0), ""),
    )
    bad = (
        b"PROXY TCP4 999.0.0.1 192.0.2.25 1 25\r\n", b"PROXY TCP6 192.0.2.1 192.0.2.25 1 25\r\n", b"PROXY TCP4\r\n",
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n", b"EHLO client.test\r\n", b"proxy UNKNOWN\r\n", b"\0\0\0\0",
        signature + struct.pack("!BBH", 0x31, 0x11, len(places)) + places,
        signature + struct.pack("!BBH", 0x21, 0x11, 4) + places[:4],
        signature + struct.pack("!BBH", 0x21, 0x12, len(places)) + places,
        signature + struct.pack("!BBH", 0x21, 0x11, 60_000) + places,
    )  # fmt: skip
    if rng.random() < 0.7:
        octets, address = rng.choice(good)
        return Introduction(octets, True, address)
    return Introduction(rng.choice(bad), False, "")
