"""The directory, followed on a real nats-server."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from contracts.directory import Agency, Domain
from services.runtime import directory
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from tests.servers import NatsServer
from tests.waiting import until


def agency(agency_id: str, *addresses: str, domain: str = "office.test", name: str = "Office") -> Agency:
    return Agency(id=agency_id, name=name, domains=(Domain(name=domain),), addresses=addresses)


@pytest.fixture
async def watched(bus: Bus) -> AsyncIterator[Directory]:
    found = await Directory.watch(bus)
    yield found
    await found.close()


async def test_an_empty_directory_is_loaded(watched: Directory) -> None:
    await until(lambda: watched.loaded)
    assert dict(watched.agencies) == {}
    assert watched.by_address("saraban@office.test") is None


async def test_changes_are_seen_as_they_happen(bus: Bus, watched: Directory) -> None:
    await directory.put(bus, agency("a", "saraban_01@office.test"))
    await directory.put(bus, agency("b", "saraban_02@office.test"))
    await until(lambda: len(watched.agencies) == 2)
    found = watched.by_address("SARABAN_02@Office.Test")
    assert found is not None
    assert found.id == "b"
    assert [each.id for each in watched.by_domain("OFFICE.test.")] == ["a", "b"]

    await directory.put(bus, agency("b", "saraban_03@office.test"))
    await until(lambda: watched.by_address("saraban_03@office.test"))
    assert watched.by_address("saraban_02@office.test") is None

    await directory.remove(bus, "a")
    await until(lambda: watched.agency("a") is None)
    assert [each.id for each in watched.by_domain("office.test")] == ["b"]


async def test_a_value_that_cannot_be_used_leaves_the_one_before(bus: Bus, watched: Directory) -> None:
    await directory.put(bus, agency("a", "saraban@office.test"))
    await until(lambda: watched.agency("a"))
    for bad in (b"{}", b"no json", msgspec.json.encode(agency("other", "saraban@office.test"))):
        await commit(bus.nc, [Outgoing("$KV.directory.agency.a", bad, {})], 10)
    await directory.put(bus, agency("z", "z@office.test"))
    await until(lambda: watched.agency("z"))
    assert watched.by_address("saraban@office.test") == watched.agency("a") != None  # noqa: E711 - both are there

    again = await Directory.watch(bus)
    await until(lambda: again.loaded)
    assert set(again.agencies) == {"z"}  # a process that never saw a good value has none
    await again.close()


async def test_one_with_a_contradiction_is_refused_when_put(bus: Bus) -> None:
    with pytest.raises(ValueError, match="is not on one of the agency's domains"):
        await directory.put(bus, agency("a", "saraban@elsewhere.test"))


async def test_a_thai_domain_is_found_in_every_spelling(bus: Bus, watched: Directory) -> None:
    await directory.put(bus, agency("th", "saraban@ตัวอย่าง.ไทย", domain="ตัวอย่าง.ไทย"))
    await until(lambda: watched.agency("th"))
    for spelling in ("saraban@ตัวอย่าง.ไทย", "Saraban@xn--72c1a1bt4awk9o.xn--o3cw4h", "saraban@ตัวอย่าง.ไทย."):
        found = watched.by_address(spelling)
        assert found is not None, spelling


async def test_it_survives_a_killed_server(nats_server: NatsServer, bus: Bus, watched: Directory) -> None:
    await directory.put(bus, agency("a", "saraban@office.test"))
    await until(lambda: watched.agency("a"))
    nats_server.kill()
    await until(lambda: not bus.connected)
    assert watched.by_address("saraban@office.test") is not None
    nats_server.start()
    await until(lambda: bus.connected)
    await directory.put(bus, agency("b", "b@office.test"))
    await until(lambda: watched.agency("b"))
    assert watched.loaded


async def test_a_watch_that_died_at_the_server_is_noticed(
    bus: Bus, watched: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nats-py would hear it by missing heartbeats, two of 5 s."""
    await until(lambda: watched.loaded)
    monkeypatch.setattr(directory, "CHECK_SECONDS", 0.2)
    await directory.put(bus, agency("a", "a@office.test"))
    await until(lambda: watched.agency("a"))
    for name in (await bus.api("CONSUMER.NAMES.KV_directory", {"offset": 0}))["consumers"]:
        await bus.api(f"CONSUMER.DELETE.KV_directory.{name}")
    await directory.put(bus, agency("b", "b@office.test"))
    await until(lambda: watched.agency("b"), seconds=5)
    await directory.remove(bus, "a")
    await until(lambda: watched.agency("a") is None, seconds=5)
