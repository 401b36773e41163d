"""What each part does when a server of the cluster is lost: three real nats-servers, and one question a test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from contracts.streams import MAIL_RECEIVED
from services.ingest.mailroom import Mailroom
from services.register.feed import Feed
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.durability import broken, replicated
from services.runtime.errors import Unavailable
from services.runtime.provision import ProvisionRefused, differences, provision
from tests.books import MAIL, received, stored
from tests.cluster.servers import SIZE, Cluster
from tests.conftest import THIS_YEAR
from tests.waiting import until, until_it


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    found = Cluster(tmp_path)
    try:
        await found.start()
        yield found
    finally:
        await found.stop()


def server_of(cluster: Cluster, bus: Bus) -> int:
    """Which server a connection is to."""
    url = bus.nc.connected_url
    return next(number for number, server in enumerate(cluster.servers) if url and server.port == url.port)


async def test_who_hangs_on_a_server_that_is_cut_off_goes_to_another(cluster: Cluster) -> None:
    await cluster.provision(THIS_YEAR)
    bus = await Bus.connect(cluster.settings(request_seconds=1.0), "ingest")
    try:
        alone = server_of(cluster, bus)
        cluster.cut(alone)
        await until(lambda: bus.connected and server_of(cluster, bus) != alone, seconds=40)

        async def stores() -> bool:
            try:
                return bool((await commit(bus.nc, [stored(received())], bus.timeout)).sequence)
            except Unavailable:
                return False

        assert await until_it(stores, seconds=40)
    finally:
        await bus.close()


async def test_a_server_that_hangs_with_octets_in_its_socket_is_left(cluster: Cluster) -> None:
    """A close in order would wait until the hung machine reads what is in the socket's buffer."""
    await cluster.provision(THIS_YEAR)
    bus = await Bus.connect(cluster.settings(request_seconds=1.0), "test")
    hung = cluster.servers[server_of(cluster, bus)]
    try:
        hung.pause()
        for _ in range(8):  # more than the kernel keeps for both ends
            with pytest.raises(Unavailable):
                await bus.api("STREAM.NAMES", {"offset": 0, "padding": "x" * 1_000_000})
            if not bus.connected:
                break
        await until(lambda: bus.connected and cluster.servers[server_of(cluster, bus)] is not hung, seconds=60)
    finally:
        hung.resume()
        await bus.close()


async def test_a_letter_waits_for_the_election(cluster: Cluster) -> None:
    await cluster.provision(THIS_YEAR)
    bus = await Bus.connect(cluster.settings(request_seconds=20.0), "test")
    try:
        leads = await cluster.leader(bus, MAIL)
        if server_of(cluster, bus) == leads:  # this test is about the stream, not about the connection
            await bus.close()
            others = tuple(server.url for number, server in enumerate(cluster.servers) if number != leads)
            bus = await Bus.connect(cluster.settings(servers=others, request_seconds=20.0), "test")
        room = Mailroom(bus, 8_388_608, 1_000_000, 60.0)
        await asyncio.to_thread(cluster.servers[leads].kill)
        # Until they know of it the others hand a letter to the dead one: no answer, and 451, is right then.
        await until_it(partial(asyncio.to_thread, missed, cluster, leads), seconds=60)
        message = stored(received())

        async def one() -> list[Outgoing]:
            return [message]

        position = await room.commit(len(message.body), one)
        assert position.stream == MAIL
    finally:
        await bus.close()


def missed(cluster: Cluster, number: int) -> bool:
    """Whether every other server knows that this one is gone."""
    others = [cluster.page(other, "routez") for other in range(SIZE) if other != number]
    return all(
        page is not None and all(route["remote_name"] != f"nats-{number + 1}" for route in page["routes"])
        for page in others
    )


