"""The fetcher against servers that do everything but answer: bounded, never led elsewhere, nothing asked twice."""

import asyncio
import socket
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast, get_args

import dns.flags
import dns.message
import dns.rrset
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prometheus_client import REGISTRY

from services.sign import fetch_addresses, fetcher, http_exchange, revocation_cache
from services.sign.fetch_questions import FETCHES, Cause, Kind, NotFetchedError
from services.sign.fetcher import Fetcher
from services.sign.resolver import Resolver
from services.sign.revocation_cache import RevocationCache
from tests.dns_server import dns_server, silent_dns_server
from tests.pki import make_root
from tests.revocation_server import Fault, RevocationServer, certify, revocation_server
from tests.waiting import until

SECONDS = 8.0
"""Half of it is for one answer; only what never answers takes so long."""
SOON = 1.0
OCTETS = 1 << 20
NO_DNS = "127.0.0.1:9"

REFUSED: dict[str, str] = {
    "loopback.test": "127.0.0.1",
    "loopback2.test": "127.1.2.3",
    "any.test": "0.0.0.0",
    "link-local.test": "169.254.169.254",
    "ten.test": "10.1.2.3",
    "private.test": "192.168.1.1",
    "carrier.test": "100.64.0.1",
    "multicast.test": "224.0.0.1",
    "loopback6.test": "::1",
    "mapped.test": "::ffff:127.0.0.1",
    "link-local6.test": "fe80::1",
    "unique-local.test": "fd00::1",
    "sixtofour.test": "2002:7f00:1::1",
    "nat64.test": "64:ff9b::7f00:1",
}


@asynccontextmanager
async def fetching(
    folder: Path, *hosts: str, dns: str = NO_DNS, seconds: float = SECONDS, cached: int = 8 << 20
) -> AsyncIterator[Fetcher]:
    resolver = Resolver([dns], 4.0)
    made = Fetcher(resolver, RevocationCache(folder, cached), seconds=seconds, octets=OCTETS, hosts=hosts)
    await made.open()
    try:
        yield made
    finally:
        await made.close()
        await resolver.close()


async def refused(made: Fetcher, url: str, kind: Kind = "crl", body: bytes = b"") -> Cause:
    with pytest.raises(NotFetchedError) as failed:
        await made.letter().fetch(kind, url, body)
    return failed.value.cause


@pytest.fixture
async def server() -> AsyncIterator[RevocationServer]:
    async with revocation_server() as made:
        yield made


@pytest.fixture
async def victim(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RevocationServer]:
    """Somebody on this machine, on the port that plain HTTP has as far as the rules know."""
    async with revocation_server() as made:
        monkeypatch.setattr(fetch_addresses, "PORTS", {"http": made.port, "https": 443})
        yield made


@contextmanager
def names(folder: Path) -> Iterator[str]:
    both = ["host-record=mixed.test,8.8.8.8", "host-record=mixed.test,127.0.0.1", "cname=alias.test,loopback.test"]
    with dns_server(folder, {}, REFUSED, both) as place:
        yield place


