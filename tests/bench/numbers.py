"""The register's rows: numbers of one book, letter to `entered`, and the time from acceptance to number.

Rates and times are read from the instants at which JetStream stored the messages, so that neither the start of a
process nor the polling of this program is in them.
"""

import asyncio
import itertools
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from nats.js import api

from contracts import codec
from contracts.directory import Agency, Domain
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from contracts.streams import MAIL
from contracts.values import instant, mail_id, sha256_hex
from services.runtime import directory
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from tests.bench.figures import Row
from tests.bench.ingress import ADDRESS, AGENCY, YEAR, Ingress, rate
from tests.bench.load import Load, run
from tests.servers import free_port

_books = itertools.count(1)


@asynccontextmanager
async def register(ours: Ingress) -> AsyncIterator[None]:
    """Run the register beside the ingress."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "register", "--config", str(ours.config),
        env=os.environ | {"SARABAN_OPS__LISTEN": f"127.0.0.1:{free_port()}"},
    )  # fmt: skip
    try:
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def numbers(ours: Ingress, count: int) -> float:
    """Numbers a second: a new agency's letters lie in MAIL, then the register starts and numbers them all."""
    bus = await Bus.connect(ours.nats, "test")
    agency = f"book{next(_books)}"
    domain = f"{agency}.bench.example"
    address = f"saraban@{domain}"
    await directory.put(bus, Agency(id=agency, name="เล่มหนึ่ง", domains=(Domain(name=domain),), addresses=(address,)))
    before = await _sequence(bus, "REGISTER")
    messages = [_letter(agency, address, number) for number in range(count)]
    for start in range(0, count, 500):
        await commit(bus.nc, messages[start : start + 500], 60)
    async with register(ours):
        first, last = await _stored(bus, f"register.v1.entered.{agency}.>", before, count)
    await bus.close()
    return (count - 1) / (last - first)


