"""Keys that are replaced while sign runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.runtime.settings import Sign
from services.sign import seal_sources
from services.sign.seal_sources import renew
from services.sign.seals import Seals
from tests import pki, receipts
from tests.softhsm import PIN, SoftHsm
from tests.unit.test_seal import PAPER, ROOT, judged
from tests.waiting import until


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_sources, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(seal_sources, "TOKEN_SECONDS", 0.05)


def put(folder: Path, name: str, signer: pki.Identity | None, octets: bytes = b"") -> None:
    """Replace a file as an operator should: beside it, then moved there."""
    fresh = folder / f"{name}.new"
    fresh.write_bytes(signer.pkcs12("pw") if signer is not None else octets)
    fresh.replace(folder / name)


@asynccontextmanager
async def renewing(seals: Seals) -> AsyncIterator[None]:
    running = asyncio.create_task(renew(seals.sources, seals))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def used(seals: Seals) -> str:
    return seals.of(receipts.agency())[0].name


def refused() -> float:
    return REGISTRY.get_sample_value("saraban_sign_seals_refused_total") or 0


async def test_a_replaced_file_is_taken_into_use_and_a_bad_one_is_not(tmp_path: Path) -> None:
    put(tmp_path, "seal.p12", pki.make_signer(ROOT, "first", rsa_key=True))
    seals = Seals.load(Sign(seals={"operator": "seal.p12"}, seal_passwords={"operator": "pw"}), tmp_path)
    old = seals.of(receipts.agency())[0]
    sealed = await asyncio.to_thread(old.seal, PAPER, "ใบรับ")
    async with renewing(seals):
        put(tmp_path, "seal.p12", pki.make_signer(ROOT, "second", rsa_key=True))
        await until(lambda: used(seals) == "second")
        long_ago = datetime.now(UTC) - timedelta(days=400)
        expired = pki.make_signer(ROOT, "expired", not_before=long_ago, not_after=long_ago + timedelta(days=1))
        for bad, octets in ((None, b"nothing"), (expired, b"")):
            before = refused()
            put(tmp_path, "seal.p12", bad, octets)
            await until(lambda before=before: refused() == before + 1)  # type: ignore[misc]  # bound now
            assert used(seals) == "second"
        (tmp_path / "seal.p12").unlink()
        before = refused()
        await until(lambda: refused() == before + 1)
        put(tmp_path, "seal.p12", pki.make_signer(ROOT, "third", rsa_key=True))
        await until(lambda: used(seals) == "third")
    late = await asyncio.to_thread(old.seal, PAPER, "ใบรับ")  # what was begun with the old key ends with it
    for pdf in (sealed, late):
        assert (await asyncio.to_thread(judged, pdf, ROOT.der)).bottom_line


async def test_the_next_key_takes_over_when_its_time_begins(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    put(tmp_path, "now.p12", pki.make_signer(ROOT, "now"))
    put(tmp_path, "next.p12", pki.make_signer(ROOT, "next", not_before=soon))
    config = Sign(
        seals={"operator": "now.p12", "operator.next": "next.p12"},
        seal_passwords={"operator": "pw", "operator.next": "pw"},
    )
    seals = Seals.load(config, tmp_path)
    assert used(seals) == "now"
    assert seals.problems([receipts.agency()]) == ([], [])
    await until(lambda: used(seals) == "next")
    assert datetime.now(UTC) >= soon.replace(microsecond=0)


async def test_how_long_certificates_are_valid_is_shown(tmp_path: Path) -> None:
    ends = datetime.now(UTC) + timedelta(days=20)
    put(tmp_path, "seal.p12", pki.make_signer(ROOT, "x", not_after=ends))
    seals = Seals.load(Sign(seals={"operator": "seal.p12"}, seal_passwords={"operator": "pw"}), tmp_path)
    async with renewing(seals):
        await until(lambda: shown().get("operator") == pytest.approx(20 * 86_400, abs=120))


def shown() -> dict[str, float]:
    return {
        sample.labels["seal"]: sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "saraban_sign_certificate_expires_seconds"
    }


@pytest.mark.system("softhsm2")
async def test_a_certificate_replaced_in_a_token_comes_into_use(tmp_path: Path) -> None:
    """The same key with a renewed certificate."""
    hsm = SoftHsm(tmp_path / "hsm")
    hsm.restart()
    hsm.token("turns")
    signer = pki.make_signer(ROOT, "before", rsa_key=True)
    hsm.put("turns", "seal", signer)
    seals = Seals.load(Sign(seals={"operator": hsm.uri("turns", "seal")}, seal_passwords={"operator": PIN}), tmp_path)
    assert used(seals) == "before"
    async with renewing(seals):
        hsm.put_certificate("turns", "seal", pki.make_signer(ROOT, "after", key=signer.key))
        await until(lambda: used(seals) == "after")
    pdf = await asyncio.to_thread(seals.of(receipts.agency())[0].seal, PAPER, "ใบรับ")
    assert (await asyncio.to_thread(judged, pdf, ROOT.der)).bottom_line
