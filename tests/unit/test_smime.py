"""S/MIME beside the corpus: what else a verdict says, what is read in an opaque mail, and the bounds."""

import hashlib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from asn1crypto import core

from contracts.findings import Findings, SignatureVerdict
from services.sign import examine, message, smime_addresses, smime_parts, smime_signature, trust
from services.sign.fetch_questions import Kind, NotFetchedError, Outside
from services.sign.trust import TrustStore
from services.sign.verdict_words import Coverage
from services.words import wording
from tests import receipts
from tests.corpus_smime import mails
from tests.corpus_smime.cases_mail import FOOTER, mixed
from tests.corpus_smime.mails import HEADER, detached, letter, multipart, opaque, text
from tests.corpus_smime.people import CRL_URL, revocation_list
from tests.corpus_smime.signing import By, enveloped, signed
from tests.corpus_smime.world import World
from tests.trust_groups import write_group


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def judged(octets: bytes, world: World, store: TrustStore | None = None) -> Findings:
    known = trust.of([world.root.der]) if store is None else store
    return examine.examine_mail(octets, trust=known, now_ns=time.time_ns(), software="test")


def only(found: Findings) -> SignatureVerdict:
    (verdict,) = found.signatures
    return verdict


def codes(found: Findings) -> list[str]:
    return [said.code for said in found.warnings]


def test_a_verdict_names_signer_issuer_time_and_addresses(world: World) -> None:
    at = world.now.replace(microsecond=0) - timedelta(hours=2)
    verdict = only(judged(letter(world.detached(signed_at=at)), world))
    assert verdict.signer
    assert "นางสาวสมใจ" in verdict.signer
    assert verdict.issuer
    assert "Test Root CA" in verdict.issuer
    assert (verdict.time_source, verdict.signed_at) == ("claimed", f"{at:%Y-%m-%dT%H:%M:%S.%f}Z")
    assert verdict.addresses == (mails.SENDER,)
    assert (verdict.covers, verdict.field, verdict.trust_store) == ("message", "", trust.of([world.root.der]).version)


def test_a_time_stamp_proves_the_time(world: World) -> None:
    at = world.now - timedelta(hours=5)
    verdict = only(judged(letter(world.detached(stamper=world.stamper, stamped_at=at)), world))
    assert (verdict.indication, verdict.time_source) == ("TOTAL-PASSED", "timestamp")
    assert verdict.signed_at == f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


@pytest.mark.parametrize(("days", "words"), [(5, "ลงลายมือชื่อก่อนหมดอายุ"), (1, "ไม่มีหลักฐานว่าลงลายมือชื่อ")])
def test_of_an_expired_certificate_it_is_said_what_is_proven(world: World, days: int, words: str) -> None:
    at = world.now - timedelta(days=days)
    octets = letter(world.detached(who=world.expired, stamper=world.stamper, stamped_at=at))
    assert words in only(judged(octets, world)).explanation


def test_a_time_stamp_that_nobody_trusts_proves_nothing(world: World) -> None:
    store = trust.of([world.stranger_root.der])
    octets = letter(world.detached(who=world.stranger, stamper=world.stamper, stamped_at=world.now))
    assert only(judged(octets, world, store)).time_source == "claimed"


@pytest.mark.parametrize(("said", "words"), [(text(), "ข้อความตรงกับ"), (text("other\r\n"), "ไม่ตรงกับที่ลงลายมือชื่อ")])
def test_an_empty_store_gives_no_verdict_and_says_so(world: World, said: bytes, words: str) -> None:
    found = judged(letter(detached(said, world.cms(text()))), world, TrustStore())
    verdict = only(found)
    assert (verdict.indication, verdict.sub_indication, verdict.trust_store) == (None, None, "empty")
    assert "ยังไม่ได้กำหนดบัญชีใบรับรอง" in verdict.explanation
    assert words in verdict.explanation
    assert "trust_store_empty" in codes(found)


def test_what_a_footer_is(world: World) -> None:
    """A short text below the signed part is a list's footer; the verdict says what it does not cover."""
    octets = letter(multipart("multipart/mixed", [world.detached(), FOOTER], "outer"))
    found = judged(octets, world)
    verdict = only(found)
    assert (verdict.covers, verdict.coverage) == ("part", "earlier revision")
    assert "ส่วนท้ายที่เพิ่มเข้ามาภายหลัง" in verdict.explanation
    (said,) = found.warnings
    for words in (said.thai, said.english):
        assert "“_____ all mailing list" in words
    for length, coverage in ((smime_parts.FOOTER_CHARACTERS, "earlier revision"), (2001, "changed afterwards")):
        added = text("x" * length, "7bit")
        assert only(judged(mixed(world.detached(), added), world)).coverage == coverage


