"""Whether a process is still there, without mistaking another that got its number."""

from pathlib import Path

_STATE, _START = 0, 19
"""Fields of /proc/<pid>/stat behind the name in brackets (proc(5): fields 3 and 22)."""


def started(pid: int) -> int | None:
    """When a process started, in the kernel's ticks since boot; None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(b")")[2].split()
    return None if fields[_STATE] in (b"Z", b"X") else int(fields[_START])


def alive(pid: int, since: int | None = None) -> bool:
    """Whether the process runs; with `since`, whether it is the one that started then."""
    found = started(pid)
    return found is not None and (since is None or since == found)
