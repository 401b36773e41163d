"""Attempts on disk while NATS is away: JSON lines in a bounded file that belongs to one process at a time.

Several ingest processes share a folder, and one that died may have left a file: each takes the first name that nobody
holds the lock of, and what lies in the other files that nobody holds.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from contracts import codec
from contracts.mail import MailAttempted

NAMES: Final = 256


class AttemptsFile:
    """The file of this process. Its methods block; call them in a thread."""

    def __init__(self, path: Path, limit: int) -> None:
        """Take the first free name after `path`: `attempts.jsonl`, `attempts.1.jsonl` ….

        Raises OSError where the folder cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = path
        self._limit = limit
        self.path, self._file = next(self._free())
        self._end_line()
        self._take_over()

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._size() == 0

    def append(self, events: Sequence[MailAttempted]) -> int:
        """Write events, synced; return how many of them there was room for."""
        room = self._limit - self._size()
        lines: list[bytes] = []
        for event in events:
            line = codec.encode(event) + b"\n"
            room -= len(line)
            if room < 0:
                break
            lines.append(line)
        self._write(b"".join(lines))
        return len(lines)

    def read(self) -> list[MailAttempted]:
        """Everything that waits."""
        self._file.seek(0)
        return list(_events(self._file))

    def clear(self) -> None:
        """Forget everything that `read` returned."""
        self._file.truncate(0)
        self._file.seek(0)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go; what is in it stays."""
        self._file.close()

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _write(self, octets: bytes) -> None:
        self._file.seek(0, os.SEEK_END)
        self._file.write(octets)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _end_line(self) -> None:
        """Whoever died in the middle of a line must not spoil the next one."""
        size = self._size()
        if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":
            self._write(b"\n")

    def _take_over(self) -> None:
        for path in self._base.parent.glob(f"{self._base.stem}*{self._base.suffix}"):
            found = _locked(path) if path != self.path else None
            if found is None:
                continue  # somebody is alive and holds it
            with found:
                self._write(found.read() + b"\n")
                path.unlink()

    def _free(self) -> Iterator[tuple[Path, IO[bytes]]]:
        for number in range(NAMES):
            path = self._base.with_name(f"{self._base.stem}.{number}{self._base.suffix}") if number else self._base
            found = _locked(path)
            if found is not None:
                yield path, found
        raise OSError(f"{self._base}: {NAMES} files of that name are all in use")


def _locked(path: Path) -> IO[bytes] | None:
    """Open and lock a file; None where another process holds it."""
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever took it over may have removed it between our open and our lock.
        if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            file.seek(0)
            return file
    except BlockingIOError:
        pass
    file.close()
    return None


def _events(lines: IO[bytes]) -> Iterator[MailAttempted]:
    for line in lines:
        if not line.strip():
            continue
        try:
            yield codec.decode(line, MailAttempted)
        except codec.UndecodableError:
            continue  # half a line of a process that died while it wrote
