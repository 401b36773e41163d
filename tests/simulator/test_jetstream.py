"""The model against a real nats-server: the same operations, and every answer compared."""

import base64
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from services.register.numbering import TTL
from services.register.page import EXPECTED, EXPECTED_STREAM
from services.runtime import batch, errors
from services.runtime.batch import Outgoing
from services.runtime.bus import Bus
from tests.servers import NatsServer
from tests.simulator.jetstream import ABANDONED_SECONDS, PLACES, JetStream, Stream
from tests.waiting import until_it

SUBJECTS = ("m.a", "m.b", "m.c.x", "m.c.y")
PATTERNS = (*SUBJECTS, "m.*", "m.c.*", "m.>", "m.none", "m.c.*.*")

Draw = Callable[[int], int]


class Server:
    """The real thing, asked as the register asks it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def commit(self, messages: list[Outgoing]) -> object:
        try:
            return (await batch.commit(self._bus.nc, messages, 10)).sequence
        except errors.BusError as error:
            return type(error), error.code

    async def ask(self, **question: object) -> object:
        try:
            found: dict[str, Any] = (await self._bus.api("STREAM.MSG.GET.MODEL", question))["message"]
        except errors.Missing as error:
            return type(error), error.code
        return found["seq"], found["subject"], base64.b64decode(found.get("data", ""))

    async def begin(self, name: str, message: Outgoing) -> object:
        """Begin a batch and leave it."""
        headers = message.headers | {batch.BATCH_ID: name, batch.BATCH_SEQUENCE: "1"}
        answer = await self._bus.nc.request(message.subject, message.body, 10, headers=headers)
        if not answer.data:
            return None
        return msgspec.json.decode(answer.data)["error"]["err_code"]

    async def state(self) -> tuple[int, int]:
        state = (await self._bus.api("STREAM.INFO.MODEL"))["state"]
        return state["last_seq"], state["messages"]


class Model:
    """The model, its answers in the same words."""

    def __init__(self) -> None:
        self.stream = Stream("MODEL", "m.>")
        self.store = JetStream(self.stream)

    def commit(self, messages: list[Outgoing]) -> object:
        try:
            return self.store.commit(messages).sequence
        except errors.BusError as error:
            return type(error), error.code

    def ask(self, last_by_subj: str = "", seq: int = 0, next_by_subj: str = "") -> object:
        found = self.stream.last_on(last_by_subj) if last_by_subj else self.stream.next_on(next_by_subj, seq)
        return (found.sequence, found.subject, found.body) if found else (errors.Missing, errors.MESSAGE_NOT_FOUND)

    def begin(self, message: Outgoing) -> object:
        try:
            self.store.abandon([message])
        except errors.BusError as error:
            return error.code
        return None


def write(draw: Draw, model: Model) -> list[Outgoing]:
    """One to five messages with the headers the register uses, right ones and wrong ones."""
    messages = []
    for n in range(draw(4) + 1):
        subject = SUBJECTS[draw(len(SUBJECTS))] if draw(40) else "foreign.subject"
        headers = {}
        if draw(2):
            right = model.stream.newest(subject)
            headers[EXPECTED] = str((right, right, right, 0, right + 1, model.stream.last + 1)[draw(6)])
        if draw(3) == 0:
            right = model.stream.last + n
            headers[EXPECTED_STREAM] = str((right, right, right, 0, right + 1)[draw(5)])
        if draw(5) == 0:
            headers[TTL] = "1000s"
        messages.append(Outgoing(subject, str(draw(1000)).encode(), headers))
    return messages


async def made(bus: Bus) -> None:
    config = {"name": "MODEL", "subjects": ["m.>"], "storage": "file", "allow_atomic": True, "allow_msg_ttl": True}
    await bus.api("STREAM.CREATE.MODEL", config)


@pytest.mark.slow
async def test_the_model_answers_as_the_server_does(nats_server: NatsServer, bus: Bus) -> None:
    await made(bus)
    chance = random.Random(2569)
    draw = chance.randrange
    server, model = Server(bus), Model()
    answers: dict[str, int] = {}
    for step in range(900):
        what = draw(10)
        if what < 6:
            messages = write(draw, model)
            said, is_ = model.commit(messages), await server.commit(messages)
        elif what == 6 and model.stream.messages:
            sequence = draw(model.stream.last) + 1
            held = sequence in model.stream.messages
            model.stream.remove(sequence)
            if held:
                await bus.api("STREAM.MSG.DELETE.MODEL", {"seq": sequence})
            said, is_ = (model.stream.last, len(model.stream.messages)), await server.state()
        elif what < 9:
            pattern = PATTERNS[draw(len(PATTERNS))]
            said, is_ = model.ask(last_by_subj=pattern), await server.ask(last_by_subj=pattern)
        else:
            pattern, sequence = PATTERNS[draw(len(PATTERNS))], draw(model.stream.last + 3)
            said = model.ask(seq=sequence, next_by_subj=pattern)
            is_ = await server.ask(seq=sequence, next_by_subj=pattern)
        assert said == is_, f"step {step}"
        answers[_kind(is_)] = answers.get(_kind(is_), 0) + 1
    assert (model.stream.last, len(model.stream.messages)) == await server.state()
    # The comparison is worth what it met.
    for kind in ("stored", "found", "Conflict 10071", "Conflict 10164", "NotServed 0", "Missing 10037"):
        assert answers.get(kind, 0) > 5, answers


async def test_what_was_answered_is_there_after_kill_9(nats_server: NatsServer, bus: Bus) -> None:
    await made(bus)
    draw = random.Random(1).randrange
    server, model = Server(bus), Model()
    for _ in range(30):
        messages = write(draw, model)
        assert model.commit(messages) == await server.commit(messages)
    nats_server.kill()
    nats_server.start()

    async def back() -> bool:
        try:
            return await server.state() == (model.stream.last, len(model.stream.messages))
        except errors.Unavailable:
            return False

    assert await until_it(back)
    for pattern in PATTERNS:
        assert model.ask(last_by_subj=pattern) == await server.ask(last_by_subj=pattern)


@pytest.mark.slow
async def test_abandoned_batches_hold_their_places_and_guards_expire(nats_server: NatsServer, bus: Bus) -> None:
    await made(bus)
    server, model = Server(bus), Model()
    guard = [Outgoing("m.a", b"old", {}), Outgoing("m.a", b"guard", {TTL: "1s"})]
    assert model.commit(guard) == await server.commit(guard) == 2
    one, two = Outgoing("m.b", b"1", {}), Outgoing("m.c.x", b"2", {EXPECTED: "0"})
    for n in range(PLACES + 2):
        assert model.begin(one) == await server.begin(f"batch-{n}", one)
    assert model.commit([one, two]) == await server.commit([one, two]) == (errors.Busy, errors.BATCH_IN_FLIGHT)
    assert model.commit([one]) == await server.commit([one]) == 3, "a single publish needs no place"

    async def expired() -> bool:
        return await server.ask(last_by_subj="m.a") == (1, "m.a", b"old")

    await until_it(expired)
    model.store.pass_time(1.0)
    assert model.ask(last_by_subj="m.a") == (1, "m.a", b"old"), "the one before it is the newest again"
    again = Outgoing("m.a", b"new", {EXPECTED: "1"})
    assert model.commit([again]) == await server.commit([again]) == 4

    async def free() -> bool:
        return await server.commit([one, two]) != (errors.Busy, errors.BATCH_IN_FLIGHT)

    await until_it(free)  # after ten seconds; the server is no slower than the model
    model.store.pass_time(ABANDONED_SECONDS)
    assert model.commit([one, two]) == 6
    assert await server.state() == (6, 5)


def _kind(answer: object) -> str:
    if isinstance(answer, int):
        return "stored"
    if isinstance(answer, tuple) and isinstance(answer[0], type):
        return f"{answer[0].__name__} {answer[1]}"
    return "found"