def test_what_is_shown_in_its_place_is_warned_of(world: World) -> None:
    found = judged(mixed(text("<p>Pay <b>900</b></p>" + "<p>more</p>" * 90, kind="text/html"), world.detached()), world)
    verdict = only(found)
    assert verdict.covers == "part"
    (said,) = found.warnings
    assert "“Pay 900 more" in said.thai
    assert len(said.thai) < 400
    assert "ระวัง" in verdict.explanation


def test_both_addresses_are_named_where_they_differ(world: World) -> None:
    (said,) = judged(letter(world.detached(who=world.other)), world).warnings
    assert said.code == "smime_from_differs"
    for words in (said.thai, said.english):
        assert mails.SENDER in words
        assert "other@elsewhere.example" in words


def test_a_failed_signature_speaks_for_nobody(world: World) -> None:
    """A changed mail of somebody else is no evidence that the sender is another: the verdict says enough."""
    assert codes(judged(letter(detached(text("x\r\n"), world.cms(text(), world.other))), world)) == []


def test_the_inside_of_an_opaque_mail_is_read_like_any_others(world: World) -> None:
    found = judged(letter(opaque(world.opaque())), world)
    assert found.particulars.letter_number
    assert found.particulars.letter_number.value == "นร ๑๒๐๐/ว๕๖"
    assert found.particulars.letter_number.source == "body"
    assert found.particulars.subject
    assert found.particulars.subject.value == "ขอเชิญประชุม"


def test_digests_of_body_and_text_mean_what_they_meant(world: World) -> None:
    """What an S/MIME file carries is no part of the mail: an opaque one has the text digest of a mail without text."""
    found = judged(letter(opaque(world.opaque())), world)
    assert found.text_sha256 == hashlib.sha256(b"").hexdigest()
    plain, wrapped = judged(letter(text()), world), judged(letter(world.detached()), world)
    assert plain.text_sha256 == wrapped.text_sha256


def test_what_is_encrypted_is_marked_and_only_the_subject_is_read(world: World) -> None:
    header = mails.changed(HEADER, Subject="=?utf-8?B?4LiX4Li14LmIIOC4meC4oyDguZHguZLguZDguZAv4Lin4LmV4LmW?=")
    found = judged(letter(opaque(enveloped(), "enveloped-data"), header), world)
    (file,) = found.attachments
    assert (file.name, file.encrypted) == ("smime.p7m", True)
    assert found.particulars.letter_number
    assert found.particulars.letter_number.source == "subject"
    assert found.signatures == ()
    said = next(said for said in found.warnings if said.code == "smime_encrypted")
    assert "ระบบไม่มีกุญแจ" in said.thai
    made = receipts.made(findings=found)
    assert wording.INCOMPLETE in str(made.signatures)
    assert wording.INCOMPLETE in str(made.letter_date)


def test_fields_are_compared_only_where_the_signature_holds(world: World) -> None:
    inner = mails.forwarded(letter(text()))
    octets = letter(detached(inner, world.cms(text("else\r\n"))), mails.changed(Subject="another letter"))
    assert codes(judged(octets, world)) == []


def test_a_name_in_no_encoding_is_left_out(world: World) -> None:
    name = "สมใจ".encode()
    cms = world.cms(text())
    assert name in cms
    found = judged(letter(detached(text(), cms.replace(name, b"\xff" * len(name)))), world)
    assert only(found).signer is None
    assert "examination_failed" not in codes(found)


def test_a_date_that_is_none_costs_no_verdict(world: World) -> None:
    ends = world.expired.certificate.not_valid_after_utc.strftime("%y%m%d%H%M%SZ").encode()
    cms = world.cms(text(), world.expired, stamper=world.stamper, stamped_at=world.now - timedelta(days=5))
    assert ends in cms
    found = judged(letter(detached(text(), cms.replace(ends, ends[:-1] + b"\xff"))), world)
    assert only(found).indication != "TOTAL-PASSED"
    assert "examination_failed" not in codes(found)


