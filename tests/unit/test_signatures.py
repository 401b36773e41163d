"""Verdicts on PDF files that a throw-away authority signed."""

import asyncio
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from contracts.findings import SignatureVerdict
from services.sign import signatures, trust
from services.sign.trust import TrustStore
from tests.letters import letter_pdf
from tests.pki import Authority, Identity, make_root, make_signer, sign_pdf

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class World:
    root: Authority
    signer: Identity
    store: TrustStore
    pdf: bytes
    signed: bytes

    def judge(self, octets: bytes, store: TrustStore | None = None) -> list[SignatureVerdict]:
        return signatures.judge(octets, "หนังสือ.pdf", self.store if store is None else store, NOW)


@pytest.fixture(scope="module")
def world() -> World:
    root = make_root()
    signer = make_signer(root)
    pdf = letter_pdf("ที่ นร ๑๒๐๐/ว๕๖")
    return World(root, signer, trust.of([root.der]), pdf, sign_pdf(pdf, signer))


def rotated(octets: bytes) -> bytes:
    """The PDF with its page turned by a later revision."""
    writer = IncrementalPdfFileWriter(io.BytesIO(octets))
    pages = writer.root["/Pages"]["/Kids"]
    pages[0]["/Rotate"] = generic.NumberObject(90)  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    writer.mark_update(pages.raw_get(0))
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]  # the same
    return out.getvalue()


def broken(octets: bytes) -> bytes:
    """The PDF with one bit of its content turned."""
    changed = bytearray(octets)
    changed[octets.index(b"stream") + 20] ^= 1
    return bytes(changed)


def test_a_good_signature(world: World) -> None:
    (verdict,) = world.judge(world.signed)
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-PASSED", None)
    assert verdict.coverage == "whole"
    assert verdict.signer
    assert "นายทดสอบ ระบบ" in verdict.signer
    assert verdict.holder
    assert verdict.holder.common_name == "นายทดสอบ ระบบ"
    assert verdict.issuer
    assert "Test Root CA" in verdict.issuer
    assert verdict.time_source == "claimed"
    assert verdict.trust_store == world.store.version
    assert (verdict.part, verdict.field, verdict.kind) == ("หนังสือ.pdf", "Signature1", "pdf")


def test_an_unsigned_file_has_no_verdict(world: World) -> None:
    assert world.judge(world.pdf) == []


def test_a_broken_byte(world: World) -> None:
    (verdict,) = world.judge(broken(world.signed))
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "HASH_FAILURE")


def test_a_broken_signature_container(world: World) -> None:
    start = world.signed.index(b"/Contents <") + 40
    (verdict,) = world.judge(world.signed[:start] + b"ffff" + world.signed[start + 4 :])
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "FORMAT_FAILURE")


def test_changed_afterwards(world: World) -> None:
    (verdict,) = world.judge(rotated(world.signed))
    assert verdict.coverage == "changed afterwards"
    assert "ระวัง" in verdict.explanation


def test_an_earlier_revision_that_a_second_signature_followed(world: World) -> None:
    first, second = world.judge(sign_pdf(world.signed, make_signer(world.root, "ผู้ที่สอง"), field="Second"))
    assert (first.field, first.indication, first.coverage) == ("Signature1", "TOTAL-PASSED", "earlier revision")
    assert (second.field, second.indication, second.coverage) == ("Second", "TOTAL-PASSED", "whole")


def test_a_signer_nobody_here_trusts(world: World) -> None:
    (verdict,) = world.judge(world.signed, trust.of([make_root("Another").der]))
    assert (verdict.indication, verdict.sub_indication) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")


def test_an_expired_certificate(world: World) -> None:
    expired = make_signer(world.root, not_before=NOW - timedelta(days=400), not_after=NOW - timedelta(days=2))
    (verdict,) = world.judge(sign_pdf(world.pdf, expired))
    assert (verdict.indication, verdict.sub_indication) == ("INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")


