"""Sign on a real nats-server for tests: letters put into MAIL, its findings and receipts read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from contracts import codec
from contracts.directory import SealOwner
from contracts.event import Event
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.mail import MailReceived
from contracts.receipt import Text
from contracts.values import sha256_hex
from services.runtime import settings
from services.runtime.batch import commit
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from services.runtime.readiness import Readiness
from services.sign import app
from tests import books, letters, receipts
from tests.servers import NatsServer
from tests.waiting import until_it

TEST_SEAL = SealOwner(kind="test")


@asynccontextmanager
async def sign(server: NatsServer, state: Path, **changes: Any) -> AsyncIterator[Readiness]:
    """Sign on this loop, built by its own builder; the DNS it asks is a port where nobody answers."""
    values: dict[str, Any] = {
        "test_authority": "test-authority",
        "dns_servers": ("127.0.0.1:9",),
        "dns_seconds": 0.5,
        "sender_patience_seconds": 0.0,
    }
    config = settings.Settings(state=str(state), nats=server.settings(), sign=settings.Sign(**(values | changes)))
    stop, readiness = asyncio.Event(), Readiness("sign")
    running = asyncio.create_task(app.serve(config, stop, readiness))
    try:
        yield readiness
    finally:
        stop.set()
        await asyncio.wait_for(running, 60)


async def events(bus: Bus) -> list[LetterExamined | ReceiptSealed]:
    """Findings and receipts, in their order."""
    info = await bus.api("STREAM.INFO.FINDINGS")
    found: list[LetterExamined | ReceiptSealed] = []
    for sequence in range(1, info["state"]["last_seq"] + 1):
        message = await read_message(bus.nc, "FINDINGS", sequence)
        assert message is not None
        if not message.subject.startswith("sign.v1.checkpoint."):
            found.append(decoded(message.body))
    return found


def decoded(body: bytes) -> LetterExamined | ReceiptSealed:
    event: Event = codec.decode(body)
    assert isinstance(event, LetterExamined | ReceiptSealed)
    return event


async def sealed(bus: Bus, count: int, seconds: float = 60.0) -> list[ReceiptSealed]:
    """Wait for so many receipts, and for the rows to be settled; returns all there are."""

    async def settled() -> bool:
        info = await bus.api("CONSUMER.INFO.REGISTER.sign-entered")
        return not info["num_pending"] and not info["num_ack_pending"] and len(await receipts_of(bus)) >= count

    await until_it(settled, seconds)
    return await receipts_of(bus)


async def receipts_of(bus: Bus) -> list[ReceiptSealed]:
    return [event for event in await events(bus) if isinstance(event, ReceiptSealed)]


def letter(octets: bytes, **changes: Any) -> tuple[MailReceived, bytes]:
    """A letter and its event, as the ingress makes them."""
    return books.received(sha256=sha256_hex(octets), size=len(octets), **changes), octets


def mail(subject: str = "ที่ นร ๑๒๐๐/ว๕๖ เรื่อง แนวปฏิบัติที่ดี", **options: Any) -> bytes:
    """A mail without files, or with `pdf`."""
    return letters.letter_mail(options.pop("pdf", None), "clerk@opdc.go.th", "saraban@demo.example", subject, **options)


async def store(bus: Bus, *found: tuple[MailReceived, bytes]) -> None:
    await commit(bus.nc, [books.stored(event, octets) for event, octets in found], 60)


async def prepare(bus: Bus, **changes: Any) -> None:
    await books.put(bus, receipts.agency(**({"seal": TEST_SEAL} | changes)))


def judged_by(pdf: bytes, root: Path) -> bool:
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
    context = ValidationContext(trust_roots=list(load_certs_from_pemder_data(root.read_bytes())), allow_fetching=False)
    return bool(validate_pdf_signature(signature, context).bottom_line)


def attached(pdf: bytes) -> bytes:
    """The JSON inside a receipt."""
    (file,) = (entry.get_object() for entry in PdfFileReader(BytesIO(pdf)).root["/AF"])
    return bytes(file["/EF"]["/F"].get_object().data)


def known(value: object) -> str:
    assert isinstance(value, Text), value
    return value.value
