"""Files that a process may still read, by Landlock (Linux 5.13 and later; see landlock(7)): libraries and fonts.

Everything else in the file system is out of reach: settings, keys, letters, other processes' /proc.
"""

import ctypes
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_ROOT = Path(__file__).resolve().parents[2]
_SHARED = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/fonts", "/usr/share/zoneinfo")


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def readable() -> Iterator[Path]:
    """Folders that stay readable: Python's and the system's libraries, this program, fonts."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name))
    yield from (_ROOT / "services", _ROOT / "contracts")
    yield from map(Path, _SHARED)


def restrict(libc: ctypes.CDLL) -> bool:
    """Let this process read `readable` files, and nothing else, for the rest of its life; False where the host cannot.

    Needs no_new_privs. Where the kernel knows how: no TCP connection, no signal to a process outside either.
    """
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    rules = _Ruleset((1 << rights) - 1, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    made = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if made < 0:
        return False
    try:
        for path in {path.resolve() for path in readable() if path.exists()}:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = _Beneath(_READ_FILE | _READ_DIR, opened)
                if libc.syscall(_ADD_RULE, made, _PATH_BENEATH, ctypes.byref(rule), 0) != 0:
                    return False
            finally:
                os.close(opened)
        return bool(libc.syscall(_RESTRICT_SELF, made, 0) == 0)
    except OSError:
        return False
    finally:
        os.close(made)
