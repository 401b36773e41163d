"""Each NATS user can do what its row of DESIGN's table says, and the server refuses everything else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.js.api import ConsumerConfig

from contracts.permissions import ROLES, inbox
from contracts.streams import MAIL
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.conftest import THIS_YEAR
from tests.contracts.users import User
from tests.servers import NatsServer

API = "$JS.API"
MAIL_NOW = MAIL.name(THIS_YEAR)
READERS = {"officers", "retention", "audit"}
EVERYBODY = {role.name for role in ROLES}

WHO: dict[str, set[str]] = {
    # events: one writing service a stream
    "mail.v1.received.demo": {"ingest"},
    "mail.v1.part.demo": {"ingest"},
    "mail.v1.attempted.demo": {"ingest"},
    "register.v1.entered.demo.received.2569": {"register"},
    "register.v1.record.demo": {"register"},
    "register.v1.letter.demo.abc": {"register"},
    "register.v1.notice.demo": {"register"},
    "sign.v1.examined.demo": {"sign"},
    "sign.v1.receipt.demo": {"sign"},
    "sign.v1.checkpoint.demo.received.2569": {"sign"},
    "notify.v1.receipted.demo": {"notify"},
    "order.v1.release.demo": {"officers"},
    "dead.v1.ingest.demo": {"ingest", "officers"},
    "dead.v1.register.demo": {"register", "officers"},
    "dead.v1.sign.demo": {"sign", "officers"},
    "dead.v1.notify.demo": {"notify", "officers"},
    # buckets
    "$KV.directory.agency.demo": {"officers"},
    "$KV.lease.register": {"register"},
    "$KV.outbox.cover": {"notify"},
    "$KV.caps.address": {"notify"},
    # reading
    f"{API}.DIRECT.GET.{MAIL_NOW}": {"register", "sign", "notify"} | READERS,
    f"{API}.DIRECT.GET.REGISTER": {"register", "sign", "notify"} | READERS,
    f"{API}.DIRECT.GET.REGISTER.register.v1.record.demo": {"register", "sign", "notify"} | READERS,
    f"{API}.DIRECT.GET.FINDINGS": {"register", "sign", "notify"} | READERS,
    f"{API}.DIRECT.GET.RECEIPTS": {"register", "notify"} | READERS,
    f"{API}.DIRECT.GET.ORDERS": {"register", "notify"} | READERS,
    f"{API}.DIRECT.GET.DEAD": {"register", "sign", "notify"} | READERS,
    f"{API}.DIRECT.GET.KV_directory.$KV.directory.agency.demo": EVERYBODY - {"provision", "retention"},
    f"{API}.DIRECT.GET.KV_outbox": {"notify", "officers", "audit"},
    f"{API}.STREAM.MSG.GET.REGISTER": {"register", "sign", "notify"} | READERS,
    f"{API}.CONSUMER.CREATE.{MAIL_NOW}.mine.mail.v1.received.*": {"register", "sign", "notify", "provision"} | READERS,
    f"{API}.CONSUMER.MSG.NEXT.{MAIL_NOW}.mine": {"register", "sign", "notify"} | READERS,
    # durable consumers: each its own
    f"{API}.CONSUMER.MSG.NEXT.REGISTER.sign-entered": {"sign"},
    f"{API}.CONSUMER.MSG.NEXT.REGISTER.notify-grace": {"notify"},
    f"{API}.CONSUMER.MSG.NEXT.FINDINGS.notify-sealed": {"notify"},
    f"{API}.CONSUMER.MSG.NEXT.ORDERS.notify-releases": {"notify"},
    f"{API}.CONSUMER.MSG.NEXT.DEAD.sign-retries": {"sign"},
    f"{API}.CONSUMER.MSG.NEXT.DEAD.notify-retries": {"notify"},
    "$JS.ACK.REGISTER.sign-entered.1.1.1.1.1": {"sign"},
    "$JS.ACK.FINDINGS.notify-sealed.1.1.1.1.1": {"notify"},
    f"{API}.CONSUMER.DELETE.REGISTER.sign-entered": {"provision"},
    f"{API}.CONSUMER.CREATE.REGISTER.sign-entered.register.v1.entered.>": {"provision"},
    f"{API}.CONSUMER.CREATE.REGISTER.sign-entered": {"provision"},
    f"{API}.CONSUMER.DURABLE.CREATE.REGISTER.sign-entered": {"provision"},
    # streams
    f"{API}.STREAM.CREATE.REGISTER": {"provision"},
    f"{API}.STREAM.UPDATE.REGISTER": {"provision"},
    f"{API}.STREAM.UPDATE.KV_directory": {"provision"},
    f"{API}.STREAM.DELETE.REGISTER": set(),
    f"{API}.STREAM.DELETE.{MAIL_NOW}": set(),
    f"{API}.STREAM.PURGE.REGISTER": set(),
    f"{API}.STREAM.PURGE.{MAIL_NOW}": set(),
    f"{API}.STREAM.MSG.DELETE.{MAIL_NOW}": {"retention"},
    f"{API}.STREAM.MSG.DELETE.REGISTER": {"retention"},
    f"{API}.STREAM.RESTORE.REGISTER": set(),
    f"{API}.STREAM.SNAPSHOT.REGISTER": set(),
    f"{API}.STREAM.INFO.{MAIL_NOW}": EVERYBODY,
    f"{API}.STREAM.NAMES": EVERYBODY,
    f"{API}.INFO": EVERYBODY,
    "$JS.API.SERVER.REMOVE": set(),
    "anything.else": set(),
}
"""Subject to the users that may publish on it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """Shared by the tests of this file: none of them depends on what another left behind."""
    folder: Path = tmp_path_factory.mktemp("permissions")
    started = NatsServer(folder)
    started.start()
    yield started
    started.kill()


