"""Time-stamping authorities: a real one on loopback, its faults, and the one behind it."""

import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from asn1crypto import tsp
from prometheus_client import REGISTRY

from services.sign import authorities
from services.sign.authorities import Authorities
from services.sign.press import Press
from services.sign.timestamp_http import ANSWER_BYTES, Http
from services.sign.timestamp_token import Request, TokenError
from services.sign.trust import TrustStore, load
from tests.pki import make_root, make_signer, make_stamper
from tests.timestamp_authority import Fault, TimestampAuthority, timestamp_authority

OCTETS = b"what is signed"
SECONDS = 1.0


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    with timestamp_authority(tmp_path_factory.mktemp("tsa")) as made:
        yield made


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    with timestamp_authority(tmp_path_factory.mktemp("other")) as made:
        yield made


@asynccontextmanager
async def asking(*urls: str, trust: Path | None = None) -> AsyncIterator[Authorities]:
    press = Press()
    made = Authorities(urls, SECONDS, load(trust), press, Http())
    try:
        yield made
    finally:
        await made.close()
        press.close()


def verified(token: bytes, folder: Path, root: Path) -> bool:
    """By openssl."""
    (folder / "octets").write_bytes(OCTETS)
    (folder / "token").write_bytes(token)
    words: list[str | Path] = ["-data", folder / "octets", "-token_in", "-in", folder / "token", "-CAfile", root]
    return subprocess.run(["openssl", "ts", "-verify", *words], capture_output=True, check=False).returncode == 0


async def test_a_token_is_over_the_octets_and_verifies_by_openssl(tsa: TimestampAuthority, tmp_path: Path) -> None:
    async with asking(tsa.url, trust=tsa.trust) as found:
        token = await found.stamp(OCTETS)
    assert token is not None
    assert verified(token, tmp_path, tsa.trust)


FAULTS = [fault for fault in get_args(Fault) if fault]


def failures(cause: str) -> float:
    name = "saraban_sign_timestamp_failures_total"
    return REGISTRY.get_sample_value(name, {"authority": "0", "cause": cause}) or 0


@pytest.mark.parametrize("fault", FAULTS)
async def test_of_a_faulty_one_nothing_is_taken_and_the_next_is_asked(
    fault: Fault, tsa: TimestampAuthority, other: TimestampAuthority, tmp_path: Path
) -> None:
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "one.pem").write_bytes(tsa.root.pem)
    (trust / "two.pem").write_bytes(other.root.pem)
    failed = ("500", "redirect", "redirect to a file", "endless", "endless head", "gzip bomb")
    cause = "silent" if fault in ("black hole", "drip") else "failed" if fault in failed else "refused"
    before, asked = failures(cause), tsa.asked
    tsa.fault = fault
    try:
        async with asking(tsa.url, other.url, trust=trust) as found:
            token = await found.stamp(OCTETS)
            assert token is not None
            assert verified(token, tmp_path, other.trust)
            assert failures(cause) == before + 1
            assert tsa.asked == asked + 1  # a redirect was not followed
            # It is left alone for a while: the next head does not wait for it.
            assert await found.stamp(OCTETS) is not None
            assert tsa.asked == asked + 1
    finally:
        tsa.fault = ""


async def test_one_that_recovers_is_asked_again(tsa: TimestampAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorities, "FIRST_PAUSE_SECONDS", 0.2)
    tsa.fault = "500"
    async with asking(tsa.url) as found:
        assert await found.stamp(OCTETS) is None
        assert not found.willing
        assert await found.stamp(OCTETS) is None
        tsa.fault = ""
        deadline = time.monotonic() + 20
        while (token := await found.stamp(OCTETS)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # noqa: ASYNC251 - nothing else runs
        assert token


async def test_a_certificate_of_another_root_is_not_taken(tsa: TimestampAuthority, other: TimestampAuthority) -> None:
    async with asking(other.url, trust=tsa.trust) as found:
        assert await found.stamp(OCTETS) is None
    async with asking(other.url) as found:
        assert await found.stamp(OCTETS) is not None


def test_a_token_is_far_smaller_than_what_is_read_of_an_answer(tsa: TimestampAuthority) -> None:
    assert 8 * len(tsa.answer(Request(OCTETS).body)) <= ANSWER_BYTES


@pytest.mark.parametrize(
    ("timestamping", "days", "why"),
    [(False, 0, "not for time-stamping alone"), (True, 1, "its time is"), (True, -1, "its time is")],
)
def test_a_certificate_of_another_purpose_and_a_clock_that_is_off(timestamping: bool, days: int, why: str) -> None:
    """What openssl will not sign, pyHanko's authority does."""
    root, now = make_root(), datetime.now(UTC)
    stamper = make_stamper(make_signer(root, timestamping=timestamping, rsa_key=True), now + timedelta(days=days))
    request = Request(OCTETS)
    answer = stamper.request_tsa_response(tsp.TimeStampReq.load(request.body)).dump()
    with pytest.raises(TokenError, match=why):
        request.token(answer, TrustStore((root.der,)), now)


def test_the_token_of_another_request_is_not_taken(tsa: TimestampAuthority) -> None:
    """Replayed: signed by the right authority, over the same octets, for another question."""
    answer = tsa.answer(Request(OCTETS).body)
    with pytest.raises(TokenError, match="nonce"):
        Request(OCTETS).token(answer, TrustStore(), datetime.now(UTC))
