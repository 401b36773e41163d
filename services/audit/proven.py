"""What an audit has proven, in a file: the next one goes on from there.

To trust it means: whoever can write this file can make an audit pass over what lies before its head, and what is
changed in place there, behind the back of the server, is not read again. Both are seen by an audit from the start,
which reads no file. Without it, the next audit begins at the start: nothing is lost but time.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from services.audit.beside import Expected
from services.audit.book import Book
from services.audit.heads import Published
from services.audit.letters import Place
from services.audit.moves import Half
from services.audit.orders import OrdersState
from services.audit.receipts import Page
from services.audit.report import Counts
from services.audit.seen import SeenState

FORM = 1
_DIGEST = 32


class Proven(Struct, kw_only=True):
    """Everything up to `register` holds; and what of it is still open."""

    form: int = FORM
    octets: Annotated[bool, Meta(description="Whether the letters were read whole.")]
    streams: Annotated[dict[str, str], Meta(description="When each stream was created: another store has other times.")]
    proven_at: str
    began: Annotated[str, Meta(description="When the audit from the start began that all of it goes back to.")]
    register: Annotated[int, Meta(description="Sequence of the newest message of REGISTER that was followed.")] = 0
    books: list[Book] = []
    beside: list[Expected] = []
    newest: Place = ("", 0)
    orders: OrdersState = msgspec.field(default_factory=OrdersState)
    halves: dict[int, Half] = {}
    pages: list[Page] = []
    published: dict[str, list[Published]] = {}
    seen: SeenState = msgspec.field(default_factory=SeenState)
    given_up: dict[int, bool] = {}
    refused: dict[int, str] = {}
    dead: int = 0
    receipts: int = 0
    heads: int = 0
    mails: int = 0
    counts: Counts = msgspec.field(default_factory=Counts)


class Keep:
    """The folder in which it lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "proven"

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Whether it is ours alone while this lasts: two audits must not write the same tables."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def load(self) -> Proven | None:
        """What was proven; None where there is nothing that can be read."""
        try:
            octets = self._file.read_bytes()
            if hashlib.sha256(octets[_DIGEST:]).digest() != octets[:_DIGEST]:
                return None
            found = msgspec.msgpack.decode(octets[_DIGEST:], type=Proven)
        except (OSError, msgspec.MsgspecError):
            return None
        return found if found.form == FORM else None

    def save(self, proven: Proven) -> None:
        """Put another in its place. Raises OSError, and what was there is still there then."""
        octets = msgspec.msgpack.encode(proven)
        fresh = self._file.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(hashlib.sha256(octets).digest() + octets)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)

    def drop(self) -> None:
        """Nothing is proven any more."""
        self._file.unlink(missing_ok=True)
