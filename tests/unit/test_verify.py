"""Honest receipts: what a verification says of them, with each kind of letter, and where something is not known."""

import json
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import msgspec
import pytest

from contracts import chain
from contracts.event import Position
from contracts.receipt import Receipt, Seal, Text, Unknown
from contracts.values import sha256_hex
from services.notify import wire
from services.notify.wire import Part
from services.sign import authority, paper
from services.sign.trust import TrustStore
from services.sign.trust import of as trusting
from services.verify.report import Report, Said
from services.verify.sentences import CASES, TERMS
from tests import receipts
from tests.corpus_smime.mails import changed, file, multipart, opaque, text
from tests.corpus_smime.mails import letter as in_mail
from tests.corpus_smime.people import person
from tests.corpus_smime.signing import By
from tests.corpus_smime.signing import signed as cms
from tests.pki import make_root
from tests.proofs import PDF, SEALER, Office, codes, mail
from tests.tnef_files import File, winmail


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture
def receipt(office: Office) -> Receipt:
    return office.usual


@pytest.fixture
def sealed(office: Office) -> bytes:
    return office.usual_paper


def relayed(letter: bytes, encoding: str = "") -> bytes:
    """What a relay makes of it: a trace field, header lines folded anew, perhaps every text encoded otherwise."""
    made = message_from_bytes(letter, policy=policy.SMTP.clone(max_line_length=40))
    if encoding:
        for part in made.walk():
            if part.get_content_type() == "text/plain":
                text = part.get_content()
                part.set_content(text, cte=encoding)
    return b"Received: from a by b; Fri, 29 May 2026 09:31:08 +0000\r\n" + made.as_bytes()


def attached(letter: bytes, encoding: str) -> bytes:
    """A cover mail with the letter inside, as notify composes it."""
    kind = "message/rfc822" if encoding == "8bit" else "application/octet-stream"
    parts = [
        Part(media_type='text/plain; charset="utf-8"', content="เลขทะเบียนรับ".encode()),
        Part(media_type=kind, content=letter, encoding=encoding, filename="letter.eml"),  # type: ignore[arg-type]
    ]
    return wire.compose([b"From: a@b.example", b"Subject: x"], parts, "seed")


def test_a_receipt_alone(office: Office, sealed: bytes) -> None:
    report = office.verified(sealed)
    assert report.exit_code == 0
    assert codes(report, "proven") == {
        *("seal_intact", "seal_trusted", "seal_owner", "seal_in_time", "page_agrees", "row_agrees", "row_clock"),
        *("link_agrees", "deemed_agrees", "head_agrees", "token_agrees"),
    }
    assert codes(report, "not known") == {"seal_withdrawn"}
    assert report.said.english.startswith("Proven: a letter with the SHA-256 ")
    assert report.said.english.endswith(f"by a receipt that {SEALER} sealed.")


@pytest.mark.parametrize(
    ("given", "case"),
    [
        (mail(), "letter_stored"),
        (mail().replace(b"\r\n", b"\n"), "letter_line_ends"),
        (attached(mail(), "8bit"), "letter_covered"),
        (attached(mail(), "base64"), "letter_covered"),
        (b"Received: from a by b; now\r\n" + mail(), "letter_named"),
        (b"Received: from a by b; now\n" + mail().replace(b"\r\n", b"\n"), "letter_named"),
    ],
)
def test_a_letter_that_is_the_letter(office: Office, sealed: bytes, given: bytes, case: str) -> None:
    report = office.verified(given, sealed)
    assert [finding.code for finding in report.findings if finding.about == "letter"] == [case]
    assert report.exit_code == 0


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
def test_a_copy_that_was_encoded_anew(office: Office, sealed: bytes, encoding: str) -> None:
    copy = relayed(mail(), encoding)
    assert copy != mail()
    report = office.verified(copy, sealed)
    assert {finding.code for finding in report.findings if finding.about == "letter"} == {
        *("letter_message_id", "letter_text", "letter_file", "letter_header_open")
    }
    assert report.exit_code == 0
    assert "the letter of which you gave a copy" in report.said.english


