"""Responders on loopback for CRLs, OCSP answers and issuers, and everything that a hostile one does."""

import asyncio
import gzip
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from tests.pki import Authority, Identity, key_usage

Fault = Literal[
    "black hole",
    "closes",
    "500",
    "redirect",
    "endless",
    "endless chunks",
    "tiny chunks",
    "drip",
    "drip of a head",
    "endless head",
    "many fields",
    "gzip bomb",
    "long by its own word",
    "breaks off",
    "no HTTP",
    "two lengths",
]

_BOMB = gzip.compress(bytes(64 << 20))


class RevocationServer:
    """One responder. What it says by path: octets, or a function of the request's body, or a fault."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Callable[[bytes], bytes]] = {}
        self.faults: dict[str, Fault] = {}
        self.location = ""
        """Where `redirect` leads."""
        self.connections = 0
        self.written = 0
        self.hung_up = 0
        """Black holes whose other side has left."""
        self.asked: Counter[str] = Counter()
        self.heads: list[bytes] = []
        self.port = 0
        self.released = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        path = head.split()[1].decode()
        length = next(
            (int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length")), 0
        )
        body = await reader.readexactly(length)
        self.asked[path] += 1
        fault = self.faults.get(path)
        if fault is not None:
            await self._fault(fault, reader, writer)
            return
        answer = self.answers.get(path)
        if answer is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            octets = answer(body) if callable(answer) else answer
            if path.endswith("/chunked"):
                middle = len(octets) // 2
                chunks = b"".join(b"%X;x=y\r\n%s\r\n" % (len(one), one) for one in (octets[:middle], octets[middle:]))
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
            elif path.endswith("/to-the-end"):
                writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + octets)
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(octets), octets))
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read()

    async def _fault(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ok = b"HTTP/1.1 200 OK\r\n"
        match fault:
            case "black hole":
                with suppress(OSError):
                    await reader.read(1)
                self.hung_up += 1
            case "closes":
                return
            case "500":
                await self._say(writer, b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
            case "redirect":
                await self._say(writer, f"HTTP/1.1 302 Found\r\nLocation: {self.location}\r\n\r\n".encode())
            case "endless":
                await self._say(writer, ok + b"\r\n")
                await self._endless(writer, bytes(65_536))
            case "endless chunks":
                await self._say(writer, ok + b"Transfer-Encoding: chunked\r\n\r\n")
                await self._endless(writer, b"10000\r\n" + bytes(65_536) + b"\r\n")
            case "tiny chunks":
                await self._say(writer, ok + b"Transfer-Encoding: chunked\r\n\r\n")
                await self._endless(writer, b"1;" + b"x" * 8_000 + b"\r\nx\r\n")
            case "drip":
                await self._say(writer, ok + b"Content-Length: 60000\r\n\r\n")
                await self._endless(writer, b"x", 0.02)
            case "drip of a head":
                await self._endless(writer, b"H", 0.02)
            case "endless head":
                await self._say(writer, ok)
                await self._endless(writer, b"x" * 65_536)
            case "many fields":
                await self._say(writer, ok)
                await self._endless(writer, b"X: y\r\n" * 10_000)
            case "gzip bomb":
                head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(_BOMB)
                await self._say(writer, ok + head + _BOMB)
            case "long by its own word":
                await self._say(writer, ok + b"Content-Length: 99999999999\r\n\r\n")
                await self.released.wait()
            case "breaks off":
                await self._say(writer, ok + b"Content-Length: 1000\r\n\r\nhalf")
                writer.write_eof()
                await reader.read()
            case "no HTTP":
                await self._say(writer, b"220 smtp.example ESMTP\r\n\r\n")
            case "two lengths":
                await self._say(writer, ok + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")

    async def _endless(self, writer: asyncio.StreamWriter, piece: bytes, pause: float = 0.0) -> None:
        while not self.released.is_set():
            await self._say(writer, piece)
            await asyncio.sleep(pause)

    async def _say(self, writer: asyncio.StreamWriter, octets: bytes) -> None:
        writer.write(octets)
        await writer.drain()
        self.written += len(octets)


@asynccontextmanager
async def revocation_server(
    address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RevocationServer]:
    """A responder of one test on a free port, on this loop."""
    made = RevocationServer()
    server = await asyncio.start_server(made.serve, address, port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.released.set()
        server.close()


def certify(
    issuer: Authority,
    *,
    crl_url: str | None = None,
    ocsp_url: str | None = None,
    issuer_url: str | None = None,
    name: str = "นายทดสอบ ระบบ",
    host: str | None = None,
) -> Identity:
    """Somebody whose certificate says where to ask about it; `host` is an address that it is made out to."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, url in (
            (AuthorityInformationAccessOID.OCSP, ocsp_url),
            (AuthorityInformationAccessOID.CA_ISSUERS, issuer_url),
        )
        if url is not None
    ]
    if host is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        builder = builder.add_extension(names, critical=False)
    if access:
        builder = builder.add_extension(x509.AuthorityInformationAccess(access), critical=False)
    if crl_url is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Identity(builder.sign(issuer.key, hashes.SHA256()), key, issuer)


def crl(
    issuer: Authority, *revoked: Identity, hours: float = 24, at: datetime | None = None, padding: int = 0
) -> bytes:
    """The issuer's CRL, good for so many hours from a minute ago; `padding` further certificates are withdrawn."""
    now = at or datetime.now(UTC)
    begin = now - timedelta(minutes=1)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(begin)
        .next_update(begin + timedelta(hours=hours))
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    serials = [one.certificate.serial_number for one in revoked] + [(1 << 100) + number for number in range(padding)]
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begin - timedelta(hours=2))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def ocsp_responder(issuer: Authority, *known: Identity, revoked: bool = False) -> Callable[[bytes], bytes]:
    """What answers an OCSP request for one of `known`."""

    def answer(body: bytes) -> bytes:
        serial = ocsp.load_der_ocsp_request(body).serial_number
        (found,) = (one for one in known if one.certificate.serial_number == serial)
        now = datetime.now(UTC) - timedelta(minutes=1)
        return (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=found.certificate,
                issuer=issuer.certificate,
                algorithm=hashes.SHA1(),
                cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
                this_update=now,
                next_update=now + timedelta(hours=6),
                revocation_time=now - timedelta(hours=2) if revoked else None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
            .sign(issuer.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )

    return answer
