"""A DNS server as the settings name it. It needs dnspython, so only who asks the DNS itself imports this."""

import socket

import dns.nameserver

from services.runtime.config import host_port


def nameserver(server: str) -> dns.nameserver.Nameserver:
    """HOST or HOST:PORT (IPv6 in brackets where a port follows); a name is looked up once, now.

    Raises:
        ValueError: it has another form, or no such host is found.
    """
    host, port = host_port(server, default=53)
    try:
        address = str(socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4][0])
    except OSError as error:
        raise ValueError(f"{server!r}: no such host") from error
    return dns.nameserver.Do53Nameserver(address, port)
