"""The process that children are forked from. Started by forks.py.

It has loaded what children need, reads nothing of any letter, and gives a child a life of its own within milliseconds;
starting one from nothing takes a second of processor time, which a flood of letters that end their children would cost
all others. It ends when its connection does, and its children with it.
"""

import contextlib
import gc
import importlib
import logging
import os
import select
import signal
import socket
import struct
import sys
import traceback
from encodings import aliases

from services.sign import child, sandbox

MESSAGE = struct.Struct(">BIi")
"""What is done or has happened, the child's number, and a value; both ways."""
READY, BORN, ENDED = 1, 2, 3
"""To sign. BORN: the value is the process id; ENDED: its exit code, or minus the signal that ended it."""
FORK, KILL, YIELD = 4, 5, 6
"""From sign. FORK comes with two sockets: frames, standard error. YIELD: let every other process go first."""

PRELOADED = (
    "services.sign.signatures",
    "services.sign.smime",
    "services.sign.tnef",
    "services.sign.pdf_text",
    "services.sign.pictures",
    "services.sign.tnef",
    "services.sign.authentication",
    "cryptography.hazmat.backends.openssl.backend",
    *(
        f"encodings.{name}"
        for name in (*sorted(set(aliases.aliases.values())), "idna", "punycode", "raw_unicode_escape")
    ),
)
"""What letters need; the rest is loaded by the child that needs it, where its walls let it read libraries."""


class ForkServer:
    """Forks, reaps and ends children as it is told."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._pids: dict[int, int] = {}
        self._wakeup, self._signalled = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the connection ends."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        self._say(READY)
        try:
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if self._wakeup in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wakeup, 4096)
                self._reap()
                if self._control.fileno() in ready and not self._obey():
                    return
        finally:
            for pid in self._pids.values():
                os.kill(pid, signal.SIGKILL)

    def _obey(self) -> bool:
        octets, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE.size, 2)
        while 0 < len(octets) < MESSAGE.size and (more := self._control.recv(MESSAGE.size - len(octets))):
            octets += more
        if len(octets) < MESSAGE.size:
            return False
        order, number, _ = MESSAGE.unpack(octets)
        if order == FORK:
            self._fork(number, *descriptors)
        elif (pid := self._pids.get(number)) is not None:  # not reaped yet: the id is nobody else's
            if order == KILL:
                os.kill(pid, signal.SIGKILL)
                _schedule(pid, os.SCHED_OTHER)  # else it would keep its memory until nobody wants the processor
            elif order == YIELD:
                _schedule(pid, os.SCHED_IDLE)
        return True

    def _fork(self, number: int, frames: int, errors: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            os.write(errors, f"cannot fork: {error.strerror}\n".encode())
            pid = -1
        if pid == 0:
            self._be_a_child(frames, errors)
        os.close(frames)
        os.close(errors)
        if pid < 0:
            return self._say(ENDED, number, 1)
        self._pids[number] = pid
        return self._say(BORN, number, pid)

    def _be_a_child(self, frames: int, errors: int) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(frames, 0)  # where the control connection was: a child has no hold on its siblings
            os.dup2(frames, 1)
            os.dup2(errors, 2)
            for descriptor in (frames, errors, self._wakeup, self._signalled, self._control.detach()):
                if descriptor > 2:
                    os.close(descriptor)
            child.main()
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends here and never runs its parent's code
            traceback.print_exc(limit=-8, file=sys.stderr)
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for number, pid in list(self._pids.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                del self._pids[number]
                self._say(ENDED, number, os.waitstatus_to_exitcode(status))

    def _say(self, what: int, number: int = 0, value: int = 0) -> None:
        self._control.sendall(MESSAGE.pack(what, number, value))


def _schedule(pid: int, policy: int) -> None:
    """SCHED_IDLE is behind all others in fact: with a niceness a letter beside seven such children took twice as long,
    since the kernel did not take their processors for free ones. Back is for whoever may (LimitNICE=).
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, policy, os.sched_param(0))


def main() -> None:
    """Load everything, then serve the connection on standard input."""
    logging.disable(logging.CRITICAL)  # libraries write about letters; a service log is no place for their content
    sandbox.end_with_parent()
    sandbox.go_first()
    for name in PRELOADED:
        with contextlib.suppress(ImportError):  # an encoding of another system
            importlib.import_module(name)
    from services.sign import hex_strings
    from services.sign.authentication import organizational_domain

    organizational_domain("saraban.example")  # reads the list of public suffixes
    hex_strings.install()
    gc.collect()
    gc.freeze()  # the libraries' own objects: no collection looks at them, so children go on sharing their pages
    with socket.socket(fileno=0) as control, contextlib.suppress(ConnectionError):
        ForkServer(control).run()


if __name__ == "__main__":
    main()
