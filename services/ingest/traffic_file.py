"""The traffic log on disk: a file for each day of Thai time, one JSON object a line, in the order of writing.

Several processes append to the same file, each a batch of whole lines in one write. A line that a crash or a full disk
cut stays alone: whoever appends next ends it first, and a reader passes over what it cannot read. The files hold
personal data: only their owner may look.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from contracts.values import BANGKOK

_NAME: Final = re.compile(r"traffic-(\d{4}-\d\d-\d\d)\.jsonl", re.ASCII)
_THAI_NS: Final = int(BANGKOK.utcoffset(None).total_seconds()) * 1_000_000_000
_DAY_NS: Final = 86_400_000_000_000
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Line(Struct, frozen=True, kw_only=True):
    """What a peer asked, and what it was answered."""

    at: str
    """When, by the central clock; RFC 3339 in UTC with microseconds."""
    peer: str
    helo: str
    tls: str
    stage: str
    """mail, rcpt or data: the command that was answered."""
    sender: str
    recipients: tuple[str, ...]
    reply: str
    size: int = 0
    mails: tuple[str, ...] = ()
    """The `<mail>` of each agency, where the letter was kept."""
    message_id: str = ""


class CutError(OSError):
    """Not everything was written: so many of the lines are."""

    def __init__(self, lines: int, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.lines = lines


def day_of(utc_ns: int) -> date:
    """The day of Thai time that an instant belongs to."""
    return date.fromordinal(_EPOCH + (utc_ns + _THAI_NS) // _DAY_NS)


def path_of(folder: Path, day: date) -> Path:
    """The file of a day."""
    return folder / f"traffic-{day.isoformat()}.jsonl"


def append(folder: Path, day: date, lines: Sequence[Line]) -> None:
    """Write lines behind those that are there, at one go.

    Raises OSError where nothing was written, CutError where the disk had no room for all of it.
    """
    encoded = [_encoded(line) + b"\n" for line in lines]
    file = _opened(path_of(folder, day))
    try:
        fcntl.flock(file, fcntl.LOCK_EX)  # the size that another process is just writing towards ends in no line end
        size = os.fstat(file).st_size
        begin = b"\n" if size and os.pread(file, 1, size - 1) != b"\n" else b""
        block = begin + b"".join(encoded)
        done = 0
        try:
            while done < len(block):  # more than once only where the disk is full
                done += os.write(file, block[done:] if done else block)
        except OSError as error:
            if not done:
                raise
            raise CutError(_whole(encoded, done - len(begin)), error) from error
    finally:
        os.close(file)


def remove_old(folder: Path, today: date, days: int) -> list[Path]:
    """Remove the files of days that are more than `days` past; whatever has another name stays."""
    removed: list[Path] = []
    last = today - timedelta(days=days)
    for path, day in files(folder):
        if day < last:
            path.unlink(missing_ok=True)  # another process of ours may have been quicker
            removed.append(path)
    return removed


def files(folder: Path) -> list[tuple[Path, date]]:
    """The files that are there, oldest day first."""
    found: list[tuple[Path, date]] = []
    for path in folder.iterdir() if folder.is_dir() else ():
        name = _NAME.fullmatch(path.name)
        if name is None:
            continue
        try:
            found.append((path, date.fromisoformat(name[1])))
        except ValueError:
            continue  # no day of the calendar: not ours
    return sorted(found, key=lambda each: each[1])


def read(path: Path, having: str = "") -> Iterator[Line]:
    """The lines of a file that hold `having` somewhere; half a line of a process that died is passed over."""
    wanted = msgspec.json.encode(having)[1:-1]
    with path.open("rb") as file:
        for octets in file:
            if wanted not in octets:
                continue
            try:
                yield _DECODER.decode(octets)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Line)


def _encoded(line: Line) -> bytes:
    try:
        return _ENCODER.encode(line)
    except UnicodeEncodeError:  # octets that are no text, such as in the reply of another server
        fields = {name: _text(value) for name, value in msgspec.structs.asdict(line).items()}
        return _ENCODER.encode(Line(**fields))


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return tuple(map(_text, value)) if isinstance(value, tuple) else value


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _whole(encoded: Sequence[bytes], octets: int) -> int:
    """How many of the lines lie within the first so many octets."""
    count = 0
    for line in encoded:
        octets -= len(line)
        if octets < 0:
            break
        count += 1
    return count
