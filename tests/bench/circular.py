"""A circular of 20 MB, handed to a Postfix for 100 hosted agencies: how long it takes, what memory and what disk.

Postfix has its own defaults (50 recipients a transaction) but for its pause before it comes again, which is 5 s here
and 5 minutes in life. The ingress and nats-server have theirs.
"""

import asyncio
import hashlib
import smtplib
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nats.js import api

from contracts.directory import Agency, Domain
from contracts.event import Position
from contracts.mail import MailReceived
from contracts.streams import MAIL
from services.runtime import directory
from services.runtime.bus import Bus
from services.runtime.letters import read_letter
from tests.bench.ingress import YEAR, Ingress, ingress
from tests.bench.load import LINE
from tests.postfix import postfix

SENDER = "clerk@ministry.example"
SECONDS = 600


@dataclass(frozen=True)
class Figures:
    """What it cost."""

    agencies: int
    octets: int
    queued: float
    """Seconds until Postfix had the letter in its queue."""
    first: float
    last: float
    """Seconds until the first and the last agency's letter was stored."""
    writes: int
    at_rest: dict[str, int]
    peak: dict[str, int]
    """Resident octets by process, before and at most."""
    disk: int
    most_disk: int

    def lines(self) -> str:
        """The figures as they are printed."""
        memory = ", ".join(
            f"{name} {self.at_rest[name] / 1e6:,.0f} MB at rest, {self.peak[name] / 1e6:,.0f} MB at most"
            for name in self.peak
        )
        return "\n".join(
            (
                f"circular: {self.octets / 1e6:,.0f} MB from Postfix to {self.agencies} agencies; "
                "each has it exactly once, octet for octet",
                f"- time: in Postfix's queue after {self.queued:.1f} s, first agencies after {self.first:.1f} s, "
                f"the last after {self.last:.1f} s, in {self.writes} transactions",
                f"- memory: {memory}",
                f"- disk: {self.disk / 1e6:,.0f} MB ({self.disk / self.agencies / self.octets:.2f} × the letters), "
                f"{self.most_disk / 1e6:,.0f} MB at most on the way",
            )
        )


async def circular(folder: Path, agencies: int = 100, octets: int = 20_000_000) -> Figures:
    """Measure; raises where an agency did not get it, or got it twice, or got anything else."""
    async with ingress(folder) as ours:
        bus = await Bus.connect(ours.nats, "test")
        addresses = {f"c{at}": f"saraban@c{at}.example" for at in range(agencies)}
        for name, address in addresses.items():
            domain = address.partition("@")[2]
            await directory.put(bus, Agency(id=name, name="อบต.", domains=(Domain(name=domain),), addresses=(address,)))
        await _known(ours.port, [*addresses.values()][-1])
        with postfix(f"relayhost = [127.0.0.1]:{ours.port}\n") as relay:
            found = await _send(ours, bus, relay.port, list(addresses.values()), octets)
            async with asyncio.timeout(SECONDS):
                while relay.queued():  # noqa: ASYNC110 - another program's folder
                    await asyncio.sleep(0.1)
        await bus.close()
        return found


async def _send(ours: Ingress, bus: Bus, port: int, to: list[str], octets: int) -> Figures:
    letter = _letter(octets)
    config = api.ConsumerConfig(deliver_policy=api.DeliverPolicy.NEW, headers_only=True)
    subject = MailReceived.form.format(agency="*")
    stored = await bus.js.subscribe(subject, stream=MAIL.name(YEAR), ordered_consumer=True, config=config)
    pids = {"ingress": ours.pid, "nats-server": ours.server_pid}
    at_rest = {name: _status(pid, "VmRSS") for name, pid in pids.items()}
    disk = Disk(ours.folder / "server")
    watch = asyncio.create_task(disk.watch())
    started = time.time()
    await asyncio.to_thread(_submit, port, to, letter)
    queued = time.time() - started
    positions, instants = [], []
    for _ in to:
        message = await stored.next_msg(SECONDS)
        positions.append(Position(stream=MAIL.name(YEAR), sequence=message.metadata.sequence.stream))
        instants.append(message.metadata.timestamp.timestamp() - started)
    peak = {name: _status(pid, "VmHWM") for name, pid in pids.items()}
    watch.cancel()
    events = [await _checked(bus, position, letter) for position in positions]
    if len({event.agency for event in events}) != len(to):
        raise RuntimeError("an agency has the letter twice")
    if (await stored.consumer_info()).num_pending or stored.pending_msgs:
        raise RuntimeError("there are more letters than agencies")
    return Figures(
        agencies=len(to),
        octets=octets,
        queued=queued,
        first=min(instants),
        last=max(instants),
        writes=len({event.received_at for event in events}),
        at_rest=at_rest,
        peak=peak,
        disk=disk.now(),
        most_disk=disk.most,
    )


class Disk:
    """What a folder takes of the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.most = 0

    def now(self) -> int:
        """Octets at this moment; files come and go while one looks."""
        total = 0
        for path in self._folder.rglob("*"):
            with suppress(FileNotFoundError):
                total += path.stat().st_blocks * 512
        self.most = max(self.most, total)
        return total

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.to_thread(self.now)
            await asyncio.sleep(0.2)


def _status(pid: int, field: str) -> int:
    """Octets of a line of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _letter(octets: int) -> bytes:
    head = (
        f"From: <{SENDER}>\r\nTo: undisclosed-recipients:;\r\nDate: Fri, 20 Nov 2026 10:00:00 +0700\r\n"
        "Subject: circular\r\nMessage-ID: <circular@ministry.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain\r\n\r\n"
    ).encode()
    lines = (octets - len(head)) // len(LINE)
    return head + LINE * lines + b"x" * max(0, octets - len(head) - lines * len(LINE) - 2) + b"\r\n"


def _submit(port: int, to: list[str], letter: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
        refused = server.sendmail(SENDER, to, letter)
    if refused:
        raise RuntimeError(f"Postfix refused {refused}")


async def _checked(bus: Bus, position: Position, letter: bytes) -> MailReceived:
    """The event at a position, if its octets are Postfix's Received field and the letter."""
    event, octets = await read_letter(bus.nc, position, 60)
    on_top = octets.removesuffix(letter)
    if hashlib.sha256(octets).hexdigest() != event.sha256 or len(octets) != len(on_top) + len(letter):
        raise RuntimeError(f"{position} is not the letter that was sent")
    if not on_top.startswith(b"Received: from ") or on_top.count(b"\r\n") != on_top.count(b"\r\n\t") + 1:
        raise RuntimeError(f"{position} has more on top than a Received field")
    return event


async def _known(port: int, address: str) -> None:
    """Wait until the ingress has read the last agency."""
    async with asyncio.timeout(60):
        while True:
            with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
                server.ehlo()
                server.mail(SENDER)
                if server.rcpt(address)[0] == 250:
                    return
            await asyncio.sleep(0.1)