def test_a_broken_base64_of_the_signature_is_a_format_failure(world: World) -> None:
    octets = letter(world.detached())
    start = octets.index(b"smime.p7s", octets.index(b"attachment")) + 60
    spoilt = octets[:start] + b"%%%%%%%%" + octets[start + 8 :]
    assert only(judged(spoilt, world)).indication == "TOTAL-FAILED"


class Elsewhere:
    """What is published outside, and what was asked for."""

    def __init__(self, octets: bytes | None) -> None:
        self.octets = octets
        self.asked: list[str] = []
        self.outside = Outside(self._fetch, lambda *_: None)

    def _fetch(self, kind: Kind, url: str, body: bytes) -> bytes:
        self.asked.append(url)
        if self.octets is None:
            raise NotFetchedError("silent")
        return self.octets


@pytest.mark.parametrize(
    ("published", "sub_indication"),
    [("good", None), ("revoked", "REVOKED_NO_POE"), ("silent", "CERTIFICATE_CHAIN_GENERAL_FAILURE")],
)
def test_what_a_signature_lacks_is_fetched(world: World, published: str, sub_indication: str | None) -> None:
    """By the fetcher of signatures in files, under the same rules; nothing is asked for where nothing is lacking."""
    lists = {"good": revocation_list(world.root), "revoked": revocation_list(world.root, [world.declared])}
    there = Elsewhere(lists.get(published))

    def asked(octets: bytes) -> SignatureVerdict:
        known = trust.of([world.root.der])
        return only(
            examine.examine_mail(octets, trust=known, now_ns=time.time_ns(), software="test", outside=there.outside)
        )

    assert asked(letter(world.detached())).indication == "TOTAL-PASSED"
    assert there.asked == []
    verdict = asked(letter(world.detached(who=world.declared)))
    assert there.asked == [CRL_URL]
    assert verdict.sub_indication == sub_indication
    if published == "silent":
        assert "127.0.0.1: ไม่ตอบภายในเวลาที่กำหนด" in verdict.explanation


def test_an_anchor_for_documents_alone_is_none_for_mail(world: World, tmp_path: Path) -> None:
    write_group(tmp_path / "documents" / "all", world.root, purposes=("signatures", "seals", "timestamps"))
    store = trust.load(tmp_path / "documents")
    assert only(judged(letter(world.detached()), world, store)).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    write_group(tmp_path / "mail" / "all", world.root, purposes=("smime",))
    store = trust.load(tmp_path / "mail")
    assert only(judged(letter(world.detached()), world, store)).indication == "TOTAL-PASSED"


def test_what_ends_the_process_leaves_a_verdict(world: World) -> None:
    """Before anything of S/MIME is parsed, the verdict that stands if it goes no further is handed over."""
    handed: list[tuple[str, Findings]] = []
    examine.examine_mail(
        letter(world.detached()),
        trust=trust.of([world.root.der]),
        now_ns=time.time_ns(),
        software="test",
        progress=lambda found, turning_to: handed.append((turning_to, found)),
    )
    (found,) = [found for turning_to, found in handed if turning_to == "S/MIME"]
    verdict = only(found)
    assert (verdict.kind, verdict.indication, verdict.sub_indication) == ("smime", "INDETERMINATE", "GENERIC")


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_files_in_files_are_opened_to_a_depth(world: World) -> None:
    content = text()
    for _ in range(message.OPENED + 2):
        content = opaque(world.opaque(content))
    found = judged(letter(content), world)
    assert len(found.signatures) == message.OPENED + 1
    assert "parts_left_out" in codes(found)


def test_signatures_are_judged_to_a_number(world: World) -> None:
    parts = [world.detached(text(f"{number}\r\n")) for number in range(smime_parts.SIGNATURES + 3)]
    found = judged(mixed(*parts), world)
    assert len(found.signatures) == smime_parts.SIGNATURES
    assert "parts_left_out" in codes(found)


def test_signers_are_judged_to_a_number(world: World) -> None:
    signers = [By(who=world.me, signed_at=world.now - timedelta(minutes=n)) for n in range(smime_signature.SIGNERS + 3)]
    found = judged(letter(detached(text(), signed(text(), *signers, certificates=[world.me]))), world)
    assert len(found.signatures) == smime_signature.SIGNERS
    assert "parts_left_out" in codes(found)


