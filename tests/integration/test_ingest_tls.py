"""TLS of the ingress: what is spoken, what is refused, and a certificate that is renewed under way."""

import os
import smtplib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.ingest.certificate import CONTEXT_SECONDS, SETTLED_SECONDS, Certificate
from services.runtime.config import ConfigError
from tests.smtp.ingress import Ingress, ingress
from tests.smtp.world import World, world
from tests.waiting import until_sync

pytestmark = pytest.mark.slow

MODERN = (
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
WEAK = (
    "ECDHE-RSA-AES256-SHA384",  # CBC
    "ECDHE-RSA-AES128-SHA",
    "AES256-GCM-SHA384",  # no forward secrecy
    "AES128-SHA",
    "DHE-RSA-AES256-SHA256",
    "AECDH-AES256-SHA",  # nobody is authenticated
    "ECDHE-RSA-NULL-SHA",  # nothing is encrypted
)
HELLO = b"Subject: over TLS\r\n\r\nx\r\n"


class Files:
    """A certificate and its key, written as renewals do."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"

    def write(self, *made: bytes) -> None:
        """Write a chain and its key in place, long enough ago that their times tell changes apart."""
        for path, octets in zip((self.chain, self.key), made, strict=True):
            path.write_bytes(octets)
        self.settle()

    def settle(self) -> None:
        for path in (self.chain, self.key):
            then = time.time_ns() - int(2 * SETTLED_SECONDS * 1e9)
            os.utime(path, ns=(then, then))


def made(number: int, end: datetime | None = None) -> tuple[bytes, bytes]:
    """A self-signed RSA certificate with this serial number, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.test")])
    end = end or datetime.now(UTC) + timedelta(days=30)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(end - timedelta(days=60))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def client(
    suites: str | None = None,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
) -> ssl.SSLContext:
    """A client that would take anything, old or weak; it is the server who has to refuse."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(f"{suites or 'ALL:NULL:COMPLEMENTOFALL'}:@SECLEVEL=0")
    context.minimum_version = lowest
    context.maximum_version = highest
    return context


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("tls")) as made_:
        yield made_


@pytest.fixture(scope="module")
def running(place: World) -> Iterator[Ingress]:
    files = Files(place.folder / "rsa")
    files.write(*made(1))
    with ingress(place.nats, place.folder / "state", certificate=str(files.chain), private_key=str(files.key)) as one:
        yield one


def shake(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """STARTTLS and the handshake. Raises OSError (ssl.SSLError is one) where that fails."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    try:
        for line in (b"", b"EHLO client.test\r\n", b"STARTTLS\r\n"):
            plain.sendall(line)
            reply = b""
            while b"\r\n" not in reply or reply.splitlines()[-1][3:4] == b"-" or not reply.endswith(b"\r\n"):
                reply += plain.recv(4096)
            assert reply[:1] == b"2", reply
        return context.wrap_socket(plain, session=session)
    except BaseException:
        plain.close()
        raise


def serial(port: int) -> int:
    with shake(port, client(highest=ssl.TLSVersion.TLSv1_3)) as secured:
        der = secured.getpeercert(binary_form=True)
        assert der
        return x509.load_der_x509_certificate(der).serial_number


def metric(name: str, labels: dict[str, str] | None = None) -> float:
    return REGISTRY.get_sample_value(name, labels or {}) or 0.0


# -- what is spoken ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", MODERN)
def test_modern_suites_of_tls_1_2(running: Ingress, suite: str) -> None:
    with shake(running.port, client(suite)) as secured:
        assert secured.version() == "TLSv1.2"
        assert secured.cipher() is not None
        assert secured.cipher()[0] == suite  # type: ignore[index]  # it has just been there
        assert secured.compression() is None


def test_tls_1_3(running: Ingress) -> None:
    with shake(running.port, client(highest=ssl.TLSVersion.TLSv1_3)) as secured:
        assert secured.version() == "TLSv1.3"


@pytest.mark.parametrize("suite", WEAK)
def test_weak_suites_are_refused(running: Ingress, suite: str) -> None:
    failed = metric("saraban_ingest_tls_handshakes_total", {"outcome": "failed"})
    with capture_logs() as said:
        with pytest.raises(OSError, match=r".+"):
            shake(running.port, client(suite)).close()
        until_sync(lambda: "NO_SHARED_CIPHER" in str(said), 10)
    until_sync(lambda: metric("saraban_ingest_tls_handshakes_total", {"outcome": "failed"}) == failed + 1, 10)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(running: Ingress, version: ssl.TLSVersion) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old = client(highest=version, lowest=version)
    with capture_logs() as said:
        with pytest.raises(OSError, match=r".+"):
            shake(running.port, old).close()
        until_sync(lambda: "UNSUPPORTED_PROTOCOL" in str(said), 10)


def test_our_order_of_suites_counts(running: Ingress) -> None:
    with shake(running.port, client(":".join(reversed(MODERN)))) as secured:
        assert secured.cipher()[0] == MODERN[0]  # type: ignore[index]  # a session that is open has one


def test_a_session_is_resumed_with_a_ticket(running: Ingress) -> None:
    context = client()
    with shake(running.port, context) as first:
        session = first.session
        assert session is not None
        assert session.has_ticket
    with shake(running.port, context, session) as again:
        assert again.session_reused


def test_nobody_begins_the_handshake_anew(running: Ingress) -> None:
    """A renegotiation costs us much and the peer nothing."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{running.port}", "-starttls", "smtp", "-tls1_2"],
        input=b"R\n", capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert b"RENEGOTIATING" in done.stdout + done.stderr
    assert b"no renegotiation" in done.stderr


# -- a renewal --------------------------------------------------------------------------------------


def test_a_renewed_certificate_needs_no_restart(place: World) -> None:
    """The chain comes before its key, and in two pieces: until both are there and fit, the old one stays."""
    files = Files(place.folder / "renewed")
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    files.write(*made(1, end))
    chain, key = made(2, end + timedelta(days=90))
    running = ingress(place.nats, place.folder / "renewing", certificate=str(files.chain), private_key=str(files.key))
    with running as one, smtplib.SMTP("127.0.0.1", one.port) as early:
        assert serial(one.port) == 1
        assert metric("saraban_ingest_certificate_expires_seconds") == end.timestamp()
        early.starttls(context=client())
        early.ehlo()
        for half in (chain[:500], chain):
            with capture_logs() as said:
                files.chain.write_bytes(half)
                assert [serial(one.port), serial(one.port)] == [1, 1]
            refused = [line for line in said if line["event"] == "ingest.certificate_refused"]
            assert len(refused) == 1  # once, not at each handshake
            assert refused[0]["path"] == str(files.chain)
            assert metric("saraban_ingest_certificate_expires_seconds") == end.timestamp()
        with capture_logs() as said:
            files.key.write_bytes(key)
            assert serial(one.port) == 2
        assert [line["event"] for line in said if "certificate" in line["event"]] == ["ingest.certificate_read"]
        assert metric("saraban_ingest_certificate_expires_seconds") == (end + timedelta(days=90)).timestamp()
        assert early.sendmail("a@client.test", ["saraban@demo.test"], HELLO) == {}  # whoever was there stays


def test_files_that_are_gone_for_a_moment_do_no_harm(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write(*made(1))
    certificate = Certificate(str(files.chain), str(files.key))
    before = certificate.context()
    files.chain.rename(tmp_path / "away")
    with capture_logs() as said:
        assert certificate.context() is before
        assert certificate.context() is before
    assert [line["event"] for line in said] == ["ingest.certificate_refused"]
    (tmp_path / "away").rename(files.chain)
    assert certificate.context() is not None


def test_what_does_not_fit_is_tried_again_when_it_changes_and_not_before(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write(*made(1))
    certificate = Certificate(str(files.chain), str(files.key))
    first = certificate.context()
    chain, key = made(2)
    files.chain.write_bytes(chain)
    files.settle()
    with capture_logs() as said:
        assert certificate.context() is first
        certificate._said = ""  # what is tried again would be said again
        assert certificate.context() is first
    assert len(said) == 1
    files.key.write_bytes(key)
    files.settle()
    second = certificate.context()
    assert second is not first
    assert certificate.context() is second


def test_a_link_that_points_elsewhere_is_a_renewal(tmp_path: Path) -> None:
    """As certbot does it: `live/…` are links into `archive/…`."""
    olds, news = Files(tmp_path / "1"), Files(tmp_path / "2")
    olds.write(*made(1))
    news.write(*made(2, datetime(2040, 1, 1, tzinfo=UTC)))
    live = Files(tmp_path / "live")
    for link, to in ((live.chain, olds.chain), (live.key, olds.key)):
        link.symlink_to(to)
    certificate = Certificate(str(live.chain), str(live.key))
    for link, to in ((live.chain, news.chain), (live.key, news.key)):
        link.unlink()
        link.symlink_to(to)
    certificate.context()
    assert metric("saraban_ingest_certificate_expires_seconds") == datetime(2040, 1, 1, tzinfo=UTC).timestamp()


def test_files_that_have_just_been_written_are_read_again(tmp_path: Path) -> None:
    """Another write within the same tick of the file system's clock would leave no trace."""
    files = Files(tmp_path)
    files.write(*made(1))
    for path in (files.chain, files.key):
        os.utime(path)
    with capture_logs() as said:
        certificate = Certificate(str(files.chain), str(files.key))
        assert certificate.context() is not certificate.context()
    assert [line["event"] for line in said] == ["ingest.certificate_read"]  # the same one


def test_ticket_keys_do_not_live_longer_than_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(tmp_path)
    files.write(*made(1))
    certificate = Certificate(str(files.chain), str(files.key))
    context = certificate.context()
    assert certificate.context() is context
    later = time.monotonic() + CONTEXT_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert certificate.context() is not context


# -- a beginning that fails -------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["locked", "other", "empty", "missing"])
def test_a_certificate_that_cannot_be_used_stops_the_start(place: World, tmp_path: Path, wrong: str) -> None:
    chain, key = made(1)
    if wrong == "locked":
        loaded = serialization.load_pem_private_key(key, None)
        key = loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    elif wrong == "other":
        key = made(2)[1]
    files = Files(tmp_path)
    files.write(b"" if wrong == "empty" else chain, key)
    if wrong == "missing":
        files.key.unlink()
    with (
        pytest.raises(ConfigError, match=r"ingest\.certificate: .* cannot be used"),
        ingress(place.nats, tmp_path, certificate=str(files.chain), private_key=str(files.key)),
    ):
        pass
