"""Provisioning on a real nats-server: what is missing is made, nothing is ever harmed."""

import asyncio
from typing import Any

import pytest

from contracts.streams import BUCKETS, CONSUMERS, LEASE, STREAMS
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable
from services.runtime.letters import read_message
from services.runtime.provision import ProvisionRefused, closed_subject, differences, provision
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer

MAIL = f"MAIL_{THIS_YEAR}"


async def config(bus: Bus, stream: str) -> dict[str, Any]:
    found: dict[str, Any] = (await bus.api(f"STREAM.INFO.{stream}"))["config"]
    return found


async def change(bus: Bus, stream: str, **fields: object) -> None:
    await bus.api(f"STREAM.UPDATE.{stream}", {**await config(bus, stream), **fields})


async def test_everything_is_made_once(nats_server: NatsServer) -> None:
    done = await provision(nats_server.settings(), THIS_YEAR)
    assert len(done) == len(STREAMS) + len(BUCKETS) + len(CONSUMERS)
    assert all(line.endswith(": created") for line in done)
    assert await provision(nats_server.settings(), THIS_YEAR) == []
    bus = await Bus.connect(nats_server.settings(), "audit")
    assert await differences(bus, THIS_YEAR) == []
    await bus.close()


async def test_two_at_once_are_one(nats_server: NatsServer) -> None:
    both = await asyncio.gather(*(provision(nats_server.settings(), THIS_YEAR) for _ in range(2)))
    assert sum(len(done) for done in both) >= len(STREAMS) + len(BUCKETS) + len(CONSUMERS)
    assert await provision(nats_server.settings(), THIS_YEAR) == []


async def test_everything_is_there_after_the_server_was_killed(nats_server: NatsServer) -> None:
    await provision(nats_server.settings(), THIS_YEAR)
    nats_server.kill()
    nats_server.start()
    assert await provision(nats_server.settings(), THIS_YEAR) == []


async def test_buckets_are_those_of_every_client(bus: Bus) -> None:
    for bucket in BUCKETS:
        store = await bus.js.key_value(bucket.name)
        await store.put("key.one", b"1")
        assert (await store.get("key.one")).value == b"1"
        status = await store.status()
        assert (status.history, status.ttl or 0) == (bucket.history, bucket.ttl_seconds)
    lease = await bus.js.key_value(LEASE.name)
    revision = await lease.create("fresh", b"a")
    await lease.update("fresh", b"b", last=revision)


async def test_what_is_safe_is_added(nats_server: NatsServer, bus: Bus) -> None:
    await commit(bus.nc, [Outgoing("order.v1.note.demo", b"kept", {})], 10)
    await change(bus, "ORDERS", allow_direct=False)
    assert await differences(bus, THIS_YEAR) == ["ORDERS: allow_direct is False, wanted True"]
    assert await provision(nats_server.settings(), THIS_YEAR) == ["ORDERS: allow_direct switched on"]
    assert await differences(bus, THIS_YEAR) == []
    message = await read_message(bus.nc, "ORDERS", 1)
    assert message is not None
    assert message.body == b"kept"


async def test_settings_that_are_not_ours_are_left(nats_server: NatsServer, bus: Bus) -> None:
    await change(bus, "ORDERS", description="the officers' decisions", allow_direct=False)
    await provision(nats_server.settings(), THIS_YEAR)
    assert (await config(bus, "ORDERS"))["description"] == "the officers' decisions"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"no_ack": True}, "REGISTER: no_ack is True, wanted False"),
        ({"max_msg_size": 1000}, "REGISTER: max_msg_size is 1000, wanted -1"),
        ({"sealed": True}, "REGISTER: sealed is True, wanted False"),
        ({"max_age": 3_600_000_000_000}, "REGISTER: max_age is 3600000000000, wanted 0"),
        ({"max_msgs_per_subject": 5}, "REGISTER: max_msgs_per_subject is 5, wanted -1"),
        ({"max_bytes": 10_000_000, "discard": "old"}, "REGISTER: discard is 'old', wanted 'new'"),
        (
            {"subjects": ["register.v1.entered.>"]},
            "REGISTER: subjects is ['register.v1.entered.>'], wanted ['register.v1.>']",
        ),
    ],
)
async def test_a_harmful_difference_is_refused_and_nothing_is_touched(
    nats_server: NatsServer, bus: Bus, fields: dict[str, object], line: str
) -> None:
    await change(bus, "REGISTER", **fields)
    before = await config(bus, "REGISTER")
    await change(bus, "ORDERS", allow_direct=False)
    with pytest.raises(ProvisionRefused) as caught:
        await provision(nats_server.settings(), THIS_YEAR)
    assert line in str(caught.value)
    assert line in await differences(bus, THIS_YEAR)
    assert await config(bus, "REGISTER") == before
    assert (await config(bus, "ORDERS"))["allow_direct"] is False  # refused as a whole, before anything is done


