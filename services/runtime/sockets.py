"""Listening sockets that outlive the process which serves them: one that supervises binds them and hands them over.

A connection that comes while nobody accepts waits in the socket's backlog; the kernel refuses none as long as any
process holds the socket. Ours are handed by SARABAN_LISTEN_FDS, systemd's come by LISTEN_FDS (sd_listen_fds(3)).
"""

import os
import socket
from collections.abc import Iterable, MutableMapping
from typing import Final

HANDED: Final = "SARABAN_LISTEN_FDS"
"""Descriptors of the sockets a process shall serve, separated by commas."""
BACKLOG: Final = 1_024
"""Connections that may wait; the kernel's own bound (net.core.somaxconn) may be lower."""
SYSTEMD_FIRST: Final = 3


def bind(host: str, port: int, *, ours: bool = False) -> list[socket.socket]:
    """Listen on every address of a host, so that others of ours may share it (SO_REUSEPORT).

    That option alone would let two systems share one port and its mail without a word. Unless the port is `ours`
    already, it is first tried without.

    Raises:
        OSError: the address is taken, not this host's, or not allowed.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    made: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            place = (address[0], made[0].getsockname()[1] if made and not port else port, *address[2:])
            if place[1] and not ours:
                _made(family, place, shared=False).close()
            made.append(_made(family, place, shared=True))
    except OSError:
        close(made)
        raise
    return made


def _made(family: int, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier run linger
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        # At once: only a port that is listened on is taken in the eyes of whoever comes second.
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def handed(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets that a supervisor handed to this process, once; no child of ours gets them."""
    return _adopted(map(int, filter(None, environ.pop(HANDED, "").split(","))))


def activated(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets that systemd listens on for this process, once."""
    count, wanted = environ.pop("LISTEN_FDS", "0"), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if wanted != str(os.getpid()) or not count.isdigit():
        return []
    return _adopted(range(SYSTEMD_FIRST, SYSTEMD_FIRST + int(count)))


def _adopted(descriptors: Iterable[int]) -> list[socket.socket]:
    found = []
    for descriptor in descriptors:
        one = socket.socket(fileno=descriptor)
        one.set_inheritable(False)
        one.setblocking(False)
        found.append(one)
    return found


def close(some: Iterable[socket.socket]) -> None:
    """Close them here; whoever else holds them goes on listening."""
    for one in some:
        one.close()
