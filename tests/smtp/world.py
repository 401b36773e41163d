"""A nats-server with the agencies that dialogues and integration tests write to."""

import asyncio
import datetime
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.directory import Agency, Domain
from services.runtime import directory
from services.runtime.bus import Bus
from services.runtime.provision import provision
from services.runtime.settings import Nats
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer

AGENCIES = (
    Agency(
        id="demo",
        name="สำนักงานตัวอย่าง",
        domains=(Domain(name="demo.test"),),
        addresses=("saraban@demo.test",),
        return_domain="receipts.test",
    ),
    Agency(id="two", name="กรมที่สอง", domains=(Domain(name="two.test"),), addresses=("saraban@two.test",)),
    Agency(id="three", name="กรมที่สาม", domains=(Domain(name="three.test"),), addresses=("saraban@three.test",)),
    Agency(id="north", name="อบต. เหนือ", domains=(Domain(name="local.test"),), addresses=("saraban_01@local.test",)),
    Agency(id="south", name="อบต. ใต้", domains=(Domain(name="local.test"),), addresses=("saraban_02@local.test",)),
    Agency(
        id="behind",
        name="กรมที่มีเครื่องของตน",
        domains=(Domain(name="behind.test", mode="behind", upstreams=("127.0.0.0/8",)),),
        addresses=("saraban@behind.test",),
    ),
    Agency(
        id="far",
        name="กรมที่อยู่ไกล",
        domains=(Domain(name="far.test", mode="behind", upstreams=("192.0.2.0/24",)),),
        addresses=("saraban@far.test",),
    ),
    Agency(id="thai", name="กรมไทย", domains=(Domain(name="ตัวอย่าง.ไทย"),), addresses=("สารบรรณ@ตัวอย่าง.ไทย",)),
    Agency(
        id="closed",
        name="กรมที่ยุบแล้ว",
        domains=(Domain(name="closed.test"),),
        addresses=("saraban@closed.test",),
        active=False,
    ),
)


@dataclass
class World:
    """Where a test takes place."""

    server: NatsServer
    nats: Nats
    folder: Path
    certificate: Path
    key: Path


@contextmanager
def world(folder: Path, server: NatsServer | None = None) -> Iterator[World]:
    """Start a server (unless one is given), provision it, fill the directory, make a certificate."""
    mine = server is None
    folder.mkdir(exist_ok=True)
    server = server or NatsServer(folder / "server")
    if mine:
        server.start()
    try:
        nats = server.settings()
        _run(_fill(nats))
        yield World(server, nats, folder, *_certificate(folder))
    finally:
        if mine:
            server.kill()


async def _fill(nats: Nats) -> None:
    await provision(nats, THIS_YEAR)
    await _write(nats, *AGENCIES)


def write(nats: Nats, *agencies: Agency) -> None:
    """Put agencies into the directory."""
    _run(_write(nats, *agencies))


def _run(work: Coroutine[None, None, None]) -> None:
    with ThreadPoolExecutor(1) as thread:  # a test may have a loop of its own running
        thread.submit(lambda: asyncio.run(work)).result()


async def _write(nats: Nats, *agencies: Agency) -> None:
    bus = await Bus.connect(nats, "officers")
    for agency in agencies:
        await directory.put(bus, agency)
    await bus.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("mx.test"), x509.DNSName("localhost")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "mx.crt", folder / "mx.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
