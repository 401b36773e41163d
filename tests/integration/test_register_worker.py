"""The register as a service: it waits for what it needs, says what is wrong, stands by, shows its lag, ends in time."""

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der
from prometheus_client import REGISTRY

from contracts import codec
from contracts.mail import HeaderLines
from contracts.register import LetterRecorded
from contracts.values import sha256_hex
from services.runtime import errors
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.provision import provision
from services.runtime.readiness import Readiness
from tests.books import agency, put, received, store, until, worker
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer


async def until_said(readiness: Readiness, words: str) -> None:
    async with asyncio.timeout(20):
        while not any(words in reason for reason in readiness.reasons):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)


async def until_ready(readiness: Readiness) -> None:
    async with asyncio.timeout(20):
        while not readiness.ready:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_it_waits_for_a_server_and_for_its_streams(nats_server: NatsServer) -> None:
    nats_server.stop()
    async with worker(nats_server.settings(request_seconds=2.0)) as readiness:
        await until_said(readiness, "cannot connect")
        nats_server.start()
        await until_said(readiness, "directory")
        await provision(nats_server.settings(), THIS_YEAR)
        bus = await Bus.connect(nats_server.settings(), "test")
        await put(bus, agency())
        await until_ready(readiness)
        await store(bus, [received()])
        found = await until(bus, 1)
        await bus.close()
    assert [row.number for row in found.entered()] == [1]


async def test_a_full_store_is_said_and_waited_out(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    config = (await bus.api("STREAM.INFO.REGISTER"))["config"]
    await bus.api("STREAM.UPDATE.REGISTER", config | {"max_bytes": 4_000, "discard": "new"})
    async with worker(nats_server.settings()) as readiness:
        await store(bus, [received() for _ in range(20)])
        await until_said(readiness, "register: maximum bytes exceeded")
        await bus.api("STREAM.UPDATE.REGISTER", config)
        found = await until(bus, 20)
        await until_ready(readiness)
    assert found.problems() == []


async def test_only_one_of_two_is_active_and_the_other_takes_over_at_once(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    async with worker(nats_server.settings()) as first:
        await until_ready(first)
        await store(bus, [received()])
        await until(bus, 1)
        async with worker(nats_server.settings()) as second:
            await until_ready(second)
            names = (await bus.api(f"CONSUMER.NAMES.MAIL_{THIS_YEAR}", {"offset": 0}))["consumers"]
            assert len(names) == 1, "a worker that stands by reads nothing"
            assert metric("saraban_register_lease_held") == 0.0, "as the one that came last says"
            await store(bus, [received()])
            await until(bus, 2)
    # The first gives the lease back when it stops: the next need not wait for its expiry.
    async with worker(nats_server.settings()):
        await store(bus, [received()])
        began = time.monotonic()
        found = await until(bus, 3)
        assert time.monotonic() - began < 2.5
    assert found.problems() == []


async def test_letters_that_wait_are_seen_in_the_metrics(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(bus, agency())
    config = (await bus.api("STREAM.INFO.REGISTER"))["config"]
    await bus.api("STREAM.UPDATE.REGISTER", config | {"max_bytes": 4_000, "discard": "new"})
    await store(bus, [received() for _ in range(20)])
    before = metric("saraban_register_numbers_total", series="received")
    async with worker(nats_server.settings()) as readiness:
        await until_said(readiness, "maximum bytes")
        async with asyncio.timeout(20):
            while metric("saraban_register_lag_seconds") < 1.0:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)
        assert metric("saraban_register_waiting_letters") == 20
        await bus.api("STREAM.UPDATE.REGISTER", config)
        await until(bus, 20)
        async with asyncio.timeout(20):
            while metric("saraban_register_lag_seconds") or metric("saraban_register_waiting_letters"):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
    assert metric("saraban_register_numbers_total", series="received") - before == 20


async def test_a_classified_letter_is_for_the_registrar_alone(nats_server: NatsServer, bus: Bus) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "นายทะเบียน")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    await put(bus, agency(registrar_certificate=pem), agency("two"), agency("odd", registrar_certificate="none"))
    secret = HeaderLines(subject="ลับที่สุด แผนปฏิบัติการ", message_id="<s@x.example>", from_="จาก <a@x.example>")
    await store(bus, [received(one, lines=secret, sender="spy@x.example") for one in ("demo", "two", "odd")])
    async with worker(nats_server.settings()):
        found = await until(bus, 3)
    assert found.problems() == []
    (row,) = found.entered(series="classified")
    records = {record.agency: record for record in found.records}
    record = records["demo"]
    assert row.record == sha256_hex(codec.encode(record))
    assert (record.message_id, record.sender, record.author, record.subject) == (None, None, None, None)
    clear = pkcs7_decrypt_der(base64.b64decode(record.enveloped or ""), certificate, key, [])
    opened = msgspec.json.decode(clear, type=LetterRecorded)
    assert (opened.sender, opened.subject, opened.salt) == ("spy@x.example", secret.subject, record.salt)
    for other in ("two", "odd"):
        assert (records[other].enveloped, records[other].subject) == (None, None), "no envelope, and nothing in clear"
        assert [entry.number for entry in found.entered(other, "classified")] == [1]


async def test_every_record_has_a_salt_of_its_own(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    await store(bus, [received(lines=HeaderLines(subject="x")) for _ in range(50)])
    async with worker(nats_server.settings()):
        found = await until(bus, 50)
    assert len({record.salt for record in found.records}) == 50


async def test_it_may_do_what_it_has_to_and_nothing_else(nats_server: NatsServer, bus: Bus) -> None:
    own = await Bus.connect(nats_server.settings(request_seconds=1.0), "register")
    try:
        for subject in ("mail.v1.received.demo", "order.v1.open.demo", "sign.v1.receipt.demo"):
            with pytest.raises(errors.Unavailable):
                await commit(own.nc, [Outgoing(subject, b"x", {})], 1.0)
        with pytest.raises(errors.Unavailable):
            await own.api("STREAM.MSG.DELETE.REGISTER", {"seq": 1})
    finally:
        await own.close()


async def test_it_ends_soon_when_told_to_whatever_it_waits_for(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    async with worker(nats_server.settings()) as active:
        await until_ready(active)
        began = time.monotonic()
        async with worker(nats_server.settings()) as standing_by:
            await until_ready(standing_by)
        assert time.monotonic() - began < 3
    nats_server.stop()
    began = time.monotonic()
    async with worker(nats_server.settings(request_seconds=1.0)) as readiness:
        await until_said(readiness, "cannot connect")
    assert time.monotonic() - began < 5
