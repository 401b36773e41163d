"""What this host's kernel says of its own clock: the time, the error bound if a daemon disciplines it, the rate.

`adjtimex(2)` with nothing to change needs no rights. Where a sandbox forbids it, there is the time alone.
"""

import ctypes
import time

from msgspec import Struct

_STA_UNSYNC, _STA_NANO = 0x0040, 0x2000
_TIME_OOP, _TIME_ERROR = 3, 5
_TICK_US = 10_000
"""Nominal microseconds of a tick; a daemon that slews fast changes it."""

APART_NS = 100_000
"""Two clocks read further apart than this are read again."""


class Host(Struct, frozen=True, kw_only=True):
    """The clocks of this host, read at one moment."""

    utc_ns: int
    """CLOCK_REALTIME."""
    boot_ns: int
    """CLOCK_BOOTTIME: nobody steps it; a daemon that slews the host's time slews it too."""
    raw_ns: int
    """CLOCK_MONOTONIC_RAW: nobody touches it; it stands while the host sleeps."""
    rate_ppm: float = 0.0
    """By how much the kernel lets CLOCK_BOOTTIME run faster than the raw one."""
    bound_ns: int | None = None
    """The kernel's own error bound; None where no daemon disciplines the clock."""
    leaping: bool = False
    """An inserted leap second is just passing: the same second of UTC is counted twice."""


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as it is read; the kernel writes 208 octets of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("fraction", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_long * 23),
    )


_adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex


def read_host() -> Host:
    """Read the clocks, in a few microseconds. Never blocks."""
    for _ in range(3):
        boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        raw_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        utc_ns = time.time_ns()
        if time.clock_gettime_ns(time.CLOCK_BOOTTIME) - boot_ns < APART_NS:
            break  # otherwise the process lost the processor between the readings, and they look apart
    # After the time, not before: whoever steps the clock takes its bound away, so a stepped time never has the old one.
    timex = _Timex()
    state = _adjtimex(ctypes.byref(timex))
    if state < 0:
        return Host(utc_ns=utc_ns, boot_ns=boot_ns, raw_ns=raw_ns)
    bound_ns: int | None = None
    if state != _TIME_ERROR and not timex.status & _STA_UNSYNC:
        bound_ns = timex.maxerror * 1_000 + abs(timex.offset) * (1 if timex.status & _STA_NANO else 1_000)
    return Host(
        utc_ns=utc_ns,
        boot_ns=boot_ns,
        raw_ns=raw_ns,
        rate_ppm=timex.freq / 65_536 + (timex.tick - _TICK_US) * 1e6 / _TICK_US,
        bound_ns=bound_ns,
        leaping=state == _TIME_OOP,
    )


def disturbed_ns(then: Host, now: Host) -> int:
    """How far CLOCK_BOOTTIME went astray between two readings: a slew of the host's clock, or a sleep.

    In a sleep the kernel adds what the battery clock says, which is right to a second at best; the raw clock stands.
    """
    expected = (now.raw_ns - then.raw_ns) * (1 + then.rate_ppm / 1e6)
    return abs(now.boot_ns - then.boot_ns - round(expected))
