"""A time-stamping authority (RFC 3161) on loopback: `openssl ts` behind a small HTTP server, and its faults."""

import gzip
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

from asn1crypto import tsp
from cryptography.hazmat.primitives import serialization

from tests.pki import Authority, Identity, make_root, make_signer

Fault = Literal[
    "",
    "black hole",
    "500",
    "redirect",
    "redirect to a file",
    "drip",
    "endless head",
    "gzip bomb",
    "wrong nonce",
    "wrong imprint",
    "expired",
    "rejection",
    "endless",
    "damaged",
    "garbage",
]

_CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/{signer}.pem
certs = {folder}/root.pem
signer_key = {folder}/{signer}.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class TimestampAuthority:
    """One authority. `fault` may be set at any moment; `asked` counts the questions."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.root: Authority = make_root("Test TSA root")
        self.fault: Fault = ""
        self.asked = 0
        self._lock = threading.Lock()
        self._released = threading.Event()
        now = datetime.now(UTC)
        self._keep("signer", make_signer(self.root, "Test TSA", timestamping=True, rsa_key=True))
        self._keep(
            "expired",
            make_signer(
                self.root,
                "Expired TSA",
                timestamping=True,
                rsa_key=True,
                not_before=now - timedelta(days=30),
                not_after=now - timedelta(days=1),
            ),
        )
        (folder / "root.pem").write_bytes(self.root.pem)
        (folder / "serial").write_text("01\n")
        for signer in ("signer", "expired"):
            for digests in ("sha256", "sha512"):
                text = _CONFIG.format(folder=folder, signer=signer, digests=digests)
                (folder / f"{signer}.{digests}.cnf").write_text(text)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/tsa"

    @property
    def trust(self) -> Path:
        """The root's certificate, PEM."""
        return self.folder / "root.pem"

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, query: bytes) -> bytes:
        """What it answers to a TimeStampReq, by the fault of the moment."""
        if self.fault in ("wrong nonce", "wrong imprint"):
            asked = tsp.TimeStampReq.load(query)
            if self.fault == "wrong nonce":
                asked["nonce"] = asked["nonce"].native ^ 1
            else:
                asked["message_imprint"]["hashed_message"] = bytes(32)
            query = asked.dump(force=True)
        if self.fault == "garbage":
            return b"<html>sign in to the network</html>"
        found = self._openssl(query, "expired" if self.fault == "expired" else "signer")
        return found[:-20] + bytes([found[-20] ^ 1]) + found[-19:] if self.fault == "damaged" else found

    def _openssl(self, query: bytes, signer: str) -> bytes:
        with self._lock:  # openssl keeps the serial number in a file
            (self.folder / "query").write_bytes(query)
            digests = "sha512" if self.fault == "rejection" else "sha256"
            subprocess.run(
                ["openssl", "ts", "-reply", "-queryfile", self.folder / "query", "-out", self.folder / "reply",
                 "-config", self.folder / f"{signer}.{digests}.cnf"],
                check=True, capture_output=True, timeout=30,
            )  # fmt: skip
            return (self.folder / "reply").read_bytes()

    def _keep(self, name: str, identity: Identity) -> None:
        (self.folder / f"{name}.pem").write_bytes(identity.certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(
            identity.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                authority.asked += 1
                query = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/timestamp-query"
                match authority.fault:
                    case "black hole":
                        authority._released.wait(120)
                    case "500":
                        self.send_error(500)
                    case "redirect":
                        self.send_response(302)
                        self.send_header("Location", f"{authority.url}/other")
                        self.end_headers()
                    case "redirect to a file":
                        self.send_response(307)
                        self.send_header("Location", "file:///etc/passwd")
                        self.end_headers()
                    case "endless":
                        self.send_response(200)
                        self.end_headers()
                        self._endless(bytes(16_384), 0.001)
                    case "drip":
                        self.send_response(200)
                        self.send_header("Content-Length", "5000")
                        self.end_headers()
                        self._endless(b"0", 0.02)
                    case "endless head":
                        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                        self._endless(b"X-Field: y\r\n" * 1_000, 0.001)
                    case "gzip bomb":
                        bomb = gzip.compress(bytes(64 << 20))  # 64 KB, so that its length alone gives nothing away
                        self.send_response(200)
                        self.send_header("Content-Encoding", "gzip")
                        self.send_header("Content-Length", str(len(bomb)))
                        self.end_headers()
                        self._endless(bomb, 120)
                    case _:
                        self._reply(authority.answer(query))

            def _reply(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _endless(self, piece: bytes, pause: float) -> None:
                try:
                    while not authority._released.is_set():
                        self.wfile.write(piece)
                        authority._released.wait(pause)
                except OSError:
                    return  # it hung up, as it should

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
                pass

        return Handler


@contextmanager
def timestamp_authority(folder: Path) -> Iterator[TimestampAuthority]:
    """An authority of one test, with its files in `folder`."""
    authority = TimestampAuthority(folder)
    try:
        yield authority
    finally:
        authority.close()
