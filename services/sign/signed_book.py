"""What a worker knows of one book: its end, the digests behind its last signed heads. Pure: no clock, no streams."""

import hashlib
from array import array
from collections import deque
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from contracts.chain import first_link
from contracts.receipt import Head
from contracts.values import Digest

KEPT_ROWS: Final = 1_024
"""Rows whose digests a book keeps. A receipt of an older one is answered from the streams (heads.py)."""

KEPT_HEADS: Final = 3

_OCTETS: Final = 32


class BookChangedError(Exception):
    """The book does not go on from its last signed head: it was changed behind it. Nothing more of it is signed."""


class End(NamedTuple):
    """A place of the chain: the message at `sequence` is the `length`-th of its book."""

    sequence: int
    length: int
    link: bytes


class Before(NamedTuple):
    """What a receipt says of the rows before its own: the newest signed head, and the digests from there on."""

    head: Head | None
    between: tuple[Digest, ...]


class _HasPrevious(Struct):
    previous: Digest


_PREVIOUS: Final = msgspec.json.Decoder(_HasPrevious)


def fold(link: bytes, digests: bytes) -> bytes:
    """The link after bodies with these digests (32 octets each) behind the one whose link is `link`."""
    for at in range(0, len(digests), _OCTETS):
        link = hashlib.sha256(link + digests[at : at + _OCTETS]).digest()
    return link


def previous_of(body: bytes) -> bytes:
    """What a row says is the link before it. Raises BookChangedError where it says nothing."""
    try:
        return bytes.fromhex(_PREVIOUS.decode(body).previous)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BookChangedError("a message of it is no row") from error


def book_of(checkpoint: str) -> str:
    """The book's subject, from that of its checkpoints."""
    return "register.v1.entered." + checkpoint.removeprefix("sign.v1.checkpoint.")


def checkpoints_of(book: str) -> str:
    """The subject of a book's checkpoints."""
    return "sign.v1.checkpoint." + book.removeprefix("register.v1.entered.")


class SignedBook:
    """One book as far as it was read."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.end = End(0, 0, bytes.fromhex(first_link(subject)))
        self.changed = ""
        """Why it is not signed any more; empty while all is well."""
        self._base = self.end
        self._sequences = array("Q")
        self._digests = bytearray()
        self._heads: deque[Head] = deque()
        self._whole = True  # no head was let go, and there was none before what is kept

    @property
    def head(self) -> Head | None:
        """The newest signed head that is known."""
        return self._heads[-1] if self._heads else None

    @property
    def unsigned(self) -> int:
        """How many rows lie behind the newest signed head."""
        return self.end.length - (self._heads[-1].length if self._heads else 0)

    def resume(self, head: Head, sequence: int) -> None:
        """Go on behind a signed head; its row lies at `sequence`."""
        self.end = self._base = End(sequence, head.length, bytes.fromhex(head.link))
        self._whole = False
        self._heads.append(head)

    def append(self, sequence: int, body: bytes) -> None:
        """The next message of the book; one that is known already changes nothing.

        Raises:
            BookChangedError: it does not go on from the one before it.
        """
        if sequence <= self.end.sequence:
            return
        if previous_of(body) != self.end.link:
            raise BookChangedError(f"message {sequence} of REGISTER does not go on from message {self.end.sequence}")
        digest = hashlib.sha256(body).digest()
        self._sequences.append(sequence)
        self._digests += digest
        self.end = End(sequence, self.end.length + 1, fold(self.end.link, digest))
        if len(self._sequences) > KEPT_ROWS:
            self._let_go(KEPT_ROWS // 2)

    def take(self, head: Head) -> bool:
        """Note a head that was signed, here or elsewhere. False: it lies beyond what was read here.

        Raises:
            BookChangedError: it is another book's, or this one was changed.
        """
        if head.length > self.end.length:
            return False
        known = self._link(head.length)
        if known is not None and known != bytes.fromhex(head.link):
            raise BookChangedError(f"its head of {head.length} messages was signed with another link")
        newest = self.head
        if newest is None or head.length > newest.length:
            self._heads.append(head)
        elif head.length == newest.length and head.token is not None:
            self._heads[-1] = head
        while len(self._heads) > KEPT_HEADS:
            self._heads.popleft()
            self._whole = False
        if not self._whole and self._heads[0].length > self._base.length:
            self._let_go(self._heads[0].length - self._base.length)
        return True

    def before(self, sequence: int) -> Before | None:
        """The newest head before the row at `sequence`, and the digests between them; None: not known here."""
        if self.changed or self.end.sequence < sequence:
            return None
        head = next((head for head in reversed(self._heads) if self._sequence(head.length) < sequence), None)
        if head is None:
            return Before(None, ()) if self._whole else None
        begins = head.length - self._base.length
        if begins < 0:
            return None
        ends = begins
        while ends < len(self._sequences) and self._sequences[ends] < sequence:
            ends += 1
        return Before(
            head,
            tuple(self._digests[at : at + _OCTETS].hex() for at in range(begins * _OCTETS, ends * _OCTETS, _OCTETS)),
        )

    def _sequence(self, length: int) -> int:
        """Where the `length`-th message lies; 0 where it is older than what is kept."""
        at = length - self._base.length
        return self._base.sequence if at == 0 else self._sequences[at - 1] if at > 0 else 0

    def _link(self, length: int) -> bytes | None:
        at = length - self._base.length
        return fold(self._base.link, bytes(self._digests[: at * _OCTETS])) if at >= 0 else None

    def _let_go(self, count: int) -> None:
        count = min(count, len(self._sequences))
        if not count:
            return
        gone = bytes(self._digests[: count * _OCTETS])
        self._base = End(self._sequences[count - 1], self._base.length + count, fold(self._base.link, gone))
        del self._sequences[:count]
        del self._digests[: count * _OCTETS]
        while self._heads and self._heads[0].length < self._base.length and len(self._heads) > 1:
            self._heads.popleft()
        self._whole = False
