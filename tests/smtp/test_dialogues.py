"""Every dialogue below this folder, spoken to a real ingress on a real nats-server. README.md has the grammar."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from prometheus_client import REGISTRY

from contracts import codec
from contracts.mail import MailAttempted
from services.runtime.bus import Bus
from tests.servers import free_port
from tests.smtp.dialogue import Dialogue, Step, fits, octets, read
from tests.smtp.ingress import Ingress, ingress
from tests.smtp.next_hop import NextHopSide, agencies, next_hop_side
from tests.smtp.operator_mailbox import OperatorMailbox, operator_mailbox
from tests.smtp.world import World, world, write

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.rglob("*.smtp"))
GROUPS = ("session", "addresses", "extensions", "tls", "data", "limits", "shared")
SECONDS = 10

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def next_hop_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, next_hop_port: int) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("smtp")) as made:
        write(made.nats, *agencies(next_hop_port))
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def next_hop(next_hop_port: int) -> AsyncIterator[NextHopSide]:
    async with next_hop_side(next_hop_port) as side:
        yield side


@pytest.fixture(scope="module")
def mailbox() -> Iterator[OperatorMailbox]:
    with operator_mailbox() as made:
        yield made


@pytest.fixture(scope="module")
def ingresses(place: World, mailbox: OperatorMailbox) -> Iterator["Ingresses"]:
    with ExitStack() as stack:
        yield Ingresses(place, mailbox, stack)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bus(place: World) -> AsyncIterator[Bus]:
    connected = await Bus.connect(place.nats, "test")
    yield connected
    await connected.close()


class Ingresses:
    """One ingress for each set of settings that dialogues ask for."""

    def __init__(self, place: World, mailbox: OperatorMailbox, stack: ExitStack) -> None:
        self._place = place
        self._mailbox = mailbox
        self._stack = stack
        self._running: dict[tuple[tuple[str, object], ...], Ingress] = {}

    def of(self, dialogue: Dialogue) -> Ingress:
        key = tuple(sorted(dialogue.settings.items()))
        if key not in self._running:
            options: dict[str, Any] = {
                "message_bytes": 1_000_000,
                "certificate": str(self._place.certificate),
                "private_key": str(self._place.key),
                "postmaster": "operator@operator.test",
                "postmaster_relay": f"127.0.0.1:{self._mailbox.port}",
                "postmaster_tls": "none",
            }
            state = self._place.folder / f"state{len(self._running)}"
            running = ingress(self._place.nats, state, **(options | dialogue.settings))
            self._running[key] = self._stack.enter_context(running)
        return self._running[key]


class Conversation:
    """One dialogue being spoken."""

    def __init__(self, port: int, sub: Subscription, bus: Bus, next_hop: NextHopSide) -> None:
        self._port = port
        self._next_hop = next_hop
        self._sub = sub
        self._bus = bus
        self._reply = ""
        self._early: str | None = None
        self._kept: list[Msg] = []
        self._noted: list[MailAttempted] = []
        self._letter: Msg | None = None
        self._numbers = _numbers()
        self._open: list[asyncio.StreamWriter] = []

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open.append(self._writer)  # a connection that nobody remembers closes by itself

    async def step(self, step: Step) -> None:
        match step.kind:
            case "C:":
                self._writer.write(octets(step.text) + b"\r\n")
            case "C>":
                self._writer.write(octets(step.text))
            case "S:":
                self._reply = self._early or await self._read_reply()
                self._early = None
                assert fits(step.text, self._reply), f"line {step.number}: {step.text!r} but got {self._reply!r}"
            case "S!":
                assert not fits(step.text, self._reply), f"line {step.number}: {self._reply!r}"
            case "M:":
                await self._check_letter(step)
            case "B:":
                assert self._letter is not None, f"line {step.number}: B: stands behind M:"
                assert self._letter.data == octets(step.text), f"line {step.number}"
            case "A:":
                await self._check_attempt(step)
            case "N:":
                self._check_number(step)
            case "H:" | "H>":
                await self._next_hop.step(step)
            case _:
                await self._do(step)

    async def _read_reply(self) -> str:
        """A whole reply, its lines joined by spaces; `closed` where the server has closed."""
        lines: list[str] = []
        while True:
            line = (await self._reader.readline()).decode()
            if not line:
                return "closed"
            assert line.endswith("\r\n"), f"a reply without CRLF: {line!r}"
            code, sign, text = line[:3], line[3], line[4:-2]
            assert not lines or lines[0] == code, f"codes differ in one reply: {line!r}"
            lines = lines or [code]
            lines.append(text)
            if sign == " ":
                return " ".join(lines)

    async def _check_letter(self, step: Step) -> None:
        while not self._kept:
            await self._next_message()
        self._letter = self._kept.pop(0)
        event = codec.decode_received(self._letter.headers)
        assert event.size == len(self._letter.data) or event.parts, f"line {step.number}: size"
        said = msgspec.json.decode(msgspec.json.encode(event))
        for word in step.text.split():
            path, _, wanted = word.partition("=")
            value: object = said
            for name in path.split("."):
                value = value[int(name)] if isinstance(value, list) else value[name]  # type: ignore[index]  # by the words of the contract
            shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            assert fits(wanted.replace("\\s", " "), shown), f"line {step.number}: {path} is {shown!r}"

    async def _check_attempt(self, step: Step) -> None:
        while not self._noted:
            await self._next_message()
        event = self._noted.pop(0)
        said = f"{event.agency} {event.stage} {','.join(event.recipients) or '-'} {event.reply}"
        assert fits(step.text, said), f"line {step.number}: {said!r}"

    def _check_number(self, step: Step) -> None:
        name, *labels, wanted = step.text.split()
        key = (f"saraban_{name}", *sorted(labels))
        grown = _numbers().get(key, 0.0) - self._numbers.get(key, 0.0)
        assert grown == float(wanted), f"line {step.number}: {key} has grown by {grown:g}"

    async def _next_message(self) -> None:
        self._sort(await self._sub.next_msg(timeout=SECONDS))

    def _sort(self, message: Msg) -> None:
        if message.subject.startswith("mail.v1.received."):
            self._kept.append(message)
        elif message.subject.startswith("mail.v1.attempted."):
            self._noted.append(codec.decode(message.data, MailAttempted))

    async def _do(self, step: Step) -> None:
        match step.text.split(maxsplit=2):
            case ["next-hop", *offered]:
                await self._next_hop.greet(*" ".join(offered).split())
            case ["starttls"]:
                await self._writer.start_tls(_trusting())
            case ["eof"]:
                self._writer.write_eof()
            case ["close"]:
                self._writer.close()
            case ["connect"]:
                await self.connect()
            case ["repeat", count, text]:
                self._writer.write(octets(text) * int(count))
            case ["pause"]:
                await self._bus.nc.flush()  # a round trip elsewhere: what was written is on its way by itself
            case ["trickle", text]:
                await self._trickle(octets(text))
            case ["hang-up"]:
                self._writer.transport.abort()
            case _:
                raise AssertionError(f"line {step.number}: no such thing to do: {step.text}")

    async def _trickle(self, text: bytes) -> None:
        """One octet after the other, slowly, until the server has had enough."""
        reply = asyncio.create_task(self._read_reply())
        while not reply.done():
            self._writer.write(text)
            await asyncio.wait({reply}, timeout=0.2)
        self._early = reply.result()

    async def end(self) -> None:
        """Everything that was stored must have been spoken of."""
        for writer in self._open:
            writer.close()
        await self._bus.nc.flush()
        while self._sub.pending_msgs:
            self._sort(await self._sub.next_msg(timeout=SECONDS))
        assert not self._kept, f"{len(self._kept)} letters were stored that the dialogue does not speak of"


def _numbers() -> dict[tuple[str, ...], float]:
    """Every metric of this process; the ingress is a thread of it."""
    return {
        (sample.name, *sorted(f"{name}={value}" for name, value in sample.labels.items())): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
async def test_dialogue(path: Path, ingresses: Ingresses, bus: Bus, next_hop: NextHopSide) -> None:
    dialogue = read(path)
    running = ingresses.of(dialogue)
    sub = await bus.nc.subscribe("mail.v1.>")
    try:
        async with asyncio.timeout(4 * SECONDS):
            await bus.nc.flush()
            conversation = Conversation(running.port, sub, bus, next_hop)
            await conversation.connect()
            for step in dialogue.steps:
                await conversation.step(step)
            await conversation.end()
    finally:
        next_hop.end()
        await sub.unsubscribe()


async def test_each_dialogue_says_what_it_is_about() -> None:
    about = [read(path).about for path in FILES]
    assert len(set(about)) == len(about)


async def test_no_part_of_the_protocol_is_left_out() -> None:
    assert len(FILES) >= 150
    groups = Counter(path.parent.name for path in FILES)
    assert set(groups) == set(GROUPS)
    assert all(groups[name] >= 10 for name in GROUPS), groups