def test_the_files_in_an_opaque_mail_came_with_it(office: Office) -> None:
    """The sender's own copy has them too; a receipt of before they were opened lists the S/MIME file alone."""
    signer = person(make_root())
    inside = multipart("multipart/mixed", [text("x\r\n"), file("letter.pdf", PDF)], "files")
    header = changed(Message_ID="<one@citizen.example>")
    letter = in_mail(opaque(cms(inside, By(who=signer), carries=inside)), header)
    made = office.receipt(letter)
    assert isinstance(made.files, tuple)
    assert [one.name for one in made.files] == ["smime.p7m", "letter.pdf"]
    head, _, body = letter.partition(b"\r\n\r\n")
    octets = body.replace(b"\r\n", b"")
    copy = head + b"\r\n\r\n" + b"\r\n".join(octets[at : at + 64] for at in range(0, len(octets), 64)) + b"\r\n"
    for files in (made.files, made.files[:1]):
        report = office.verified(copy, office.sealed(msgspec.structs.replace(made, files=files)))
        assert not codes(report, "contradicted")
        assert "letter_file" in codes(report, "proven")


def test_a_copy_whose_from_line_was_changed_is_not_proven(office: Office, sealed: bytes) -> None:
    report = office.verified(mail(From="Somchai <somchai@citizen.example>"), sealed)
    assert codes(report, "not known") == {"seal_withdrawn", "letter_header_differs"}
    assert report.exit_code == 2


def test_a_copy_of_before_a_relay_gave_it_a_message_id(office: Office, sealed: bytes) -> None:
    copy = relayed(mail(), "base64").replace(b"Message-ID: <one@citizen.example>\r\n", b"")
    assert b"Message-ID" not in copy
    report = office.verified(copy, sealed)
    assert codes(report, "not known") == {"seal_withdrawn", "letter_no_message_id", "letter_header_open"}
    assert report.exit_code == 0


def test_a_head_signed_with_the_key_before_this_one(office: Office) -> None:
    older = office.key_of(office.root, SEALER, not_after=datetime(2026, 6, 30, tzinfo=UTC))
    made = office.receipt(mail(), head=office.head(office.links()[1], older))
    assert "head_agrees" in codes(office.verified(office.sealed(made)), "proven")


def test_a_letter_with_a_winmail_dat(office: Office) -> None:
    """Its files stand in the receipt; in one of before it was opened stands the winmail.dat alone, which is as well."""
    made = message_from_bytes(mail(), policy=policy.SMTP)
    made.add_attachment(
        winmail([File(b"a.txt", b"inside")]), maintype="application", subtype="ms-tnef", filename="w.dat"
    )
    letter = made.as_bytes()
    receipt = office.receipt(letter)
    assert isinstance(receipt.files, tuple)
    assert [file.name for file in receipt.files][-2:] == ["w.dat", "a.txt"]
    for files in (receipt.files, receipt.files[:-1]):
        report = office.verified(
            relayed(letter, "base64"), office.sealed(msgspec.structs.replace(receipt, files=files))
        )
        found = [finding.code for finding in report.findings if finding.code.startswith("letter_file")]
        assert found == ["letter_file"] * len(files)
    assert "letter_is_file" in {f.code for f in office.verified(b"inside", office.sealed(receipt)).findings}


def test_one_attachment_by_itself(office: Office, sealed: bytes) -> None:
    report = office.verified(PDF, sealed)
    assert codes(report, "proven") >= {"letter_is_file"}
    assert report.exit_code == 0
    assert office.verified(PDF + b"\n", sealed).exit_code == 1


def test_the_mail_that_carries_the_receipt(office: Office, sealed: bytes) -> None:
    parts = [
        Part(media_type="text/plain", content=b"x"),
        Part(media_type="application/pdf", content=sealed, encoding="base64", filename="receipt.pdf"),
    ]
    carrying = wire.compose([b"From: a@b.example", b"Subject: x"], parts, "seed")
    assert office.verified(mail(), carrying).exit_code == 0
    twice = wire.compose([b"From: a@b.example"], [*parts, parts[1]], "seed")
    assert "carries several receipts" in office.verified(twice).said.english