@pytest.mark.parametrize(("change", "words"), [(bytes, "ข้อมูลตรงกับ"), (broken, "ไม่ตรงกับที่ลงลายมือชื่อ")])
def test_an_empty_store_gives_no_verdict_and_says_so(
    world: World, change: Callable[[bytes], bytes], words: str
) -> None:
    (verdict,) = world.judge(change(world.signed), TrustStore())
    assert (verdict.indication, verdict.sub_indication, verdict.trust_store) == (None, None, "empty")
    assert "ยังไม่ได้กำหนดบัญชีใบรับรอง" in verdict.explanation
    assert words in verdict.explanation


def test_a_time_stamp_proves_the_time(world: World) -> None:
    stamper = make_signer(world.root, "TSA", timestamping=True, rsa_key=True, not_before=NOW - timedelta(days=9))
    at = NOW - timedelta(hours=5)
    (verdict,) = world.judge(sign_pdf(world.pdf, world.signer, stamper=stamper, at=at))
    assert (verdict.indication, verdict.time_source) == ("TOTAL-PASSED", "timestamp")
    assert verdict.signed_at == f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def test_a_time_stamp_nobody_trusts_proves_nothing(world: World) -> None:
    stamper = make_signer(make_root("Other"), "TSA", timestamping=True, rsa_key=True)
    (verdict,) = world.judge(sign_pdf(world.pdf, world.signer, stamper=stamper))
    assert (verdict.indication, verdict.time_source) == ("TOTAL-PASSED", "claimed")


def test_a_declared_revocation_that_the_file_does_not_carry_is_never_fetched(world: World) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        signer = make_signer(world.root, crl_url=f"http://127.0.0.1:{listener.getsockname()[1]}/crl")
        (verdict,) = world.judge(sign_pdf(world.pdf, signer))
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert verdict.indication == "INDETERMINATE"


def resigned_around(world: World, octets: bytes, hidden: int) -> bytes:
    """The PDF signed again so that `hidden` octets after the signature are in neither range."""
    start = octets.index(b"/ByteRange")
    end = octets.index(b"]", start) + 1
    numbers = [int(number) for number in octets[start:end].split(b"[")[1].rstrip(b"]").split()]
    ranges = [0, numbers[1], numbers[2] + hidden, numbers[3] - hidden]
    line = f"/ByteRange [{' '.join(map(str, ranges))}]".encode()
    octets = octets[:start] + line.ljust(end - start) + octets[end:]
    digest = hashlib.sha256(octets[: ranges[1]] + octets[ranges[2] :]).digest()
    container = asyncio.run(world.signer.signer().async_sign(digest, "sha256", use_pades=True)).dump().hex().encode()
    first, last = numbers[1] + 1, numbers[2] - 1
    return bytes(octets[:first] + container.ljust(last - first, b"0") + octets[last:])


def test_what_lies_between_the_signed_ranges_must_be_the_signature(world: World) -> None:
    (whole,) = world.judge(resigned_around(world, world.signed, 0))
    assert (whole.indication, whole.coverage) == ("TOTAL-PASSED", "whole")
    (gap,) = world.judge(resigned_around(world, world.signed, 8))
    assert (gap.indication, gap.sub_indication, gap.coverage) == ("INDETERMINATE", "SIGNED_DATA_NOT_FOUND", "unknown")


def test_a_file_that_cannot_be_read_but_seems_signed(world: World) -> None:
    with pytest.raises(signatures.UnreadableSignatureError):
        world.judge(b"%PDF-1.7\n/ByteRange [0 1 2 3]\nno more")


def test_every_certificate_of_the_file_is_no_anchor(world: World) -> None:
    """A self-made authority inside the file proves nothing."""
    own = make_root("Self made")
    (verdict,) = world.judge(sign_pdf(world.pdf, make_signer(own)))
    assert verdict.indication == "INDETERMINATE"
