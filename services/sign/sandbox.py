"""Walls around the child: no network, no other process, no file but libraries and fonts, so much memory and time.

All by what an unprivileged process may do to itself on Linux: resource limits, a network namespace where the host
permits one, Landlock where the kernel has it, and a seccomp filter, which without Landlock lets no file be opened at
all. Which walls stand is said, since a host may refuse all but the limits.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys

from services.sign import landlock

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # the denial is EPERM
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000
_statm = -1

# Network: socket connect bind listen accept accept4, io_uring_setup (pairs of sockets stay: the loop wakes by one).
_NETWORK = {"x86_64": (41, 42, 49, 50, 43, 288, 425), "aarch64": (198, 203, 200, 201, 202, 242, 425)}
# Opening files: open openat openat2 open_by_handle_at.
_OPENING = {"x86_64": (2, 257, 437, 304), "aarch64": (56, 437, 265)}
# New processes and threads, whose memory nobody would count: fork vfork clone clone3.
_FORKING = {"x86_64": (57, 58, 56, 435), "aarch64": (220, 435)}
# Other processes: execve execveat kill tkill pidfd_open pidfd_getfd pidfd_send_signal ptrace process_vm_readv _writev.
_PROCESSES = {
    "x86_64": (59, 322, 62, 200, 434, 438, 424, 101, 310, 311),
    "aarch64": (221, 281, 129, 130, 434, 438, 424, 117, 270, 271),
}
# Files: unlink* rename* rmdir truncate chmod* chown*, and mount setns unshare.
_FILES = {
    "x86_64": (87, 263, 82, 264, 316, 84, 76, 90, 268, 452, 92, 260, 165, 308, 272),
    "aarch64": (35, 38, 276, 45, 53, 452, 54, 40, 268, 97),
}
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

NAMESPACE, FILES, FILTER = "network namespace", "files", "system call filter"
WALLS = (NAMESPACE, FILES, FILTER)


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def end_with_parent() -> None:
    """From now on the kernel ends this process when its parent ends."""
    if sys.platform.startswith("linux"):
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # it ended before it was asked for


def go_first() -> None:
    """Where the host runs out of memory, the kernel takes this process and its children before any other."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 - the kernel's
        score.write("1000")


def raise_walls(memory_bytes: int, *, use_landlock: bool = True, programs: bool = False) -> tuple[str, ...]:
    """Raise every wall the host permits, for the rest of this process; the names of those that stand.

    With `programs` it may become another program, which may read files and start more, behind the other walls.
    """
    global _statm  # the process's own, which cannot be opened from behind the walls
    for kind, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        _, hard = resource.getrlimit(kind)
        wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (wanted, wanted))
    if not sys.platform.startswith("linux"):
        return ()
    with contextlib.suppress(OSError):
        _statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)
    standing = []
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        standing.append(NAMESPACE)
    end_with_parent()  # after the change of namespace, which takes the wish back
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return tuple(standing)
    confined = use_landlock and not programs and landlock.restrict(libc)
    filtered = _filter(libc, opening=confined or programs, programs=programs)
    if confined or (filtered and not programs):
        standing.append(FILES)
    if filtered:
        standing.append(FILTER)
    return tuple(standing)


def allow_seconds(seconds: float) -> None:
    """From now on the process may use so much processor time; beyond it the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def resident_bytes() -> int:
    """Memory of this process that is in use, after giving back what the allocator keeps."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        return int(os.pread(_statm, 200, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _filter(libc: ctypes.CDLL, *, opening: bool, programs: bool) -> bool:
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        return False
    forbidden = (*_NETWORK[machine], *_FILES[machine])
    if programs:
        forbidden += _PROCESSES[machine][2:]  # all but the first two, which become another program
    else:
        forbidden += (*_PROCESSES[machine], *_FORKING[machine])
    if not opening:
        forbidden += _OPENING[machine]
    count = len(forbidden)
    program = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_JUMP_GREATER_EQUAL, count + 1, 0, _X32),
        *((_JUMP_EQUAL, count - index, 0, number) for index, number in enumerate(forbidden)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    instructions = (_Instruction * len(program))(*(_Instruction(*line) for line in program))
    return bool(
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_Program(len(program), instructions)), 0, 0) == 0
    )