def test_the_json_alone_has_no_seal(office: Office, receipt: Receipt) -> None:
    report = office.verified(mail(), msgspec.json.encode(receipt))
    assert "seal_none" in codes(report, "not known")
    assert report.exit_code == 2
    assert "anybody could have written it" in report.said.english


def test_a_provisional_receipt_says_what_it_is(office: Office, receipt: Receipt) -> None:
    unsealed = Seal(kind="none", by=Unknown(reason="x"), on_behalf_of=Unknown(reason="x"))
    provisional = msgspec.structs.replace(receipt, kind="provisional", seal=unsealed)
    report = office.verified(msgspec.json.encode(provisional))
    assert "seal_provisional" in codes(report, "not known")
    assert report.exit_code == 2
    assert codes(office.verified(office.sealed(provisional)), "contradicted") >= {"seal_on_provisional"}


def test_a_test_seal_is_no_evidence(office: Office, tmp_path: Path) -> None:
    key = authority.ensure(tmp_path / "authority")
    seal = Seal(kind="test", by=Text(value=key.name), on_behalf_of=Text(value=receipts.AGENCY_NAME))
    made = office.receipt(mail(), seal=seal, head=Unknown(reason="none"), issued_at=_soon())
    for trust in (office.trust, trusting([(tmp_path / "authority" / authority.ROOT_FILE).read_bytes()])):
        report = office.verified(office.sealed(made, key), trust=trust, now=datetime.now(UTC))
        assert codes(report, "contradicted") == set()
        assert report.exit_code == 2
        assert "no evidence" in report.said.english


def _soon() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_without_trust_nobody_is_known(office: Office, sealed: bytes) -> None:
    report = office.verified(sealed, trust=TrustStore())
    assert "seal_no_store" in codes(report, "not known")
    assert report.exit_code == 2


def test_the_seals_own_certificate_may_be_what_is_trusted(office: Office, sealed: bytes) -> None:
    report = office.verified(sealed, trust=trusting([office.key.certificate.dump()]))
    assert codes(report, "proven") >= {"seal_pinned", "seal_owner", "head_agrees"}
    assert codes(report, "not known") == {"token_stranger"}
    assert report.exit_code == 0


def test_a_certificate_that_ended_since(office: Office, receipt: Receipt, tmp_path: Path) -> None:
    later = datetime(2040, 1, 1, tzinfo=UTC)
    report = office.verified(office.sealed(receipt), now=later)
    assert "seal_expired_since" in codes(report, "not known")
    assert report.exit_code == 2


def test_a_calendar_of_the_agency_is_left_open(office: Office) -> None:
    report = office.verified(office.sealed(office.receipt(mail(), office.row(mail(), calendar="c3" * 32))))
    assert "deemed_unknown" in codes(report, "not known")
    assert report.exit_code == 0


def test_a_clock_out_of_its_bound_is_said(office: Office) -> None:
    row = office.row(mail(), within_bound=False, bound_ms=80.0, remarks=("time_not_within_bound",))
    report = office.verified(office.sealed(office.receipt(mail(), row)))
    assert "row_clock_loose" in codes(report, "not known")
    assert report.exit_code == 0


def test_a_letter_that_was_erased_is_known_by_its_octets_alone(office: Office) -> None:
    gone = Unknown(reason="erased")
    made = office.receipt(mail(), body_sha256=gone, text_sha256=gone, files=gone, message_id=gone)
    assert office.verified(mail(), office.sealed(made)).exit_code == 0
    report = office.verified(mail("other"), office.sealed(made))
    assert codes(report, "not known") >= {"letter_not_comparable"}
    assert report.exit_code == 2


def test_a_receipt_of_before_the_text_had_a_digest(office: Office, receipt: Receipt) -> None:
    said = json.loads(msgspec.json.encode(receipt))
    del said["text_sha256"]
    older = msgspec.json.decode(json.dumps(said), type=Receipt)
    report = office.verified(relayed(mail(), "base64"), office.sealed(older))
    assert "letter_text_unknown" in codes(report, "not known")
    assert report.exit_code == 2


@pytest.mark.parametrize(
    "octets",
    [b"", b"no receipt", b"{}", b"%PDF-1.7\n%%EOF", b'{"form":"saraban.receipt.v1"}', PDF, b"\0" * 100, mail()],
)
def test_what_is_no_receipt_is_unreadable(office: Office, octets: bytes) -> None:
    assert office.verified(octets).exit_code == 3
    assert office.verified(mail(), octets).exit_code == 3