def count(kind: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("saraban_sign_fetches_total", {"kind": kind, "outcome": outcome}) or 0


@pytest.mark.parametrize("way", ["", "/chunked", "/to-the-end"])
async def test_an_answer_is_fetched_once_and_kept_over_a_restart(
    way: str, server: RevocationServer, tmp_path: Path
) -> None:
    octets = bytes(range(256)) * 300
    server.answers[way or "/"] = octets
    url, host = f"{server.url}{way}", f"127.0.0.1:{server.port}"
    before = count("crl", "fetched"), count("crl", "cached")
    async with fetching(tmp_path, host) as made:
        assert await made.letter().fetch("crl", url, b"") == octets
        assert await made.letter().fetch("crl", url, b"") == octets
    async with fetching(tmp_path, host) as made:
        assert await made.letter().fetch("crl", url, b"") == octets
    assert server.asked.total() == 1
    assert (count("crl", "fetched"), count("crl", "cached")) == (before[0] + 1, before[1] + 2)
    (head,) = server.heads
    assert b"accept-encoding: identity\r\n" in head.lower()
    assert b"authorization" not in head.lower()
    assert b"cookie" not in head.lower()


async def test_a_request_for_ocsp_is_posted_and_answers_are_kept_by_request(
    server: RevocationServer, tmp_path: Path
) -> None:
    server.answers["/"] = lambda body: body[::-1]
    async with fetching(tmp_path, f"127.0.0.1:{server.port}") as made:
        assert await made.letter().fetch("ocsp", server.url, b"one") == b"eno"
        assert await made.letter().fetch("ocsp", server.url, b"two") == b"owt"
        assert await made.letter().fetch("ocsp", server.url, b"one") == b"eno"
        assert server.asked.total() == 2
        assert await refused(made, server.url, "ocsp") == "address"
        assert await refused(made, server.url, "crl", b"body") == "address"
        assert await refused(made, server.url, "ocsp", bytes(5_000)) == "address"
    assert all(head.startswith(b"POST / HTTP/1.1") for head in server.heads)


FAULTS: dict[Fault, Cause] = {
    "black hole": "silent",
    "closes": "failed",
    "500": "failed",
    "redirect": "redirect",
    "endless": "size",
    "endless chunks": "size",
    "tiny chunks": "size",
    "drip": "silent",
    "drip of a head": "silent",
    "endless head": "size",
    "many fields": "size",
    "gzip bomb": "failed",
    "long by its own word": "size",
    "breaks off": "failed",
    "no HTTP": "failed",
    "two lengths": "failed",
}


async def test_every_fault_is_bounded_in_time_and_memory_and_not_asked_again(
    server: RevocationServer, victim: RevocationServer, tmp_path: Path
) -> None:
    """All at once, as hostile letters would; a good answer beside them comes all the same."""
    assert set(FAULTS) == set(get_args(Fault))
    server.answers["/good"] = b"good"
    server.location = f"http://127.0.0.1:{victim.port}/"
    for fault in FAULTS:
        server.faults[f"/{fault.replace(' ', '-')}"] = fault
    urls = {fault: f"{server.url}/{fault.replace(' ', '-')}" for fault in FAULTS}
    async with fetching(tmp_path, f"127.0.0.1:{server.port}", f"127.0.0.1:{victim.port}") as made:
        tracemalloc.start()
        try:
            asked = (refused(made, url) for url in urls.values())
            good, *causes = await asyncio.gather(made.letter().fetch("crl", f"{server.url}/good", b""), *asked)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert good == b"good"
        assert dict(zip(urls, causes, strict=True)) == FAULTS
        assert peak < 40 << 20, "of 16 answers of at most 1 MiB, two of them bombs of 64"
        before = server.connections
        again = await asyncio.gather(*(refused(made, url) for url in urls.values()))
        assert again == causes
        assert server.connections == before
    assert victim.connections == 0, "nobody was led there, although it may be asked"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//[::1]:{port}/",
        "/x",
    ],
)
async def test_a_redirect_is_not_followed_to_anywhere(
    location: str, server: RevocationServer, victim: RevocationServer, tmp_path: Path
) -> None:
    server.faults["/"] = "redirect"
    server.location = location.format(port=victim.port)
    async with fetching(tmp_path, f"127.0.0.1:{server.port}") as made:
        assert await refused(made, f"{server.url}/") == "redirect"
    assert (server.connections, victim.connections) == (1, 0)


@pytest.mark.system("dnsmasq-base")
async def test_names_that_lead_to_other_than_public_addresses_get_no_connection(
    victim: RevocationServer, tmp_path: Path
) -> None:
    with names(tmp_path) as place:
        async with fetching(tmp_path / "cache", dns=place) as made:
            for name in (*REFUSED, "mixed.test", "alias.test"):
                assert await refused(made, f"http://{name}/") == "address", name
            for name in ("nobody.test", "127.1", "0x7f000001", "2130706433"):
                assert await refused(made, f"http://{name}/") == "name", name
            assert await refused(made, "http://localhost/") in ("address", "name")
        # The same name and server, named by the operator: it was the rule that kept us away.
        victim.answers["/"] = b"answer"
        async with fetching(tmp_path / "cache", "loopback.test", dns=place) as made:
            assert victim.connections == 0
            assert await made.letter().fetch("crl", "http://loopback.test/", b"") == b"answer"