async def test_a_consumer_that_delivers_something_else_is_refused(nats_server: NatsServer, bus: Bus) -> None:
    consumer = CONSUMERS[0]
    await bus.api(f"CONSUMER.DELETE.{consumer.stream}.{consumer.durable}")
    wrong = {**consumer.config(), "filter_subject": "register.v1.notice.*"}
    path = f"CONSUMER.CREATE.{consumer.stream}.{consumer.durable}.register.v1.notice.*"
    await bus.api(path, {"stream_name": consumer.stream, "config": wrong})
    with pytest.raises(ProvisionRefused, match=f"{consumer.durable}: filter_subject"):
        await provision(nats_server.settings(), THIS_YEAR)


async def test_a_consumer_that_leaves_something_out_is_refused(nats_server: NatsServer, bus: Bus) -> None:
    consumer = CONSUMERS[0]
    path = f"CONSUMER.CREATE.{consumer.stream}.{consumer.durable}.{consumer.filter_subject}"
    found = (await bus.api(f"CONSUMER.INFO.{consumer.stream}.{consumer.durable}"))["config"]
    await bus.api(path, {"stream_name": consumer.stream, "config": {**found, "headers_only": True}, "action": "update"})
    with pytest.raises(ProvisionRefused, match="headers_only is True"):
        await provision(nats_server.settings(), THIS_YEAR)


async def test_a_consumers_patience_is_updated_and_its_position_stays(nats_server: NatsServer, bus: Bus) -> None:
    consumer = next(consumer for consumer in CONSUMERS if consumer.stream == "ORDERS")
    subject = consumer.filter_subject.replace("*", "demo")
    await commit(bus.nc, [Outgoing(subject, b"1", {})], 10)
    subscription = await bus.js.pull_subscribe_bind(consumer.durable, consumer.stream)
    await (await subscription.fetch(1))[0].ack_sync()
    path = f"CONSUMER.CREATE.{consumer.stream}.{consumer.durable}.{consumer.filter_subject}"
    shorter = {**consumer.config(), "ack_wait": 5_000_000_000}
    await bus.api(path, {"stream_name": consumer.stream, "config": shorter, "action": "update"})
    assert await provision(nats_server.settings(), THIS_YEAR) == [f"ORDERS {consumer.durable}: ack_wait updated"]
    info = await bus.api(f"CONSUMER.INFO.ORDERS.{consumer.durable}")
    assert (info["ack_floor"]["stream_seq"], info["num_pending"]) == (1, 0)


async def test_a_new_year_takes_the_subjects_and_the_old_one_stays(nats_server: NatsServer, bus: Bus) -> None:
    await commit(bus.nc, [Outgoing("mail.v1.part.demo", b"old", {})], 10)
    done = await provision(nats_server.settings(), THIS_YEAR + 1)
    assert done == [f"{MAIL}: closed, MAIL_{THIS_YEAR + 1} takes its subjects", f"MAIL_{THIS_YEAR + 1}: created"]
    position = await commit(bus.nc, [Outgoing("mail.v1.part.demo", b"new", {})], 10)
    assert (position.stream, position.sequence) == (f"MAIL_{THIS_YEAR + 1}", 1)
    message = await read_message(bus.nc, MAIL, 1)
    assert message is not None
    assert message.body == b"old"
    assert (await config(bus, MAIL))["subjects"] == [closed_subject(MAIL)]
    assert await provision(nats_server.settings(), THIS_YEAR + 1) == []
    assert await differences(bus, THIS_YEAR + 1) == []


async def test_a_turn_of_the_year_that_was_interrupted_is_finished(nats_server: NatsServer, bus: Bus) -> None:
    """The old year gave up its subjects, then the power went: nobody takes letters until this is run again."""
    await change(bus, MAIL, subjects=[closed_subject(MAIL)])
    with pytest.raises(Unavailable):
        await commit(bus.nc, [Outgoing("mail.v1.part.demo", b"lost?", {})], 2)
    assert await provision(nats_server.settings(), THIS_YEAR + 1) == [f"MAIL_{THIS_YEAR + 1}: created"]
    await commit(bus.nc, [Outgoing("mail.v1.part.demo", b"kept", {})], 10)


async def test_a_clock_that_went_back_a_year_closes_nothing(nats_server: NatsServer, bus: Bus) -> None:
    with pytest.raises(ProvisionRefused, match="MAIL"):
        await provision(nats_server.settings(), THIS_YEAR - 1)
    assert (await config(bus, MAIL))["subjects"] == ["mail.v1.>"]
    await commit(bus.nc, [Outgoing("mail.v1.part.demo", b"kept", {})], 10)


async def test_without_a_server_it_says_so(nats_server: NatsServer) -> None:
    nats_server.kill()
    with pytest.raises(Unavailable):
        await provision(nats_server.settings(request_seconds=1), THIS_YEAR)