async def test_a_reader_on_a_server_that_lags_never_says_that_a_year_is_over(cluster: Cluster) -> None:
    """The letter that the others have stored is not there; to go on to the next year would skip it for ever."""
    await cluster.provision(THIS_YEAR)
    bus = await Bus.connect(cluster.settings(), "test")
    leads = await cluster.leader(bus, MAIL)
    behind = next(number for number in range(SIZE) if number != leads)
    alone = await Bus.connect(cluster.settings(servers=(cluster.servers[behind].url,), request_seconds=2.0), "test")
    try:
        feed = await feed_on(cluster, alone, behind)
        assert await feed.drained()
        cluster.cut(behind)
        others = tuple(server.url for number, server in enumerate(cluster.servers) if number != behind)
        there = await Bus.connect(cluster.settings(servers=others), "test")
        await there.nc.publish(MAIL_RECEIVED.replace("*", "demo"), b"x")

        async def is_stored() -> bool:
            return bool((await there.api(f"STREAM.INFO.{MAIL}"))["state"]["messages"])

        await until_it(is_stored)
        await there.close()
        assert not feed.take(10)
        try:
            over = await feed.drained()
        except Unavailable:
            over = False
        assert not over
    finally:
        await alone.close()
        await bus.close()


async def feed_on(cluster: Cluster, bus: Bus, number: int) -> Feed:
    """A reader of MAIL whose consumer lives on a certain server."""
    while True:
        feed = Feed(bus, MAIL, [MAIL_RECEIVED], 1, asyncio.Event(), batch=10)
        await feed.refresh()
        names = (await bus.api(f"CONSUMER.NAMES.{MAIL}", {"offset": 0}))["consumers"]
        for name in names:
            info = await bus.api(f"CONSUMER.INFO.{MAIL}.{name}")
            if info["cluster"]["leader"] == f"nats-{number + 1}":
                return feed
        await feed.close()


async def test_a_stream_of_one_server_does_not_pass_for_three_until_it_lies_on_them(cluster: Cluster) -> None:
    lonely = cluster.settings(replicas=1)
    bus = await Bus.connect(cluster.settings(), "test")
    try:
        assert "saraban provision" in (await replicated(bus, THIS_YEAR) or "")
        await provision(lonely, THIS_YEAR - 1)
        await provision(lonely, THIS_YEAR)
        reason = await replicated(bus, THIS_YEAR)
        assert reason == f"{MAIL} lies on 1 servers, nats.replicas says 3"
        done = await cluster.provision(THIS_YEAR)
        assert f"{MAIL}: lies on 3 servers from now on" in done
        assert await replicated(bus, THIS_YEAR) is None
        assert await differences(bus, THIS_YEAR) == []
        with pytest.raises(ProvisionRefused, match="num_replicas is 3, wanted 1"):
            await provision(lonely, THIS_YEAR)
    finally:
        await bus.close()


async def test_an_empty_machine_takes_the_place_of_a_lost_one(cluster: Cluster) -> None:
    """The runbook says so: same name, same configuration, nothing in its store."""
    await cluster.provision(THIS_YEAR)
    bus = await Bus.connect(cluster.settings(), "test")
    try:
        for _ in range(5):
            await commit(bus.nc, [stored(received())], bus.timeout)
        leads = await cluster.leader(bus, MAIL)
        lost = next(number for number in range(SIZE) if number != leads)
        await asyncio.to_thread(cluster.servers[lost].kill)
        shutil.rmtree(cluster.servers[lost].store)
        await asyncio.to_thread(cluster.servers[lost].start)
        await cluster.healthy()

        async def caught_up() -> bool:
            found = (await bus.api(f"STREAM.INFO.{MAIL}"))["cluster"]["replicas"]
            return all(replica["current"] and not replica.get("lag") for replica in found)

        await until_it(caught_up, seconds=60)
        await asyncio.to_thread(cluster.servers[leads].kill)  # now every quorum has the new one in it

        async def kept() -> bool:
            try:
                return (await commit(bus.nc, [stored(received())], 2.0)).sequence >= 6
            except Unavailable:
                return False

        assert await until_it(kept, seconds=60)
        assert (await bus.api(f"STREAM.MSG.GET.{MAIL}", {"seq": 5}))["message"]["seq"] == 5
    finally:
        await bus.close()


async def test_one_server_in_trouble_is_no_reason_to_stop_a_cluster(cluster: Cluster) -> None:
    await cluster.provision(THIS_YEAR)
    monitors = tuple(server.monitor for server in cluster.servers)
    for server in cluster.servers[1:]:
        await asyncio.to_thread(server.kill)
    alone = cluster.settings(monitors=monitors, connect_seconds=1.0)

    async def sees_it() -> str | None:
        return await broken(cluster.settings(monitors=monitors, replicas=1, connect_seconds=1.0))

    assert await until_it(sees_it, seconds=60)  # one server by itself would say so
    assert await broken(alone) is None