async def test_addresses_that_are_not_public_get_no_connection(victim: RevocationServer, tmp_path: Path) -> None:
    async with fetching(tmp_path) as made:
        for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"):
            assert await refused(made, f"http://{host}/") == "address", host
        assert await refused(made, f"http://127.0.0.1:{victim.port}/") == "address"
        assert await refused(made, "http://127.0.0.1:25/") == "address"
        assert await refused(made, "file:///etc/passwd") == "address"
    assert victim.connections == 0


@pytest.mark.system("dnsmasq-base")
async def test_by_https_certificate_and_name_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, (certificate, key) = make_root(), (tmp_path / "certificate.pem", tmp_path / "key.pem")
    own = certify(authority, host="127.0.0.1")
    certificate.write_bytes(own.certificate.public_bytes(Encoding.PEM))
    key.write_bytes(own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    known = ssl.create_default_context(cadata=authority.pem.decode())
    async with revocation_server(tls=context) as server:
        server.answers["/"] = b"answer"
        url, other = f"https://127.0.0.1:{server.port}/", f"https://localhost:{server.port}/"
        with dns_server(tmp_path, {}, {"localhost": "127.0.0.1"}) as place:
            hosts = (f"127.0.0.1:{server.port}", f"localhost:{server.port}")
            async with fetching(tmp_path / "cache", *hosts, dns=place) as made:
                assert await refused(made, url) == "failed", "nobody known stands for its certificate"
            monkeypatch.setattr(http_exchange, "tls", lambda: known)
            async with fetching(tmp_path / "cache", *hosts, dns=place) as made:
                assert await refused(made, other) == "failed", "its certificate is made out to another name"
                assert server.heads == []
                assert await made.letter().fetch("crl", url, b"") == b"answer"


async def test_settings_of_the_environment_for_proxies_are_not_heard(
    server: RevocationServer, victim: RevocationServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{victim.port}")
    server.answers["/"] = b"answer"
    async with fetching(tmp_path, f"127.0.0.1:{server.port}") as made:
        assert await made.letter().fetch("crl", f"{server.url}/", b"") == b"answer"
    assert victim.connections == 0


class Rebinding(asyncio.DatagramProtocol):
    """A DNS server that says another address each time it is asked."""

    def __init__(self) -> None:
        self.answers = ["127.0.0.1", "127.0.0.2"]
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        name = question.question[0].name
        if question.question[0].rdtype == dns.rdatatype.A:
            address = self.answers[min(self.asked, 1)]
            self.asked += 1
            answer.answer.append(dns.rrset.from_text(name, 0, "IN", "A", address))
        self._transport.sendto(answer.to_wire(), peer)


async def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    transport, rebinding = await loop.create_datagram_endpoint(Rebinding, ("127.0.0.1", 0))
    place = "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    async with revocation_server() as first, revocation_server("127.0.0.2", first.port) as second:
        first.answers["/"] = b"answer"
        async with fetching(tmp_path, f"rebinding.test:{first.port}", dns=place) as made:
            assert await made.letter().fetch("crl", f"http://rebinding.test:{first.port}/", b"") == b"answer"
        assert rebinding.asked == 1
        assert (first.connections, second.connections) == (1, 0)
    transport.close()


async def test_this_machine_by_its_own_public_address_is_asked_nothing(
    victim: RevocationServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its public address is public by every list; the connection itself tells that both ends are here."""
    monkeypatch.setattr(fetch_addresses, "public", lambda address: True)
    async with fetching(tmp_path) as made:
        assert await refused(made, f"http://127.0.0.1:{victim.port}/") == "address"
    assert victim.heads == []


async def test_a_dns_that_is_silent_costs_its_time_and_no_more(tmp_path: Path) -> None:
    with silent_dns_server() as place:
        async with fetching(tmp_path, dns=place, seconds=SOON) as made:
            assert await refused(made, "http://crl.example/") in ("name", "silent")
            assert await refused(made, "http://crl.example/") in ("name", "silent")


async def test_a_letter_may_ask_so_much_and_wait_so_long(server: RevocationServer, tmp_path: Path) -> None:
    server.answers |= {f"/{number}": b"answer" for number in range(FETCHES + 1)}
    server.faults |= {f"/hole{number}": "black hole" for number in range(9)}
    async with fetching(tmp_path, f"127.0.0.1:{server.port}") as made:
        letter = made.letter()
        for number in range(FETCHES):
            await letter.fetch("crl", f"{server.url}/{number}", b"")
        with pytest.raises(NotFetchedError) as failed:
            await letter.fetch("crl", f"{server.url}/{FETCHES}", b"")
        assert failed.value.cause == "number"
    async with fetching(tmp_path, f"127.0.0.1:{server.port}", seconds=SOON) as made:
        letter = made.letter()
        causes = []
        for number in range(9):
            with pytest.raises(NotFetchedError) as failed:
                await letter.fetch("crl", f"{server.url}/hole{number}", b"")
            causes.append(failed.value.cause)
        assert causes[0] == "silent"
        assert causes[3:] == ["number"] * 6
        assert server.asked["/hole8"] == 0
        # Nobody goes on waiting for them behind the letter's back.
        await until(lambda: server.hung_up == server.asked.total() - FETCHES, 60)


async def test_a_letter_that_has_used_its_time_up_makes_no_server_silent_for_others(
    server: RevocationServer, tmp_path: Path
) -> None:
    """Whoever is asked has the time of one answer, not what a hostile letter has left of its own."""
    server.faults["/hole"] = "black hole"
    server.answers["/crl"] = b"answer"
    async with fetching(tmp_path, f"127.0.0.1:{server.port}") as made:
        with pytest.raises(NotFetchedError):
            await made.fetch("crl", f"{server.url}/crl", b"", 0.0)
        assert await made.letter().fetch("crl", f"{server.url}/crl", b"") == b"answer"


async def test_letters_that_want_the_same_share_one_question(server: RevocationServer, tmp_path: Path) -> None:
    server.answers["/"] = b"answer"
    async with fetching(tmp_path, f"127.0.0.1:{server.port}") as made:
        found = await asyncio.gather(*(made.letter().fetch("crl", f"{server.url}/", b"") for _ in range(20)))
    assert found == [b"answer"] * 20
    assert server.asked.total() == 1


async def test_a_host_where_nobody_listens_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with fetching(tmp_path, f"127.0.0.1:{port}") as made:
            assert await refused(made, f"http://127.0.0.1:{port}/one") == "failed"
            async with _listening(bound) as server:
                assert await refused(made, f"http://127.0.0.1:{port}/two") == "failed"
                assert server.connections == 0
                monkeypatch.setattr(fetcher, "SILENT_SECONDS", 0.0)
                made._failed.clear()  # as if the time had passed
                server.answers["/two"] = b"answer"
                assert await made.letter().fetch("crl", f"http://127.0.0.1:{port}/two", b"") == b"answer"


@asynccontextmanager
async def _listening(bound: socket.socket) -> AsyncIterator[RevocationServer]:
    made = RevocationServer()
    server = await asyncio.start_server(made.serve, sock=bound)
    try:
        yield made
    finally:
        server.close()


async def test_the_cache_is_bounded_and_what_proved_useful_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = RevocationCache(tmp_path, 100_000)
    await cache.open()
    await cache.put("a" * 64, bytes(20_000))
    await cache.keep("a" * 64, 1e9)
    for number in range(16):
        await cache.put(f"{number:064x}", bytes(20_000))
    assert await cache.get("a" * 64) == bytes(20_000)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 101_000
    await cache.put("b" * 64, bytes(50_000))
    assert await cache.get("b" * 64) is None, "one answer is at most a quarter"
    (tmp_path / "stray").write_text("x")
    (tmp_path / ("c" * 64)).write_text("damaged")
    again = RevocationCache(tmp_path, 100_000)
    await again.open()
    assert await again.get("a" * 64) == bytes(20_000)
    assert await again.get("c" * 64) is None
    assert not (tmp_path / "stray").exists()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + revocation_cache.BRIEF_SECONDS + 1)
    assert await again.get(f"{15:064x}") is None
    assert await again.get("a" * 64) is not None
    monkeypatch.setattr(time, "time", lambda: now + revocation_cache.LONGEST_SECONDS + 1)
    assert [await one.get("a" * 64) for one in (cache, again)] == [None, None]


async def test_a_disk_that_fails_costs_the_cache_alone(server: RevocationServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    server.answers["/"] = b"answer"
    async with fetching(tmp_path / "file", f"127.0.0.1:{server.port}") as made:
        assert await made.letter().fetch("crl", f"{server.url}/", b"") == b"answer"
        assert await made.letter().fetch("crl", f"{server.url}/", b"") == b"answer"
    assert server.asked.total() == 2
