"""Processor time of one step of an examination: a file that takes too much costs its own verdict, not the letter's.

The kernel's limit of the whole letter (sandbox.py) stands behind it, also for what libraries written in C do.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STEP_SECONDS = 10.0
"""Most processor time of one step: 32 signatures of one file take a second or two."""
_AGAIN_SECONDS = 0.5


class StepTimeError(BaseException):
    """The step took too long. No `Exception`: libraries that catch everything would take it for a wrong signature."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `StepTimeError` from within, once so much processor time is used; an outer limit goes on behind it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals; the child has no other
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise StepTimeError

    before = signal.signal(signal.SIGPROF, over)
    # Again and again: where it is raised in a destructor, it is lost.
    left, _ = signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, left, _AGAIN_SECONDS if left else 0)
        signal.signal(signal.SIGPROF, before)
