"""Many sessions at once over real sockets, each from its own address of the loopback: one thread, one epoll."""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.fuzz.sessions import Session

AT_ONCE: Final = 48
PATIENT_SECONDS: Final = 0.003
DEADLINE_SECONDS: Final = 60.0
READ_OCTETS: Final = 262_144


@dataclass
class Heard:
    """What became of a session on the wire."""

    session: Session
    octets: bytes
    hung: bool
    """The server neither answered nor closed."""


class _Connection:
    def __init__(self, session: Session, port: int) -> None:
        self.session = session
        self.heard = bytearray()
        self.began = time.monotonic()
        self.quiet_until = 0.0
        self.patient = session.pace == "patient"
        self._packets = deque(session.packets())
        self._unsent = b""
        self.sending = True
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((session.source, 0))
        self.socket.connect_ex(("127.0.0.1", port))

    def send(self) -> None:
        """Send one packet, or what is left of it; at the end the client closes its sending side, or leaves."""
        try:
            if not self._unsent and self._packets:
                self._unsent = self._packets.popleft()
            if self._unsent:
                sent = self.socket.send(self._unsent)
                self._unsent = self._unsent[sent:]
            self.quiet_until = time.monotonic() + PATIENT_SECONDS
            if not self._unsent and not self._packets:
                self.sending = False
                if not self.session.cut:
                    self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            self.quiet_until = time.monotonic() + PATIENT_SECONDS
        except OSError:
            self.sending = False  # it has closed; what it said before is still to be read

    def receive(self) -> bool:
        """Read; False once the server has closed."""
        try:
            octets = self.socket.recv(READ_OCTETS)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.heard += octets
        self.quiet_until = 0.0
        return bool(octets)

    def leave(self) -> None:
        """Close; a reset where that was meant."""
        if self.session.ending == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def speak(sessions: Iterator[Session], port: int) -> Iterator[Heard]:
    """Speak all sessions, AT_ONCE at a time; yields each as it ends."""
    epoll = select.epoll()
    open_: dict[int, _Connection] = {}
    try:
        while True:
            while len(open_) < AT_ONCE and (session := next(sessions, None)) is not None:
                connection = _Connection(session, port)
                open_[connection.socket.fileno()] = connection
                events = select.EPOLLIN if connection.patient else select.EPOLLIN | select.EPOLLOUT
                epoll.register(connection.socket.fileno(), events)
            if not open_:
                return
            yield from _turn(epoll, open_)
    finally:
        for connection in open_.values():
            connection.socket.close()
        epoll.close()


def _turn(epoll: select.epoll, open_: dict[int, _Connection]) -> Iterator[Heard]:
    ready = dict(epoll.poll(PATIENT_SECONDS))
    now = time.monotonic()
    for number, connection in tuple(open_.items()):
        event = ready.get(number, 0)
        alive = True
        if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            alive = connection.receive()
        due = connection.quiet_until <= now if connection.patient else event & select.EPOLLOUT
        if alive and connection.sending and due:
            connection.send()
            if not connection.sending:
                epoll.modify(number, select.EPOLLIN)
        hung = now - connection.began > DEADLINE_SECONDS
        if not alive or hung or (connection.session.cut and not connection.sending):
            epoll.unregister(number)
            del open_[number]
            connection.leave()
            yield Heard(connection.session, bytes(connection.heard), hung)