class Growth:
    """What a number costs early and late in one book: both of one run, asked for one after the other."""

    def __init__(self, ours: Ingress, count: int) -> None:
        self._ours = ours
        self._count = count
        self._early: float | None = None
        self._late: float | None = None

    async def late(self) -> float:
        """Microseconds a number, over the last tenth of the book."""
        if self._late is None:
            await self._measure()
        found, self._late = self._late, None
        assert found is not None
        return found

    async def early(self) -> float:
        """The same around the 2,000th."""
        if self._early is None:
            await self._measure()
        found, self._early = self._early, None
        assert found is not None
        return found

    async def _measure(self) -> None:
        bus = await Bus.connect(self._ours.nats, "test")
        agency = f"growth{next(_books)}"
        domain = f"{agency}.bench.example"
        address = f"saraban@{domain}"
        await directory.put(bus, Agency(id=agency, name="เล่มใหญ่", domains=(Domain(name=domain),), addresses=(address,)))
        before, count, window = await _sequence(bus, "REGISTER"), self._count, max(1_000, self._count // 10)
        for start in range(0, count, 500):
            messages = [_letter(agency, address, number) for number in range(start, min(start + 500, count))]
            await commit(bus.nc, messages, 60)
        async with register(self._ours):
            await _numbered(bus, before + 3 * count)

        async def moment(number: int) -> float:
            # Row, record and guard of each letter lie side by side.
            message = await bus.js.get_msg("REGISTER", before + 3 * (number - 1) + 1)
            return _seconds(message.time)

        first = min(2_000, count // 10)
        self._early = (await moment(first + window) - await moment(first)) / window * 1e6
        self._late = (await moment(count) - await moment(count - window)) / window * 1e6
        await bus.close()


async def _numbered(bus: Bus, last: int) -> None:
    async with asyncio.timeout(600):
        while await _sequence(bus, "REGISTER") < last:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.2)


async def conditional_publishes(ours: Ingress, count: int) -> float:
    """The peer: the same rows, each published alone with the expected last sequence, one after the other."""
    bus = await Bus.connect(ours.nats, "test")
    subject = f"register.v1.entered.alone{next(_books)}.received.2569"
    body = b"{" + b"x" * 900 + b"}"
    last = 0
    started = time.perf_counter()
    for _ in range(count):
        ack = await bus.js.publish(
            subject, body, headers={"Nats-Expected-Last-Subject-Sequence": str(last)}, timeout=30
        )
        last = ack.seq
    seconds = time.perf_counter() - started
    await bus.js.purge_stream("REGISTER", subject=subject)
    await bus.close()
    return count / seconds


async def to_entered(ours: Ingress, size: int, letters: int, sessions: int) -> float:
    """Letters a second from the first stored in MAIL to the last one's row, ingress and register running."""
    bus = await Bus.connect(ours.nats, "test")
    before = await _sequence(bus, "REGISTER")
    mail = MAIL.name(YEAR)
    async with register(ours):
        first_letter = await _sequence(bus, mail) + 1
        await rate(ours.port, ADDRESS, size, letters, sessions)
        _, last = await _stored(bus, f"register.v1.entered.{AGENCY.id}.>", before, letters)
    message = await bus.js.get_msg(mail, first_letter)
    first = _seconds(message.time)
    await bus.close()
    return letters / (last - first)


async def time_to_number(ours: Ingress, letters: int) -> float:
    """p99 in ms from a letter's instant in MAIL to its row's in REGISTER, one letter at a time.

    Sent by this very process: the start of another one would be anything but an idle system.
    """
    bus = await Bus.connect(ours.nats, "test")
    before = await _sequence(bus, "REGISTER")
    mail = MAIL.name(YEAR)
    spans = []
    async with register(ours):
        for number in range(letters + 5):
            await run(
                Load(
                    "127.0.0.1",
                    ours.port,
                    "clerk@bench.example",
                    ADDRESS,
                    4_096,
                    1,
                    1,
                    1,
                    f"idle{next(_books)}.{number}",
                )
            )
            arrived = _seconds((await bus.js.get_msg(mail, await _sequence(bus, mail))).time)
            _, entered = await _stored(bus, f"register.v1.entered.{AGENCY.id}.>", before, 1)
            before = await _sequence(bus, "REGISTER")
            if number >= 5:  # the first ones wait for the register to start
                spans.append((entered - arrived) * 1000)
    await bus.close()
    return statistics.quantiles(spans, n=100)[98]


async def durable_publish(ours: Ingress, count: int) -> float:
    """The peer of the above: median ms of one durable publish of 4 KiB."""
    bus = await Bus.connect(ours.nats, "test")
    spans = []
    for number in range(count):
        started = time.perf_counter()
        await commit(bus.nc, [_letter("publish", "saraban@publish.example", number, b"x" * 4_000)], 30)
        spans.append((time.perf_counter() - started) * 1000)
    await bus.close()
    return statistics.median(spans)


def rows(ours: Ingress, scale: float) -> list[Row]:
    """The register's rows of DESIGN's table."""
    count = int(20_000 * scale)
    letters = int(1_000 * scale)
    growth = Growth(ours, int(200_000 * scale))
    return [
        Row("register numbers, one book", "numbers/s", lambda: numbers(ours, count),
            lambda: conditional_publishes(ours, max(200, count // 20)), "conditional publishes one at a time", 6.0),
        Row(f"register numbers: the {int(200_000 * scale):,}th entry of a book", "µs", growth.late, growth.early,
            "its 2,000th", 1.2, smaller_is_better=True),
        Row("letter to `entered`, 64 KiB, 50 sessions", "letters/s", lambda: to_entered(ours, 65_536, letters, 50),
            lambda: rate(ours.port, ADDRESS, 65_536, letters, 50), "accept rate alone", 0.25),
        Row("latency accept → number, idle system, p99", "ms", lambda: time_to_number(ours, max(100, int(200 * scale))),
            lambda: durable_publish(ours, 200), "one durable publish, median", 12.0, smaller_is_better=True),
    ]  # fmt: skip


def _letter(agency: str, address: str, number: int, body: bytes = b"Subject: bench\r\n\r\nletter\r\n") -> Outgoing:
    event = MailReceived(
        agency=agency,
        mail=mail_id(bytes.fromhex(sha256_hex(f"{agency}{number}{time.time_ns()}".encode()))),
        sha256=sha256_hex(body),
        size=len(body),
        received_at=instant(time.time_ns()),
        bound_ms=1.0,
        within_bound=True,
        source="bench",
        stratum=2,
        peer=Peer(address="127.0.0.1", trusted=True),
        protocol="ESMTP",
        sender="clerk@bench.example",
        recipients=(Recipient(address=address),),
        lines=HeaderLines(
            message_id=f"<{number}@bench.example>", subject=f"ที่ นร ๑๒๐๐/{number}", from_="clerk@bench.example"
        ),
    )
    return Outgoing(event.nats_subject, body, codec.encode_headers(event))


async def _sequence(bus: Bus, stream: str) -> int:
    return int((await bus.js.stream_info(stream)).state.last_seq)


async def _stored(bus: Bus, subject: str, after: int, count: int) -> tuple[float, float]:
    """Instants of the first and the count-th message on `subject` stored behind sequence `after`."""
    subscription = await bus.js.subscribe(
        subject,
        stream="REGISTER",
        ordered_consumer=True,
        config=api.ConsumerConfig(deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1),
    )
    first = last = 0.0
    for number in range(count):
        message = await subscription.next_msg(120)
        if number in (0, count - 1):
            last = message.metadata.timestamp.timestamp()
            first = first or last
    await subscription.unsubscribe()
    return first, last


def _seconds(moment: datetime | None) -> float:
    assert moment is not None, "the server gives every message its instant"
    return moment.timestamp()
