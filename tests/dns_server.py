"""A real DNS server for a test: dnsmasq on a free port of the loopback, authoritative for what it is told."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from tests.servers import free_port
from tests.waiting import until_sync


@contextmanager
def dns_server(
    folder: Path,
    texts: Mapping[str, Sequence[str]],
    hosts: Mapping[str, str] | None = None,
    more: Sequence[str] = (),
) -> Iterator[str]:
    """Serve TXT records (name to records) and A records until the end of the block; the place is HOST:PORT.

    `more` are lines of dnsmasq's own configuration, such as `mx-host=…`.
    """
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin")
    assert program
    lines = ["no-resolv", "no-hosts", "bind-interfaces", "listen-address=127.0.0.1", "local=/#/", "user="]
    for name, records in texts.items():
        lines += [f"txt-record={name},{_strings(record)}" for record in records]
    lines += [f"host-record={name},{address}" for name, address in (hosts or {}).items()]
    lines += more
    port = free_port()
    configuration = folder / "dnsmasq.conf"
    configuration.write_text("\n".join([*lines, f"port={port}", ""]))
    process = subprocess.Popen(
        [program, "--no-daemon", f"--conf-file={configuration}", "--pid-file"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        until_sync(lambda: _answers(port, process), 10)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def silent_dns_server() -> Iterator[str]:
    """A port that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def _strings(record: str) -> str:
    """One TXT record; DNS strings hold 255 octets each."""
    return ",".join('"' + record[start : start + 250] + '"' for start in range(0, len(record), 250))


def _answers(port: int, process: "subprocess.Popen[bytes]") -> bool:
    if process.poll() is not None:
        assert process.stderr
        raise AssertionError(process.stderr.read().decode())
    try:
        dns.query.udp(dns.message.make_query("ready.test", dns.rdatatype.A), "127.0.0.1", timeout=0.2, port=port)
    except (OSError, dns.exception.Timeout):
        return False
    return True