def test_mails_in_mails_are_looked_into_to_a_depth_and_number(world: World) -> None:
    inner = letter(world.detached())
    for level in range(smime_parts.LEVELS + 1):
        inner = mixed(text("see below\r\n"), mails.forwarded(inner, f"{level}.eml"), boundary=f"b{level}")
    found = judged(inner, world)
    assert (found.signatures, set(codes(found))) == ((), {"parts_left_out"})
    many = [mails.forwarded(letter(text("about pkcs7\r\n", "7bit"))) for _ in range(smime_parts.FORWARDED)]
    last = mails.forwarded(letter(world.detached()), "last.eml")
    found = judged(mixed(*many[1:], last, boundary="many"), world)
    assert [said.part for said in found.signatures] == ["last.eml"]
    found = judged(mixed(*many, last, boundary="many"), world)
    assert (found.signatures, set(codes(found))) == ((), {"parts_left_out"})


def nested_strings(depth: int, *, indefinite: bool) -> bytes:
    """A ContentInfo whose content is an octet string in an octet string in …."""
    if indefinite:
        inside = b"\x24\x80" * depth + b"\x04\x01x" + b"\x00\x00" * depth
    else:
        inside = b"\x04\x01x"
        for _ in range(depth):
            inside = b"\x24\x83" + len(inside).to_bytes(3, "big") + inside
    oid = core.ObjectIdentifier("1.2.840.113549.1.7.1").dump()
    encapsulated = b"\x30\x80" + oid + b"\xa0\x80" + inside + b"\x00\x00" * 2
    data = b"\x30\x80\x02\x01\x01\x31\x00" + encapsulated + b"\x31\x00\x00\x00"
    signed_data = core.ObjectIdentifier("1.2.840.113549.1.7.2").dump()
    return bytes(b"\x30\x80" + signed_data + b"\xa0\x80" + data + b"\x00\x00" * 2)


@pytest.mark.parametrize("indefinite", [True, False])
@pytest.mark.parametrize("depth", [10, 5_000])
def test_nesting_inside_cms_ends_nothing(world: World, depth: int, indefinite: bool) -> None:
    """The text beside it is read, and the signature beside it judged."""
    octets = nested_strings(depth, indefinite=indefinite)
    for odd in (opaque(octets), detached(text(), octets, boundary="odd")):
        found = judged(mixed(text(), odd, world.detached()), world)
        assert found.particulars.letter_number
        assert "TOTAL-PASSED" in [said.indication for said in found.signatures]
        assert not {"examination_failed", "resource_limit"} & set(codes(found))


def test_time_grows_with_the_size_only(world: World) -> None:
    """A long signed text with bare line ends, which has to be hashed twice."""

    def seconds(lines: int) -> float:
        octets = letter(world.detached(text("word word word\r\n" * lines, "7bit"))).replace(b"\r\n", b"\n")
        begun = time.process_time()
        assert only(judged(octets, world)).indication == "TOTAL-PASSED"
        return time.process_time() - begun

    seconds(10)
    assert seconds(150_000) < 40 * (seconds(15_000) + 0.05)


# -- words -------------------------------------------------------------------------------------------------------------


def sentences() -> Iterator[tuple[str, str]]:
    for coverage in get_args(Coverage):
        verdict = receipts.verdict(kind="smime", part="", field="", coverage=coverage, indication="TOTAL-PASSED")
        yield coverage, wording.signature(verdict, datetime.fromisoformat("2026-05-29T09:31:09+00:00"), withheld=False)


def test_a_receipt_says_of_a_mail_what_its_signature_covers() -> None:
    said = dict(sentences())
    assert len(set(said.values())) == len(said)
    for words in said.values():
        assert "(S/MIME)" in words
        assert "ไฟล์" not in words
    assert "เนื้อหาทั้งหมด" in said["whole"]


def test_a_receipt_names_the_mail_that_was_attached_unless_it_is_secret() -> None:
    verdict = receipts.verdict(kind="smime", part="letter.eml", field="")
    at = datetime.fromisoformat("2026-05-29T09:31:09+00:00")
    assert "letter.eml" in wording.signature(verdict, at, withheld=False)
    assert "letter.eml" not in wording.signature(verdict, at, withheld=True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a@x.example", "a@X.EXAMPLE.", True),
        ("A@x.example", "a@x.example", False),
        ("a@ไทย.example", "a@xn--o3cw4h.example", True),
        ("a@x.example", "a@x.example\x00.evil.example", False),
        ("a b@x.example", "ab@x.example", False),
    ],
)
def test_how_addresses_are_compared(one: str, other: str, same: bool) -> None:
    assert smime_addresses.same(one, other) is same
