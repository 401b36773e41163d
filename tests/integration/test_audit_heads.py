"""The audit and the signed heads: each is its book's, by whose key it says, stamped; none is missing (invariant 7)."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization

from contracts import chain, codec
from contracts.findings import CheckpointSealed, ReceiptSealed
from contracts.receipt import Head
from contracts.values import sha256_hex
from services.audit.audit import audit
from services.runtime import settings
from services.runtime.bus import Bus
from services.sign.seal import SealKey
from tests import pki
from tests.conftest import THIS_YEAR
from tests.copies import BOOK, Copy, Kept, copied, said

ROOT = pki.make_root("Test Root")
SEALER, OTHER = pki.make_signer(ROOT, "Operator"), pki.make_signer(ROOT, "Somebody")
STAMPS = pki.make_signer(ROOT, "TSA", timestamping=True, rsa_key=True)
NAME = f"head of demo received {THIS_YEAR}"
AT = f"{THIS_YEAR - 543}-06-17T05:00:00.000000Z"


def rows(copy: Copy) -> list[tuple[int, bytes]]:
    return [(n, copy.at("REGISTER", n).body) for n in copy.find("REGISTER", lambda kept: kept.subject == BOOK)]


def head(copy: Copy, signer: SealKey, length: int = 0, *, stamp: bool = False, **changes: Any) -> CheckpointSealed:
    """The signed head of the book after `length` messages, or of all."""
    found = rows(copy)[: length or None]
    link = chain.first_link(BOOK)
    for _, body in found:
        link = chain.next_link(link, body)
    signature = signer.sign(bytes.fromhex(changes.get("signed", link)))
    changes.pop("signed", None)
    token = None
    if stamp:
        digest = bytes.fromhex(sha256_hex(signature))
        token = asyncio.run(pki.make_stamper(STAMPS).async_timestamp(digest, "sha256")).dump()
    values: dict[str, Any] = {
        "agency": "demo", "series": "received", "year": THIS_YEAR, "sequence": found[-1][0], "length": len(found),
        "link": link, "signed_at": AT, "signature": signature, "token": token,
    }  # fmt: skip
    return CheckpointSealed(**(values | changes))


def add(copy: Copy, event: CheckpointSealed) -> int:
    """Publish it; its sequence in FINDINGS."""
    kept = Kept(event.nats_subject, codec.encode_headers(event), codec.encode(event))
    copy.streams["FINDINGS"].append(kept)
    return len(copy.streams["FINDINGS"])


def carrying(copy: Copy, number: int, signed: CheckpointSealed) -> None:
    """Let the receipt of an entry carry a head; it comes behind that in the stream, as in life."""
    (old,) = copy.find(
        "FINDINGS", lambda kept: f'"number":{number},'.encode() in kept.body and b"sign.receipt" in kept.body
    )
    kept = copy.at("FINDINGS", old)
    copy.remove("FINDINGS", old)
    event = codec.decode(kept.body, ReceiptSealed)
    between = [sha256_hex(body) for n, body in rows(copy) if signed.sequence < n < copy.row(number)]
    carried = Head(
        link=signed.link, sequence=signed.sequence, length=signed.length, signed_at=AT, signature=signed.signature,
        token=signed.token,
    )  # fmt: skip
    proof = msgspec.structs.replace(event.receipt.proof, head=carried, between=tuple(between))
    changed = msgspec.structs.replace(event, receipt=msgspec.structs.replace(event.receipt, proof=proof))
    copy.streams["FINDINGS"].append(Kept(kept.subject, kept.headers, codec.encode(changed)))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> SealKey:
    file = tmp_path_factory.mktemp("key") / "seal.p12"
    file.write_bytes(SEALER.pkcs12())
    return SealKey.load(file, None)


@pytest.fixture(scope="module")
def heads(good: Copy, signer: SealKey) -> dict[str, CheckpointSealed]:
    """Made outside any event loop."""
    return {
        "third": head(good, signer, 3, stamp=True),
        "fifth": head(good, signer, 5),
        "newest": head(good, signer, stamp=True),
        "of another link": head(good, signer, 5, signed="0" * 64),
        "another link": head(good, signer, 5, link="0" * 64),
    }


async def test_signed_heads_hold_and_receipts_carry_them(
    good: Copy, heads: dict[str, CheckpointSealed], tmp_path: Path
) -> None:
    def falsify(copy: Copy) -> None:
        for name in ("third", "fifth", "newest"):
            add(copy, heads[name])
        carrying(copy, 105, heads["fifth"])
        carrying(copy, 106, heads["third"])

    async with copied(tmp_path, good, falsify) as (_, bus):
        own = await Bus.connect(bus.settings, "audit")
        report = await audit(own)
        await own.close()
    assert [str(problem) for problem in report.problems] == []
    assert (report.counts.heads, report.counts.waiting_heads) == (3, 1)


FALSE = {
    "of another link": "its signature is of something else",
    "another link": "is not the head of the book at 5 messages: rows before it were changed",
    "token": "its time-stamp is of another signature",
    "signature": "its signature",
    "length": "is signed over 99 messages; the book has",
    "back": "is of 3 messages, after one of 5",
}


@pytest.mark.parametrize("how", FALSE)
async def test_a_false_head(good: Copy, heads: dict[str, CheckpointSealed], tmp_path: Path, how: str) -> None:
    fifth, third = heads["fifth"], heads["third"]
    replace = msgspec.structs.replace
    false = {
        "token": replace(fifth, token=third.token),
        "signature": replace(fifth, signature=fifth.signature[:-1] + bytes([fifth.signature[-1] ^ 1])),
        "length": replace(fifth, length=99),
        "back": third,
    }

    def falsify(copy: Copy) -> None:
        add(copy, fifth)
        add(copy, false.get(how) or heads[how])

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = [line for line in await said(bus) if NAME in line]
    assert FALSE[how] in "\n".join(found)
    assert all(line.startswith("head: ") for line in found)


async def test_rows_cut_off_behind_a_signed_head(
    good: Copy, heads: dict[str, CheckpointSealed], tmp_path: Path
) -> None:
    """The end of all streams was cut off: nothing but the head says that there was more."""
    length = heads["newest"].length

    def falsify(copy: Copy) -> None:
        last = copy.row(109)
        for sequence in (last, last + 1, last + 2):
            copy.remove("REGISTER", sequence)
        copy.remove("FINDINGS", copy.find("FINDINGS", lambda kept: b'"number":109,' in kept.body)[0])
        add(copy, heads["newest"])

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert f"is signed over {length} messages; the book has {length - 1}" in "\n".join(found)


async def test_a_receipt_whose_head_was_never_published(
    good: Copy, heads: dict[str, CheckpointSealed], tmp_path: Path
) -> None:
    def falsify(copy: Copy) -> None:
        add(copy, heads["third"])
        carrying(copy, 106, heads["fifth"])

    async with copied(tmp_path, good, falsify) as (_, bus):
        found = await said(bus)
    assert [line for line in found if "no. 106" in line and line.endswith("the head before it was never published")]


async def test_a_book_that_is_not_signed_in_time(
    good: Copy, heads: dict[str, CheckpointSealed], tmp_path: Path
) -> None:
    rules = msgspec.structs.replace(settings.Audit(), head_seconds=0.0)
    async with copied(tmp_path, good, lambda copy: add(copy, heads["fifth"])) as (_, bus):
        own = await Bus.connect(bus.settings, "audit")
        report = await audit(own, rules=rules)
        await own.close()
    assert [problem.where.partition(" (")[0] for problem in report.problems] == [
        f"demo received {THIS_YEAR}",
        f"two received {THIS_YEAR}",
    ]
    assert all(" s after the newest" in problem.words for problem in report.problems)


async def test_a_head_by_somebody_the_operator_does_not_name(
    good: Copy, heads: dict[str, CheckpointSealed], tmp_path: Path
) -> None:
    async def found(identity: pki.Identity, folder: Path) -> list[str]:
        file = folder / "sealers.pem"
        file.write_bytes(identity.certificate.public_bytes(serialization.Encoding.PEM))
        rules = msgspec.structs.replace(settings.Audit(), certificates=str(file))
        own = await Bus.connect(bus.settings, "audit")
        report = await audit(own, rules=rules)
        await own.close()
        return [problem.words for problem in report.problems]

    async with copied(tmp_path / "store", good, lambda copy: add(copy, heads["fifth"])) as (_, bus):
        assert await found(SEALER, tmp_path) == []
        (words,) = await found(OTHER, tmp_path)
    assert words.startswith("it is signed by Common Name: Operator")
