"""A subscriber sees the agencies it was given, and can do nothing to anybody else. Plain clients, as in life."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from nats.js.api import ConsumerConfig

import contracts
from contracts.permissions import FILTERS, ROLES, consumer_name, subscriber
from contracts.streams import MAIL
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.conftest import THIS_YEAR
from tests.contracts.users import User
from tests.servers import NatsServer

MAIL_NOW = MAIL.name(THIS_YEAR)
SUBJECTS = {
    "mail": "mail.v1.received.{}",
    "rows": "register.v1.entered.{}.received.2569",
    "records": "register.v1.record.{}",
    "notices": "register.v1.notice.{}",
    "findings": "sign.v1.receipt.{}",
    "checkpoints": "sign.v1.checkpoint.{}.received.2569",
    "receipts": "notify.v1.receipted.{}",
    "orders": "order.v1.note.{}",
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[NatsServer, Bus]]:
    """A system with a message of each kind for two agencies, and two subscribers of one of them."""
    guests = (subscriber("archive", ["demo"], years=(THIS_YEAR,)), subscriber("curious", ["demo"], years=(THIS_YEAR,)))
    server = NatsServer(tmp_path / "server", subscribers=guests)
    server.start()
    await provision(server.settings(), THIS_YEAR)
    bus = await Bus.connect(server.settings(), "test")
    for form in SUBJECTS.values():
        for agency in ("other", "demo"):
            await bus.nc.jetstream().publish(form.format(agency), agency.encode())
    yield server, bus
    await bus.close()
    server.kill()


def stream_of(what: str) -> str:
    family = FILTERS[what][0]
    return MAIL_NOW if family == "MAIL" else family


async def messages(bus: Bus, stream: str) -> int:
    return int((await bus.api(f"STREAM.INFO.{stream}"))["state"]["messages"])


@pytest.mark.parametrize("what", list(FILTERS))
async def test_it_reads_its_agency_with_a_client_as_it_comes(world: tuple[NatsServer, Bus], what: str) -> None:
    user = await User().connect(world[0], "archive", inbox_prefix="_INBOX")
    name, subjects = consumer_name("archive", what, "demo"), FILTERS[what][1].format(agency="demo")
    subscription = await user.nc.jetstream().pull_subscribe(subjects, durable=name, stream=stream_of(what))
    (message,) = await subscription.fetch(10, timeout=1)
    await message.ack_sync()
    assert (message.subject, message.data) == (SUBJECTS[what].format("demo"), b"demo")
    await user.nc.close()


@pytest.mark.parametrize(
    "subjects", ["mail.v1.*.other", "mail.v1.received.other", "mail.v1.received.*", "mail.v1.*.*", "mail.v1.>", ">"]
)
async def test_a_wider_filter_is_never_answered(world: tuple[NatsServer, Bus], subjects: str) -> None:
    user = await User().connect(world[0], "archive")
    name = consumer_name("archive", "mail", "demo")
    config = {"stream_name": MAIL_NOW, "config": {"name": name, "filter_subject": subjects}}
    answered = [
        subject
        for subject in (f"CREATE.{MAIL_NOW}.{name}.{subjects}", f"CREATE.{MAIL_NOW}.{name}", f"CREATE.{MAIL_NOW}")
        if await user.is_answered(f"$JS.API.CONSUMER.{subject}", msgspec.json.encode(config))
    ]
    assert answered == []
    await user.nc.close()


async def test_a_request_that_says_another_filter_than_its_subject_is_refused(world: tuple[NatsServer, Bus]) -> None:
    user = await User().connect(world[0], "archive")
    name = consumer_name("archive", "mail", "demo")
    for config in ({"filter_subject": "mail.v1.*.other"}, {"filter_subjects": ["mail.v1.*.demo", "mail.v1.>"]}, {}):
        body = msgspec.json.encode({"stream_name": MAIL_NOW, "config": {"name": name, **config}})
        answer = await user.nc.request(f"$JS.API.CONSUMER.CREATE.{MAIL_NOW}.{name}.mail.v1.*.demo", body, timeout=5)
        assert msgspec.json.decode(answer.data)["error"]["err_code"] in {10131, 10137}
    await user.nc.close()


async def test_consumers_of_others_are_out_of_reach(world: tuple[NatsServer, Bus]) -> None:
    server, _ = world
    curious = await User().connect(server, "curious")
    theirs = consumer_name("curious", "rows", "demo")
    await curious.nc.jetstream().pull_subscribe("register.v1.entered.demo.>", durable=theirs, stream="REGISTER")
    user = await User().connect(server, "archive")
    for name in (theirs, "sign-entered", "notify-grace"):
        for verb in ("MSG.NEXT", "INFO", "DELETE"):
            assert not await user.is_answered(f"$JS.API.CONSUMER.{verb}.REGISTER.{name}", b"1"), (verb, name)
    await user.nc.close()
    await curious.nc.close()


@pytest.mark.parametrize(
    "subject",
    [
        "$JS.API.DIRECT.GET.REGISTER",
        "$JS.API.STREAM.MSG.GET.REGISTER",
        "$JS.API.STREAM.INFO.REGISTER",
        "$JS.API.STREAM.DELETE.REGISTER",
        "$JS.API.STREAM.MSG.DELETE.REGISTER",
        "$JS.API.DIRECT.GET.KV_directory",
        "order.v1.release.demo",
        "register.v1.entered.demo.received.2569",
        "mail.v1.received.demo",
    ],
)
async def test_nothing_else_is_answered(world: tuple[NatsServer, Bus], subject: str) -> None:
    user = await User().connect(world[0], "archive")
    assert not await user.is_answered(subject, b'{"seq": 1}')
    await user.nc.close()


async def test_an_answer_cannot_be_sent_into_a_stream(world: tuple[NatsServer, Bus]) -> None:
    """Within one account it could: the server publishes an answer to whatever subject the request names."""
    server, bus = world
    user = await User().connect(server, "archive")
    name = consumer_name("archive", "rows", "demo")
    await user.nc.jetstream().pull_subscribe("register.v1.entered.demo.>", durable=name, stream="REGISTER")
    before = {stream: await messages(bus, stream) for stream in (MAIL_NOW, "REGISTER", "ORDERS")}
    targets = ("mail.v1.received.demo", "register.v1.entered.demo.received.2569", "order.v1.release.demo")
    for target in targets:
        for subject in (
            "$JS.API.INFO",
            f"$JS.API.CONSUMER.INFO.REGISTER.{name}",
            f"$JS.API.CONSUMER.MSG.NEXT.REGISTER.{name}",
        ):
            await user.nc.publish(subject, b"", reply=target)
    await user.settled()
    assert {stream: await messages(bus, stream) for stream in before} == before
    await user.nc.close()


async def test_a_push_consumer_delivers_into_no_stream(world: tuple[NatsServer, Bus]) -> None:
    """A stream is no interest: the server keeps such a consumer asleep, and removes it."""
    server, bus = world
    user = await User().connect(server, "archive")
    name = consumer_name("archive", "mail", "demo")
    config = ConsumerConfig(
        name=name,
        filter_subject="mail.v1.*.demo",
        deliver_subject="order.v1.release.demo",
        ack_policy="none",  # type: ignore[arg-type]  # as the API says it
    )
    before = await messages(bus, "ORDERS")
    info = await user.nc.jetstream().add_consumer(MAIL_NOW, config)
    assert not info.push_bound
    again = await bus.api(f"CONSUMER.INFO.{MAIL_NOW}.{name}")
    assert again["delivered"]["consumer_seq"] == 0
    assert await messages(bus, "ORDERS") == before
    await user.nc.close()


@pytest.mark.parametrize("name", [*(role.name for role in ROLES), "", "Archive", "with-dash", "a b", "x" * 40])
def test_a_name_that_cannot_be_a_subscribers_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a subscriber's name"):
        subscriber(name, ["demo"])


@pytest.mark.parametrize("what", list(FILTERS))
def test_the_readme_says_what_can_be_subscribed_to(what: str) -> None:
    family, subjects = FILTERS[what]
    stream = "MAIL_<year พ.ศ.>" if family == "MAIL" else family
    line = f"| `…-{what}-…` | `{stream}` | `{subjects.replace('{agency}', '<agency>')}` |"
    assert line in (Path(contracts.__path__[0]) / "README.md").read_text(encoding="utf-8")
