"""The trust store while sign runs: read again when its folder changes; what cannot be used is said, not used."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from contracts.findings import LetterExamined
from services.runtime.bus import Bus
from services.runtime.readiness import Readiness
from services.runtime.settings import Sign
from services.sign import trust, trust_folder
from services.sign.children import Children
from services.sign.trust import TrustError, TrustStore
from services.sign.trust_folder import TrustFolder
from tests import books
from tests.letters import letter_pdf
from tests.pki import make_root, make_signer, sign_pdf
from tests.servers import NatsServer
from tests.signing import events, letter, mail, prepare, sealed, sign, store
from tests.trust_groups import write_group
from tests.waiting import until

ONE, TWO = make_root("One"), make_root("Two")
PDF = letter_pdf("ที่ นร ๑๒๐๐/ว๕๖")
BY_ONE, BY_TWO = sign_pdf(PDF, make_signer(ONE)), sign_pdf(PDF, make_signer(TWO))


def refused() -> float | None:
    return REGISTRY.get_sample_value("saraban_sign_trust_refused", {"setting": "sign.trust"})


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_folder, "LOOK_SECONDS", 0.05)


@asynccontextmanager
async def following(path: Path) -> AsyncIterator[tuple[TrustFolder, list[TrustStore], Readiness]]:
    folder, stores, readiness = TrustFolder("sign.trust", path), list[TrustStore](), Readiness("sign")
    task = asyncio.create_task(folder.follow(stores.append, readiness))
    try:
        yield folder, stores, readiness
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_changed_folder_is_taken_and_a_bad_one_is_said(tmp_path: Path) -> None:
    write_group(tmp_path / "national", ONE)
    async with following(tmp_path) as (folder, stores, readiness):
        first = folder.store.version
        write_group(tmp_path / "national", ONE, purposes=["signatures"])
        await until(lambda: len(stores) == 1, 60)
        assert folder.store.version not in (first, "empty")
        second = folder.store.version

        (tmp_path / "national" / "0.pem").write_bytes(TWO.pem)
        await until(refused, 60)
        assert not readiness.ready
        assert any("sha256" in str(reason) and second in str(reason) for reason in readiness.reasons)
        assert folder.store.version == second
        assert len(stores) == 1

        (tmp_path / "national" / "0.pem").write_bytes(ONE.pem)
        await until(lambda: refused() == 0, 60)
        assert folder.store.version == second
        assert len(stores) == 1, "the same store is no change"

        (tmp_path / "two.pem").write_bytes(TWO.pem)
        await until(lambda: len(stores) == 2, 60)
        assert stores[-1].anchors == trust.load(tmp_path).anchors
        for file in (tmp_path / "two.pem", tmp_path / "national" / "group.toml", tmp_path / "national" / "0.pem"):
            file.unlink()
        await until(lambda: stores[-1].version == "empty", 60)


async def test_a_copy_under_way_is_waited_for(tmp_path: Path) -> None:
    """A folder that changes at every look is not read: half of a copy would be an alarm."""
    write_group(tmp_path / "g", ONE)
    async with following(tmp_path) as (folder, stores, _):
        looked = 0
        look = folder.look

        def changing() -> tuple[object, ...]:
            nonlocal looked
            looked += 1
            return (*look(), looked) if looked < 20 else look()

        folder.look = changing  # type: ignore[method-assign]  # a folder that changes between any two looks
        (tmp_path / "two.pem").write_bytes(TWO.pem)
        await until(lambda: looked >= 15, 60)
        assert stores == []
        await until(lambda: stores, 60)


@pytest.mark.slow
async def test_the_next_letter_is_judged_by_the_new_store_and_one_under_way_by_its_own() -> None:
    old, new = trust.of([ONE.der]), trust.of([ONE.der, TWO.der])
    children = Children(Sign(children=2), old, None, "test")
    try:
        await children.examine_pdf(PDF, "warm.pdf")
        under_way = asyncio.create_task(children.examine_pdf(BY_TWO, "a.pdf"))
        await asyncio.sleep(0)  # it has its child
        children.trust(new)
        (before,), (after,) = (
            found.signatures for found in await asyncio.gather(under_way, children.examine_pdf(BY_TWO, "b.pdf"))
        )
    finally:
        await children.close()
    assert (before.indication, before.trust_store) == ("INDETERMINATE", old.version)
    assert (after.indication, after.trust_store) == ("TOTAL-PASSED", new.version)


@pytest.mark.slow
async def test_the_running_service_takes_a_new_anchor_into_use(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    await prepare(bus)
    store_folder = tmp_path / "state" / "trust"
    write_group(store_folder / "one", ONE)
    write_group(store_folder / "other", TWO, more='agencies = ["another"]')
    first = trust.load(store_folder).version
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path / "state", trust="trust"):
        await store(bus, letter(mail(pdf=BY_ONE)), letter(mail("ที่ นร ๑๒๐๐/๕๗ เรื่อง อื่น", pdf=BY_TWO)))
        await sealed(bus, 2)
        write_group(store_folder / "other", TWO)
        second = trust.load(store_folder).version
        assert first != second
        await asyncio.sleep(1)  # longer than two looks; what counts is waited for below
        for number in range(58, 90):
            await store(bus, letter(mail(f"ที่ นร ๑๒๐๐/{number} เรื่อง อื่น", pdf=BY_TWO)))
            await sealed(bus, number - 55)
            if (await examined(bus))[-1][2] == second:
                break
    found = await examined(bus)
    assert ("TOTAL-PASSED", None, first) in found[:2]
    assert ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND", first) in found[:2], "of an anchor for another agency"
    assert found[-1] == ("TOTAL-PASSED", None, second)


async def examined(bus: Bus) -> list[tuple[str | None, str | None, str]]:
    return [
        (one.indication, one.sub_indication, one.trust_store)
        for event in await events(bus)
        if isinstance(event, LetterExamined)
        for one in event.findings.signatures
    ]


def test_a_store_that_is_not_what_is_pinned_stops_the_start_with_one_line(tmp_path: Path) -> None:
    folder = write_group(tmp_path / "state" / "trust" / "national", ONE)
    (folder / "0.pem").write_bytes(TWO.pem)
    config = tmp_path / "saraban.toml"
    config.write_text(f'state = "{tmp_path / "state"}"\n[sign]\ntrust = "trust"\ntest_authority = "test"\n')
    ended = subprocess.run(
        [sys.executable, "-m", "services.cli", "sign", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = (line for line in ended.stderr.splitlines() if not line.startswith("{"))  # beside the log
    assert "Traceback" not in ended.stderr
    assert "sign.trust: " in line
    assert "0.pem" in line
    assert "sha256" in line
    with pytest.raises(TrustError, match=r"^sign\.trust: "):
        TrustFolder("sign.trust", tmp_path / "state" / "trust")
