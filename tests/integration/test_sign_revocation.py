"""Letters whose signatures lack revocation data: the walled child asks, the parent fetches, pyHanko judges."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from contracts.findings import SignatureVerdict
from services.runtime.settings import Sign
from services.sign import signatures, trust
from services.sign.children import Children
from services.sign.fetch_questions import Kind, NotFetchedError, Outside
from services.sign.fetcher import Fetcher
from services.sign.resolver import Resolver
from services.sign.revocation_cache import RevocationCache
from tests.letters import letter_pdf
from tests.pki import Identity, make_root, make_signer, sign_pdf
from tests.revocation_server import RevocationServer, certify, crl, ocsp_responder, revocation_server

pytestmark = pytest.mark.slow

PDF = letter_pdf("ที่ นร ๑๒๐๐/ว๕๖")
ROOT = make_root()
PASSED = ("TOTAL-PASSED", None)
LATER = {("INDETERMINATE", "TRY_LATER"), ("INDETERMINATE", "CERTIFICATE_CHAIN_GENERAL_FAILURE")}
"""Without data on revocation; which of them, test_signatures.py says."""


@asynccontextmanager
async def office(
    server: RevocationServer | None, folder: Path, seconds: float = 10.0, fetch: bool = True
) -> AsyncIterator[Children]:
    """A pool that trusts ROOT; `server` may be asked, and only that."""
    resolver = Resolver(["127.0.0.1:9"], 0.5)
    hosts = () if server is None else (f"127.0.0.1:{server.port}",)
    cache = RevocationCache(folder / "revocation", 8 << 20)
    await cache.open()
    fetcher = Fetcher(resolver, cache, seconds=seconds, octets=2 << 20, hosts=hosts)
    children = Children(Sign(), trust.of([ROOT.der]), None, "test", fetcher if fetch else None)
    try:
        yield children
    finally:
        await children.close()
        await fetcher.close()
        await resolver.close()


async def signed_by(signer: Identity, octets: bytes = PDF, *, field: str = "Signature1", chain: bool = True) -> bytes:
    return await asyncio.to_thread(sign_pdf, octets, signer, field=field, chain=chain)


async def verdict(children: Children, signer: Identity, *, chain: bool = True) -> SignatureVerdict:
    found = await children.examine_pdf(await signed_by(signer, chain=chain), "หนังสือ.pdf")
    assert found.warnings == ()
    (one,) = found.signatures
    return one


def said(one: SignatureVerdict) -> tuple[str | None, str | None]:
    return one.indication, one.sub_indication


async def test_crl_and_ocsp_and_issuers_are_fetched_and_judged(tmp_path: Path) -> None:
    below = make_root("Below", issuer=ROOT)
    async with revocation_server() as server, office(server, tmp_path) as children:
        good = certify(ROOT, crl_url=f"{server.url}/crl")
        gone = certify(ROOT, crl_url=f"{server.url}/crl")
        server.answers["/crl"] = crl(ROOT, gone)
        assert said(await verdict(children, good)) == PASSED
        assert said(await verdict(children, gone))[0] == "INDETERMINATE"
        assert said(await verdict(children, gone))[1] == "REVOKED_NO_POE"
        assert server.asked["/crl"] == 1, "the same list serves all its certificates"

        answered = certify(ROOT, ocsp_url=f"{server.url}/ocsp")
        server.answers["/ocsp"] = ocsp_responder(ROOT, answered)
        assert said(await verdict(children, answered)) == PASSED
        revoked = certify(ROOT, ocsp_url=f"{server.url}/revoked")
        server.answers["/revoked"] = ocsp_responder(ROOT, revoked, revoked=True)
        assert said(await verdict(children, revoked))[1] == "REVOKED_NO_POE"

        fallen_back = certify(ROOT, ocsp_url=f"{server.url}/no-ocsp", crl_url=f"{server.url}/crl")
        assert said(await verdict(children, fallen_back)) == PASSED, "OCSP fails, the CRL speaks"
        assert server.asked["/no-ocsp"] == 1

        for path, octets in {
            "/der": below.der,
            "/pem": below.pem,
            "/p7c": pkcs7.serialize_certificates([below.certificate], Encoding.DER),
        }.items():
            server.answers[path] = octets
            orphan = certify(below, issuer_url=f"{server.url}{path}")
            assert said(await verdict(children, orphan, chain=False)) == PASSED, path


async def test_what_is_not_fetched_is_asked_of_nobody(tmp_path: Path) -> None:
    """Switched off, and for a file that carries what it needs or is judged without: no connection at all."""
    async with revocation_server() as server:
        signer = certify(ROOT, crl_url=f"{server.url}/crl")
        server.answers["/crl"] = crl(ROOT)
        async with office(server, tmp_path, fetch=False) as children:
            one = await verdict(children, signer)
            assert said(one) in LATER
            assert "ระบบไม่ดึงจากภายนอก" in one.explanation
        async with office(server, tmp_path) as children:
            assert said(await verdict(children, certify(ROOT))) == PASSED
            broken = bytearray(await signed_by(signer))
            broken[broken.index(b"stream") + 20] ^= 1
            (one,) = (await children.examine_pdf(bytes(broken), "a.pdf")).signatures
            assert one.indication == "TOTAL-FAILED"
        assert server.connections == 0


async def test_what_was_fetched_is_verified_like_what_is_carried(tmp_path: Path) -> None:
    """A list of somebody else's making, one out of date, one that is none: no verdict rests on it."""
    forger = make_root()  # the same name, another key
    old = datetime.now(UTC) - timedelta(days=9)
    answers = {
        "/forged": crl(forger),
        "/stale": crl(ROOT, hours=1, at=old),
        "/other": crl(make_root("Other")),
        "/html": b"<html>sign in to the network</html>",
        "/empty": b"\x30\x00",
        "/certificate": ROOT.der,
    }
    async with revocation_server() as server, office(server, tmp_path) as children:
        server.answers |= answers
        for path in answers:
            one = await verdict(children, certify(ROOT, crl_url=f"{server.url}{path}"))
            assert one.indication == "INDETERMINATE", path
            assert server.asked[path] == 1, path
        forged = certify(ROOT, ocsp_url=f"{server.url}/ocsp")
        server.answers["/ocsp"] = ocsp_responder(forger, forged)
        assert said(await verdict(children, forged))[0] == "INDETERMINATE"