def test_data_that_say_two_things_are_unreadable(office: Office, receipt: Receipt) -> None:
    octets = msgspec.json.encode(receipt)
    assert office.verified(octets[:-1] + b',"number":9}').exit_code == 3


def test_two_receipts_of_one_entry(office: Office, receipt: Receipt, sealed: bytes) -> None:
    provisional = msgspec.json.encode(msgspec.structs.replace(receipt, kind="provisional"))
    report = office.verified(provisional, sealed)
    assert "pair_agrees" in codes(report, "proven")
    with_letter = office.verified(mail(), provisional, sealed)
    assert [one.receipt for one in with_letter.findings if one.code == "letter_stored"] == [1, 2]
    assert [subject.sealed_by for subject in report.receipts] == [None, SEALER]


def test_two_receipts_of_two_letters_may_both_be_true(office: Office, receipt: Receipt, sealed: bytes) -> None:
    letter = mail("อีกฉบับ\n", Message_ID="<two@citizen.example>")
    after = {"number": 1578, "number_text": "สพร ร/๒๕๖๙/๑๕๗๘", "previous": receipt.proof.link}
    row = office.row(letter, **after, position=Position(stream="MAIL_2569", sequence=8))
    between = (*receipt.proof.between, sha256_hex(receipt.proof.row))
    other = office.receipt(letter, row)
    other = msgspec.structs.replace(other, proof=msgspec.structs.replace(other.proof, between=between))
    report = office.verified(sealed, office.sealed(other))
    assert codes(report, "not known") == {"seal_withdrawn", "pair_apart"}
    assert report.exit_code == 0


def test_two_receipts_that_show_two_versions_of_one_book(office: Office, sealed: bytes) -> None:
    """The same link is followed by two rows."""
    letter = mail("อีกฉบับ\n", Message_ID="<two@citizen.example>")
    row = office.row(letter, number=1578, number_text="๑๕๗๘", position=Position(stream="MAIL_2569", sequence=8))
    report = office.verified(sealed, office.sealed(office.receipt(letter, row)))
    assert codes(report, "contradicted") == {"pair_forked"}


def test_a_classified_letter_is_proven_without_its_names(office: Office) -> None:
    letter = mail(Subject="ลับ ที่ ทส ๐๑๐๑/๑")
    book = "register.v1.entered.demo.classified.2569"
    row = office.row(letter, series="classified", previous=chain.first_link(book))
    made = office.receipt(letter, row, head=Unknown(reason="no head of the book was signed before this row"))
    report = office.verified(relayed(letter, "base64"), office.sealed(made))
    assert codes(report, "proven") >= {"head_first", "letter_text", "letter_file"}
    assert report.exit_code == 0
    said = " ".join(finding.sentence.thai for finding in report.findings) + report.said.thai
    assert "หนังสือ.pdf" not in said
    assert "๐๑๐๑" not in said


def test_a_stamp_alone_that_shows_another_number(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Printed by a press that lies in the stamp and nowhere else."""
    honest = paper._stamp
    other = "สพร ร/๒๕๖๙/๑๕๗๗๐"
    monkeypatch.setattr(paper, "_stamp", lambda receipt: msgspec.structs.replace(honest(receipt), number=other))
    report = office.verified(office.sealed(office.usual))
    assert codes(report, "contradicted") == {"page_differs"}


def test_every_sentence_has_both_languages() -> None:
    said = [Said(case.thai, case.english) for case in CASES.values()] + list(TERMS.values())
    for one in said:
        assert any("\u0e00" <= char <= "\u0e7f" for char in one.thai)
        assert one.english.isascii()
        assert one.english.endswith((".", "}", "(--trust).")), one.english


def test_no_finding_says_more_than_a_receipt_may(office: Office, sealed: bytes) -> None:
    report: Report = office.verified(mail(), sealed)
    text = " ".join(finding.sentence.english + finding.sentence.thai for finding in report.findings)
    for word in ("certified", "รับรองเวลา", "accepted", "read by", "legally"):
        assert word not in text
