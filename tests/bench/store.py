"""A store of many letters for the audit: letters into MAIL, numbered by the real register, a share of them receipted.

Built without `sync_interval: always`, since it is what is read that is measured.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from contracts import chain, codec
from contracts.directory import Agency, Domain
from contracts.findings import ReceiptSealed
from contracts.golden import examples
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from contracts.receipt import ClockStatement, Deemed, Unknown
from contracts.register import LetterEntered
from contracts.streams import SIGN_ENTERED
from contracts.values import instant, mail_id, sha256_hex
from services.audit.reading import messages
from services.runtime import directory, provision
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.settings import Nats
from tests.servers import NatsServer, free_port

YEAR = 2569
AGENCIES = 20
LETTER = (b"x" * 70 + b"\r\n") * 14
RECEIPT_PDF = 60_000
"""Octets of a receipt's PDF; base64 adds a third."""


@dataclass
class Store:
    """A nats-server that holds it."""

    server: NatsServer
    folder: Path
    letters: int
    receipts: int

    @property
    def nats(self) -> Nats:
        """How to connect."""
        return self.server.settings()


def agency(number: int) -> Agency:
    """One of the agencies that the letters are for."""
    domain = f"agency{number}.bench.example"
    return Agency(
        id=f"agency{number}", name="หน่วยงาน", domains=(Domain(name=domain),), addresses=(f"saraban@{domain}",)
    )


@asynccontextmanager
async def store(folder: Path, letters: int, receipts: int) -> AsyncIterator[Store]:
    """Build it, and end the server after use."""
    server = NatsServer(folder / "server", sync="2m")
    server.start()
    try:
        await provision.provision(server.settings(), YEAR)
        await fill(server.settings(), folder, letters, receipts)
        yield Store(server, folder, letters, receipts)
    finally:
        server.stop()


async def fill(nats: Nats, folder: Path, letters: int, receipts: int) -> None:
    """Store the letters, have them numbered, seal the receipts of the first ones."""
    bus = await Bus.connect(nats, "test")
    for number in range(AGENCIES):
        await directory.put(bus, agency(number))
    numbering = await _register(nats, folder)
    try:
        for start in range(0, letters, 500):
            batch = [_letter(number) for number in range(start, min(start + 500, letters))]
            await commit(bus.nc, batch, 60)
        await _numbered(bus, letters)
    finally:
        numbering.send_signal(signal.SIGTERM)
        await numbering.wait()
    if receipts:
        await _seal(bus, receipts)
    await bus.close()


async def _register(nats: Nats, folder: Path) -> asyncio.subprocess.Process:
    config = folder / "register.toml"
    users = ", ".join(f'{name} = "{user}"' for name, user in nats.users.items())
    config.write_text(
        f'state = "{folder}/state"\n[nats]\nservers = ["{nats.servers[0]}"]\nusers = {{ {users} }}\n'
        f'[ops]\nlisten = "127.0.0.1:{free_port()}"\n[log]\nlevel = "warning"\n'
    )
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "register", "--config", str(config), env=dict(os.environ)
    )


async def _numbered(bus: Bus, letters: int) -> None:
    """Wait until every letter has its row: three messages each."""
    while (await bus.js.stream_info("REGISTER")).state.last_seq < 3 * letters:  # noqa: ASYNC110 - another process writes
        await asyncio.sleep(0.5)


def _letter(number: int) -> Outgoing:
    body = b"Subject: %d\r\n\r\n" % number + LETTER
    of = agency(number % AGENCIES)
    event = MailReceived(
        agency=of.id,
        mail=mail_id(bytes.fromhex(sha256_hex(f"{number}".encode()))),
        sha256=sha256_hex(body),
        size=len(body),
        received_at=instant(time.time_ns()),
        bound_ms=1.0,
        within_bound=True,
        source="kernel, time1.example",
        stratum=2,
        peer=Peer(address="127.0.0.1", helo="mail.sender.example", tls="TLSv1.3"),
        protocol="ESMTPS",
        sender="clerk@sender.example",
        recipients=(Recipient(address=of.addresses[0]),),
        lines=HeaderLines(
            message_id=f"<{number}@sender.example>",
            subject=f"=?utf-8?b?4LiX4LiU4Liq4Lit4Lia?= {number}",
            from_="=?utf-8?b?4LiX4LiU4Liq4Lit4Lia?= <clerk@sender.example>",
            date="Fri, 29 May 2026 10:00:00 +0700",
            content_type="multipart/mixed; boundary=0123456789",
        ),
    )
    return Outgoing(event.nats_subject, body, codec.encode_headers(event))


async def _seal(bus: Bus, receipts: int) -> None:
    """Receipts of the first rows, as large as real ones, and sign's acknowledgement of those rows."""
    example = examples()[ReceiptSealed]
    assert isinstance(example, ReceiptSealed)
    pdf = os.urandom(RECEIPT_PDF)
    made = 0
    waiting: list[asyncio.Task[object]] = []
    async for message in messages(bus, "REGISTER", ["register.v1.entered.>"]):
        row = codec.decode(message.body, LetterEntered)
        event = _receipt(example, row, message.body, pdf)
        waiting.append(asyncio.create_task(bus.publish(event)))
        if len(waiting) == 32:
            await asyncio.gather(*waiting)
            waiting.clear()
        made += 1
        if made == receipts:
            break
    await asyncio.gather(*waiting)
    subscription = await bus.js.pull_subscribe_bind(SIGN_ENTERED.durable, stream=SIGN_ENTERED.stream)
    while made:
        for delivered in await subscription.fetch(min(made, 50), 30):
            await delivered.ack()
            made -= 1
    await subscription.unsubscribe()


def _receipt(example: ReceiptSealed, row: LetterEntered, body: bytes, pdf: bytes) -> ReceiptSealed:
    assert row.mail is not None
    assert row.position is not None
    before = example.receipt
    proof = msgspec.structs.replace(
        before.proof, row=body, link=chain.next_link(row.previous, body), head=Unknown(reason="-"), between=()
    )
    receipt = msgspec.structs.replace(
        before, series=row.series, year=row.year, number=row.number, register_number=row.number_text,
        clock=ClockStatement(
            received_at=row.received_at, bound_ms=row.bound_ms, within_bound=True, source="-", stratum=2, words="-",
        ),
        deemed=Deemed(at=row.deemed_at, calendar=row.calendar, words="-"), agency=row.agency, mail=row.mail,
        position=row.position, sha256=row.sha256, size=row.size, proof=proof,
    )  # fmt: skip
    return ReceiptSealed(agency=row.agency, mail=row.mail, position=row.position, receipt=receipt, pdf=pdf)
