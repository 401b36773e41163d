"""What a supervisor is asked by signals: to end, to read its configuration again."""

import asyncio
import os
import signal
from collections.abc import Callable


class Asked:
    """SIGTERM and SIGINT: end, at the second time at once. SIGHUP: read the configuration again.

    A terminal that is closed sends SIGHUP as well; then everything ends.
    """

    def __init__(self, at_once: Callable[[], None]) -> None:
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        self._at_once = at_once
        self._on_terminal = _terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # nohup
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _end(self) -> None:
        if self.stop.is_set():
            self._at_once()  # asked twice: whoever asks means it
        self.stop.set()

    def _hang_up(self) -> None:
        if self._on_terminal and not _terminal():
            self._end()
        else:
            self.reload.set()


def _terminal() -> bool:
    """Whether this process belongs to a terminal at this moment."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
