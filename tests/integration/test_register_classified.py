"""Orders about the classified series: it holds nothing in clear, also where there is no certificate."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der

from contracts.mail import HeaderLines
from contracts.orders import (
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
)
from contracts.register import (
    EntryCorrected,
    LetterRecorded,
)
from services.register.envelope import enveloped
from services.runtime.bus import Bus
from tests.books import agency, put, read, received, store, until, worker
from tests.orders import give, given, record_of, refusals, rows, until_reached
from tests.servers import NatsServer
from tests.unit.test_register_envelope import certificate, pem

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CERTIFICATE = pem(certificate(KEY))


@asynccontextmanager
async def classified(nats_server: NatsServer, bus: Bus, certificate_pem: str) -> AsyncIterator[None]:
    await put(bus, agency(registrar_certificate=certificate_pem))
    async with worker(nats_server.settings()):
        await store(bus, [received(), received(lines=HeaderLines(subject="ลับ แผน"))])
        await until(bus, 2)
        yield


def sealed(**clear: str) -> str:
    return enveloped(msgspec.json.encode(clear), CERTIFICATE)


def opened(record: LetterRecorded) -> dict[str, Any]:
    assert record.enveloped is not None
    clear = pkcs7_decrypt_der(base64.b64decode(record.enveloped), certificate(KEY), KEY, [])
    found: dict[str, Any] = msgspec.json.decode(clear)
    return found


async def test_the_classified_series_holds_nothing_in_clear(nats_server: NatsServer, bus: Bus) -> None:
    bare: dict[str, Any] = {"series": "classified", "sender": "", "subject": ""}
    nothing: dict[str, Any] = {"series": "classified"}
    async with classified(nats_server, bus, CERTIFICATE):
        await give(
            bus,
            given(EnterOrdered, **bare, enveloped=sealed(subject="ลับ")),
            given(CorrectOrdered, **nothing, enveloped=sealed(subject="แก้")),
            given(MoveOrdered, to_series="classified"),
            given(MoveOrdered, **nothing, number=2, to_series="received"),
            given(EnterOrdered, series="classified"),
            given(CorrectOrdered, **nothing, subject="x"),
            given(EnterOrdered, **bare, enveloped="bm8gZW52ZWxvcGU="),
            given(EnterOrdered, series="classified", enveloped=sealed(subject="x")),
            given(NoteOrdered),
        )
        await until_reached(bus, 9)
        found = await read(bus)
    assert found.problems() == []
    reasons = [one.reason for one in await refusals(bus)]
    words = ("enveloped for the registrar", "enveloped for the registrar", "no EnvelopedData", "in clear beside")
    assert [word in reason for word, reason in zip(words, reasons, strict=True)] == [True] * 4
    _, paper, moved_in = found.entered(series="classified")
    (corrected,) = rows(found, EntryCorrected, "classified")
    records = [record_of(found, row.record) for row in (paper, corrected, moved_in)]
    clear = ("sender", "author", "subject", "message_id", "letter_number", "letter_date", "addressee")
    assert {getattr(record, name) for record in records for name in clear} == {None}
    assert [opened(record)["subject"] for record in records[:2]] == ["ลับ", "แก้"]
    inside = opened(records[2])
    assert (inside["sender"], inside["number"], inside["series"]) == ("clerk@sender.example", 3, "classified")
    moved_out = found.entered()[1]
    assert record_of(found, moved_out.record).enveloped == records[0].enveloped, (
        "as it is: only the registrar can open it"
    )


async def test_without_a_certificate_the_record_is_empty(nats_server: NatsServer, bus: Bus) -> None:
    async with classified(nats_server, bus, ""):
        await give(
            bus,
            given(EnterOrdered, series="classified"),
            given(CorrectOrdered, series="classified", number=2, subject="x"),
        )
        await until_reached(bus, 2)
        found = await read(bus)
    assert found.problems() == []
    assert await refusals(bus) == []
    last = [record_of(found, row.record) for row in found.entered(series="classified")[1:]]
    last += [record_of(found, row.record) for row in rows(found, EntryCorrected, "classified")]
    assert [(record.sender, record.subject, record.enveloped) for record in last] == [(None, None, None)] * 2