async def test_a_useless_answer_is_gone_soon_and_a_useful_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.sign import revocation_cache

    async with revocation_server() as server, office(server, tmp_path) as children:
        server.answers |= {"/good": crl(ROOT), "/forged": crl(make_root())}
        for path in server.answers:
            await verdict(children, certify(ROOT, crl_url=f"{server.url}{path}"))
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + revocation_cache.BRIEF_SECONDS + 60)
        for path in server.answers:
            await verdict(children, certify(ROOT, crl_url=f"{server.url}{path}"))
        assert server.asked == {"/good": 1, "/forged": 2}


async def test_the_sentence_says_what_could_not_be_checked_and_why(tmp_path: Path) -> None:
    """Black holes, endless bodies, redirects, addresses inside: bounded, never followed, and said."""
    causes = {
        "black hole": "ไม่ตอบภายในเวลาที่กำหนด",
        "endless": "คำตอบยาวเกินกำหนด",
        "redirect": "ให้ไปถามที่อื่น ซึ่งระบบไม่ตามไป",
        "500": "ติดต่อไม่ได้หรือตอบผิดปกติ",
    }
    async with revocation_server() as server, revocation_server() as victim:
        server.location = f"{victim.url}/crl"
        victim.answers["/crl"] = crl(ROOT)
        server.faults |= {"/black": "black hole", "/endless": "endless", "/redirect": "redirect", "/500": "500"}
        async with office(server, tmp_path, seconds=4) as children:
            for path, words in zip(server.faults, causes.values(), strict=True):
                one = await verdict(children, certify(ROOT, crl_url=f"{server.url}{path}"))
                assert said(one) in LATER
                assert f"จากผู้ออกใบรับรองไม่ได้ในขณะตรวจ (127.0.0.1: {words})" in one.explanation
                assert "ระบบไม่ดึงจากภายนอก" not in one.explanation
            for url in (f"{victim.url}/crl", "http://169.254.169.254/crl", "http://[::1]/crl", "http://localhost/crl"):
                one = await verdict(children, certify(ROOT, crl_url=url))
                assert said(one) in LATER
                assert re.search(
                    r"จากผู้ออกใบรับรองไม่ได้ในขณะตรวจ \((\S+: )?(ที่อยู่ที่ใบรับรองระบุไม่ใช่ที่อยู่สาธารณะ|หาที่อยู่)", one.explanation
                )
            # pyHanko asks for nothing but HTTP: the sentence does not say that anybody was asked.
            one = await verdict(children, certify(ROOT, crl_url="file:///etc/passwd"))
            assert said(one) in LATER
        assert victim.connections == 0


async def test_a_letter_that_points_everywhere_is_done_in_its_time(tmp_path: Path) -> None:
    """Black holes for OCSP, CRL and issuer of each of several signatures: no child ends, an innocent letter passes."""
    async with revocation_server() as server:
        server.faults |= {f"/{kind}{number}": "black hole" for kind in ("o", "c", "i") for number in range(4)}
        server.answers["/crl"] = crl(ROOT)
        signed = PDF
        for number in range(4):
            signer = certify(
                ROOT,
                ocsp_url=f"{server.url}/o{number}",
                crl_url=f"{server.url}/c{number}",
                issuer_url=f"{server.url}/i{number}",
            )
            signed = await signed_by(signer, signed, field=f"S{number}")
        async with office(server, tmp_path, seconds=2) as children:
            found = await children.examine_pdf(signed, "a.pdf")
            assert [said(one) in LATER for one in found.signatures] == [True] * 4
            assert found.warnings == ()
            # The newest is judged first, and what is left for the oldest is nothing.
            assert "ต้องถามมากกว่าที่กำหนด" in found.signatures[0].explanation
            assert server.asked.total() <= 3
        async with office(server, tmp_path, seconds=4) as children:
            good = certify(ROOT, crl_url=f"{server.url}/crl")
            hostile = asyncio.create_task(children.examine_pdf(signed, "a.pdf"))
            assert said(await verdict(children, good)) == PASSED
            await hostile


def test_each_thing_is_asked_for_once_however_many_steps_a_verdict_has() -> None:
    """Basic validation, then with time and in the past: what failed in one step is not asked for in the next."""
    stamper = make_signer(ROOT, "Stamper", timestamping=True, rsa_key=True)
    signer = certify(ROOT, ocsp_url="http://a/o", crl_url="http://a/c", issuer_url="http://a/i")
    asked: list[tuple[str, str]] = []

    def fetch(kind: Kind, url: str, body: bytes) -> bytes:
        asked.append((kind, url))
        raise NotFetchedError("failed")

    kept: list[str] = []
    outside = Outside(fetch, lambda kind, *_: kept.append(kind))
    (one,) = signatures.judge(
        sign_pdf(PDF, signer, stamper=stamper), "a.pdf", trust.of([ROOT.der]), datetime.now(UTC), outside
    )
    assert said(one) in LATER
    assert sorted(asked) == [("crl", "http://a/c"), ("ocsp", "http://a/o")]
    assert kept == []