@pytest.fixture
async def system(server: NatsServer) -> NatsServer:
    await provision(server.settings(), THIS_YEAR)
    return server


@pytest.mark.parametrize("role", [role.name for role in ROLES])
async def test_a_user_may_do_what_its_row_says_and_nothing_else(system: NatsServer, role: str) -> None:
    user = await User().connect(system, role)
    allowed = {subject for subject in WHO if await user.may_publish(subject)}
    await user.nc.close()
    assert allowed == {subject for subject, who in WHO.items() if role in who}


@pytest.mark.parametrize("role", [role.name for role in ROLES])
async def test_a_user_listens_to_its_own_inbox_alone(system: NatsServer, role: str) -> None:
    user = await User().connect(system, role)
    assert await user.may_subscribe(f"{inbox(role)}.some.token")
    others = ["_INBOX.>", ">", "mail.v1.>", "$KV.directory.>", f"{inbox('test')}.>", "$JS.API.>", f"{inbox(role)}x.a"]
    assert [subject for subject in others if await user.may_subscribe(subject)] == []
    await user.nc.close()


async def test_register_reads_mail_by_a_consumer_of_its_own(system: NatsServer) -> None:
    ingest = await Bus.connect(system.settings(), "ingest")
    await ingest.nc.jetstream().publish("mail.v1.received.demo", b"a letter")
    bus = await Bus.connect(system.settings(), "register")
    config = ConsumerConfig(name="reading", headers_only=True, ack_policy="none")  # type: ignore[arg-type]  # as the API says it
    subscription = await bus.nc.jetstream().pull_subscribe("mail.v1.received.*", stream=MAIL_NOW, config=config)
    assert [message.subject for message in await subscription.fetch(1, 5)] == ["mail.v1.received.demo"]
    await subscription.unsubscribe()
    await bus.close()
    await ingest.close()


async def test_sign_pulls_from_its_durable_and_its_ack_counts(system: NatsServer) -> None:
    register = await Bus.connect(system.settings(), "register")
    await register.nc.jetstream().publish("register.v1.entered.demo.general.2569", b"{}")
    sign = await Bus.connect(system.settings(), "sign")
    stream = sign.nc.jetstream()
    subscription = await stream.pull_subscribe("register.v1.entered.>", durable="sign-entered", stream="REGISTER")
    (message,) = await subscription.fetch(1, 5)
    await message.ack_sync()
    info = await stream.consumer_info("REGISTER", "sign-entered")
    assert info.ack_floor is not None
    assert info.ack_floor.stream_seq == message.metadata.sequence.stream
    await sign.close()
    await register.close()


async def test_the_directory_is_watched_by_a_service_and_written_by_officers(system: NatsServer) -> None:
    officers = await Bus.connect(system.settings(), "officers")
    bucket = await officers.nc.jetstream().key_value("directory")
    await bucket.put("agency.demo", b"{}")
    ingest = await Bus.connect(system.settings(), "ingest")
    read = await ingest.nc.jetstream().key_value("directory")
    watcher = await read.watchall()
    entry = await watcher.updates(5)  # type: ignore[no-untyped-call]  # nats-py does not type it
    assert entry is not None
    assert (entry.key, entry.value) == ("agency.demo", b"{}")
    await watcher.stop()  # type: ignore[no-untyped-call]  # as above
    await ingest.close()
    await officers.close()


async def test_retention_erases_one_message(system: NatsServer) -> None:
    register = await Bus.connect(system.settings(), "register")
    ack = await register.nc.jetstream().publish("register.v1.record.demo", b"a record")
    retention = await Bus.connect(system.settings(), "retention")
    before = await retention.nc.jetstream().stream_info(
        "REGISTER"
    )  # other tests' messages, or none: no hole is left then
    await retention.api("STREAM.MSG.DELETE.REGISTER", {"seq": ack.seq})
    after = await retention.nc.jetstream().stream_info("REGISTER")
    assert after.state.messages == before.state.messages - 1
    await retention.close()
    await register.close()
