"""Falsified pairs: each is as good as its falsifier can make it, and is refused with the sentence that fits.

An *outsider* has everything but the operator's key: he makes data, row, page and links anew so that all agree, and
seals with a key of his own. An *insider* has the operator's key too, and lies in one place: then only the check of that
place can find it.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from contracts import chain, codec
from contracts.receipt import Head, Receipt, Unknown
from contracts.values import sha256_hex
from services.sign import authority
from services.sign.seal import SealKey
from services.sign.trust import of as trusting
from services.verify.report import Report
from tests import pki
from tests.proofs import HEAD_AT, PAPER, PDF, SEALER, Office, codes, mail

OTHER = "สพร ร/๒๕๖๙/๙๙"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def forger(office: Office) -> SealKey:
    """A key certified by an authority that the forger made, under the operator's name."""
    return office.key_of(pki.make_root("Office Root"), SEALER)


def refused(report: Report, status: str, *expected: str) -> None:
    """It is refused for exactly these reasons, and the first words say the first of them."""
    needed = {one.code for one in report.findings if one.status == status and (one.needed or status == "contradicted")}
    assert needed == set(expected), [one.sentence.english for one in report.findings if one.status != "proven"]
    assert report.exit_code == (1 if status == "contradicted" else 2)
    first = next(one for one in report.findings if one.code in expected)
    assert first.sentence.thai in report.said.thai
    assert first.sentence.english in report.said.english


# -- 1, 2, 12: the letter ---------------------------------------------------------------------------------------------


def test_a_changed_octet_of_the_text(office: Office) -> None:
    sealed = office.usual_paper
    changed = mail("เรียน ผู้อำนวยการ\n\nขอเชิญประชุมวันที่ ๖\n")
    assert len(changed) == len(mail())
    refused(office.verified(changed, sealed), "contradicted", "letter_other_text")


def test_a_changed_octet_of_the_text_in_a_copy_that_was_encoded_anew(office: Office) -> None:
    sealed = office.usual_paper
    changed = mail("เรียน ผู้อำนวยการ\n\nขอเชิญประชุมวันที่ ๖\n").replace(b"8bit", b"binary")
    refused(office.verified(changed, sealed), "contradicted", "letter_other_text")


def test_a_changed_attachment_is_named(office: Office) -> None:
    sealed = office.usual_paper
    report = office.verified(mail(pdf=PDF.replace(b"an", b"no")), sealed)
    refused(report, "contradicted", "letter_file_changed")
    assert "หนังสือ.pdf" in report.said.english


def test_an_attachment_beside_or_away(office: Office) -> None:
    letter = mail()
    with_one, without = office.receipt(letter), office.receipt(letter, files=())
    gone = letter.replace(b"Content-Disposition: attachment", b"X: attachment").replace(
        b"application/pdf", b"text/plain"
    )
    assert "letter_file_missing" in codes(office.verified(gone, office.sealed(with_one)), "contradicted")
    unlike = replace(without, body_sha256=Unknown(reason="x"), sha256="0" * 64, mail=None)
    assert "letter_file_added" in codes(office.verified(letter, office.sealed(unlike)), "contradicted")


def test_a_receipt_of_another_letter(office: Office) -> None:
    sealed = office.usual_paper
    other = mail("อีกฉบับ\n", PDF + b"\n", Message_ID="<two@citizen.example>", Subject="อีกฉบับ")
    refused(office.verified(other, sealed), "contradicted", "letter_other")


def test_a_receipt_of_another_letter_under_the_same_message_id(office: Office) -> None:
    sealed = office.usual_paper
    report = office.verified(mail("อีกฉบับ\n", PDF + b"\n"), sealed)
    refused(report, "contradicted", "letter_other_text", "letter_file_changed")


# -- 3, 4, 5: number, time, deemed time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"number": 99, "number_text": OTHER}, {"received_at": "2026-05-28T09:31:07.123456Z"}],
    ids=["number", "time"],
)
def test_an_outsider_who_makes_everything_anew(office: Office, forger: SealKey, changes: dict[str, object]) -> None:
    """Data, row, link, page agree; he even leaves the true signed head in. Only the seal tells."""
    row = office.row(mail(), **changes)
    report = office.verified(mail(), office.sealed(office.receipt(mail(), row), forger))
    refused(report, "not known", "seal_stranger")


def test_an_outsider_certified_by_the_same_authority(office: Office) -> None:
    """He has an honest certificate in his own name: it does not make him the operator."""
    key = office.key_of(office.root, "บริษัท อื่น จำกัด")
    row = office.row(mail(), number=99, number_text=OTHER)
    report = office.verified(mail(), office.sealed(office.receipt(mail(), row), key))
    refused(report, "not known", "seal_other_owner", "head_other_signer")


@pytest.mark.parametrize(
    "change",
    [
        lambda made: replace(made, number=99, register_number=OTHER),
        lambda made: replace(made, clock=replace(made.clock, received_at="2026-05-28T09:31:07.123456Z")),
        lambda made: replace(made, deemed=replace(made.deemed, at="2026-06-01T08:30:00+07:00")),
        lambda made: replace(made, sha256="0" * 64),
        lambda made: replace(made, mail="a" * 52),
        lambda made: replace(made, clock=replace(made.clock, bound_ms=0.1)),
        lambda made: replace(made, agency="other"),
        lambda made: replace(made, deemed=replace(made.deemed, calendar="0" * 64)),
        lambda made: replace(made, remarks=("unreadable",)),
    ],
    ids=["number", "time", "deemed", "digest", "mail", "bound", "agency", "calendar", "remarks"],
)
def test_data_and_page_that_say_other_than_the_row(office: Office, change: Callable[[Receipt], Receipt]) -> None:
    refused(office.verified(office.sealed(change(office.usual))), "contradicted", "row_differs")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda made: replace(made, register_number=OTHER), "register number"),
        (lambda made: replace(made, clock=replace(made.clock, received_at="2026-05-28T09:31:07.123456Z")), "receipt"),
        (lambda made: replace(made, deemed=replace(made.deemed, at="2026-06-01T08:30:00+07:00")), "counts"),
        (lambda made: replace(made, sha256="0" * 64), "digest"),
        (lambda made: replace(made, proof=replace(made.proof, link="0" * 64)), "link"),
    ],
)
def test_a_page_that_shows_other_than_the_data(
    office: Office, change: Callable[[Receipt], Receipt], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper of one receipt with the data of another in it, under the operator's own seal."""
    made = office.usual
    lying = PAPER.render(change(made))
    true = msgspec.json.encode(made)
    writer = IncrementalPdfFileWriter(BytesIO(lying))
    stream = writer.root["/AF"][0].get_object()["/EF"].raw_get("/F").get_object()
    stream._data, stream._encoded_data = true, None
    stream.pop("/Filter", None)
    writer.mark_update(writer.root["/AF"][0].get_object()["/EF"].raw_get("/F"))
    out = BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    report = office.verified(office.key.seal(out.getvalue(), "x"))
    refused(report, "contradicted", "page_differs")
    assert what in report.said.english


@pytest.mark.parametrize("at", ["2026-06-01T08:30:00+07:00", "2026-06-02T08:30:00.000001+07:00"])
def test_a_deemed_time_that_its_calendar_does_not_give(office: Office, at: str) -> None:
    """Data, row, link and page agree, and the operator sealed them."""
    report = office.verified(office.sealed(office.receipt(mail(), office.row(mail(), deemed_at=at))))
    refused(report, "contradicted", "deemed_differs")


def test_a_deemed_time_before_the_letter_came(office: Office) -> None:
    row = office.row(mail(), deemed_at="2026-05-29T10:00:00+07:00", calendar="0" * 64)
    refused(office.verified(office.sealed(office.receipt(mail(), row))), "contradicted", "deemed_before")


# -- 6, 7, 8: the seal ------------------------------------------------------------------------------------------------


def test_a_foreign_seal_on_true_data(office: Office, forger: SealKey) -> None:
    made = office.receipt(mail(), head=Unknown(reason="none"))
    refused(office.verified(office.sealed(made, forger)), "not known", "seal_stranger")


def test_a_test_seal_taken_for_real(office: Office, tmp_path: Path) -> None:
    """The data name the operator, the page does not say test, and whoever verifies trusts the test root too."""
    key = authority.ensure(tmp_path / "authority")
    root = (tmp_path / "authority" / authority.ROOT_FILE).read_bytes()
    issued = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    made = office.receipt(mail(), issued_at=issued)
    report = office.verified(office.sealed(made, key), trust=trusting([office.root.pem, root]), now=datetime.now(UTC))
    assert "test_for_real" in codes(report, "contradicted")
    assert "test authority" in report.said.english
    assert report.exit_code == 1


def test_a_seal_whose_certificate_had_ended(office: Office) -> None:
    """By the right authority, in the right name."""
    key = office.key_of(office.root, SEALER, not_after=datetime(2026, 5, 28, tzinfo=UTC))
    made = office.receipt(mail(), head=Unknown(reason="none"))
    report = office.verified(office.sealed(made, key))
    assert codes(report, "contradicted") == {"seal_expired"}
    assert "28 May 2026" in report.said.english
    assert report.exit_code == 1


def test_a_seal_whose_certificate_had_not_begun(office: Office) -> None:
    """A receipt dated back to before the key was certified; the seal itself says that it was made later."""
    key = office.key_of(office.root, SEALER, not_before=datetime(2026, 5, 30, tzinfo=UTC))
    made = office.receipt(mail(), head=Unknown(reason="none"))
    assert codes(office.verified(office.sealed(made, key)), "contradicted") == {"seal_expired"}


def test_a_seal_dated_back_into_its_certificates_time(office: Office) -> None:
    """The data claim a time at which it was valid; the seal itself was made later."""
    key = office.key_of(office.root, SEALER, not_after=datetime.now(UTC) - timedelta(hours=1))
    made = office.receipt(mail(), head=Unknown(reason="none"))
    refused(office.verified(office.sealed(made, key), now=datetime.now(UTC)), "contradicted", "seal_expired")


def test_a_key_that_may_not_sign(office: Office) -> None:
    root = office.root
    bag = office.folder / "authority.p12"
    bag.write_bytes(pki.Identity(root.certificate, root.key, root).pkcs12())
    report = office.verified(office.sealed(office.usual, SealKey.load(bag, None)))
    assert "seal_unfit" in codes(report, "contradicted")


@pytest.mark.parametrize("place", [i / 13 for i in range(14)])
def test_a_changed_octet_of_the_file_is_never_proven(office: Office, place: float) -> None:
    sealed = bytearray(office.usual_paper)
    gap = (
        bytes(sealed).rindex(b"/Contents <"),
        bytes(sealed).rindex(b">", 0, bytes(sealed).rindex(b"/ByteRange") + 20_000),
    )
    at = int(place * (len(sealed) - 1))
    if gap[0] <= at <= gap[1]:
        at = gap[0] - 10
    sealed[at] ^= 1
    report = office.verified(bytes(sealed))
    assert report.exit_code in (1, 3), (at, report.said.english)


def test_something_added_behind_the_seal(office: Office) -> None:
    sealed = office.usual_paper
    refused(office.verified(sealed + b"\n% more"), "contradicted", "seal_added")
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()  # type: ignore[no-untyped-call]  # as above
    out = BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    refused(office.verified(out.getvalue()), "contradicted", "seal_added")


def test_a_second_seal(office: Office) -> None:
    sealed = office.usual_paper
    twice = pki.sign_pdf(sealed, pki.make_signer(office.root, "another"), field="Another")
    refused(office.verified(twice), "contradicted", "seal_many")


def test_octets_hidden_behind_the_signature(office: Office) -> None:
    """The place of the signature is larger than the signature; nothing else may lie in it."""
    sealed = office.usual_paper
    end = sealed.rindex(b"00>")
    hidden = sealed[: end - 8] + b"deadbeef" + sealed[end:]
    assert len(hidden) == len(sealed)
    refused(office.verified(hidden), "contradicted", "seal_broken")


# -- 9, 10, 11: link, checkpoint, token -------------------------------------------------------------------------------


def test_a_link_that_does_not_follow(office: Office) -> None:
    made = office.usual
    wrong = replace(made, proof=replace(made.proof, link=hashlib.sha256(b"x").hexdigest()))
    refused(office.verified(office.sealed(wrong)), "contradicted", "link_differs")


def test_a_row_before_it_rewritten_and_the_head_moved_with_it(office: Office) -> None:
    """Rows between are others now, and the head's link was computed anew; its signature could not be."""
    made = office.usual
    assert isinstance(made.proof.head, Head)
    first = sha256_hex(b"another opening")
    previous = chain.next_link(first, b"another row")
    row = office.row(mail(), previous=previous)
    proof = replace(
        made.proof,
        row=codec.encode(row),
        link=chain.next_link(previous, codec.encode(row)),
        head=replace(made.proof.head, link=first),
        between=(sha256_hex(b"another row"),),
    )
    refused(
        office.verified(office.sealed(replace(made, proof=proof))),
        "contradicted",
        "head_broken",
    )


def test_the_head_of_another_book(office: Office) -> None:
    made = office.usual
    other = office.head(office.links("register.v1.entered.demo.general.2569")[1])
    wrong = replace(made, proof=replace(made.proof, head=other))
    refused(office.verified(office.sealed(wrong)), "contradicted", "head_astray")


def test_a_row_left_out_between_head_and_row(office: Office) -> None:
    made = office.usual
    wrong = replace(made, proof=replace(made.proof, between=made.proof.between[:-1]))
    refused(office.verified(office.sealed(wrong)), "contradicted", "head_astray")


def test_a_head_signed_by_a_stranger(office: Office, forger: SealKey) -> None:
    made = office.usual
    wrong = replace(made, proof=replace(made.proof, head=office.head(office.links()[1], forger)))
    refused(office.verified(office.sealed(wrong)), "not known", "head_stranger")


def test_a_head_of_after_the_receipt(office: Office) -> None:
    late = HEAD_AT + timedelta(days=1)
    made = office.usual
    wrong = replace(made, proof=replace(made.proof, head=office.head(office.links()[1], at=late)))
    refused(office.verified(office.sealed(wrong)), "contradicted", "head_late", "token_late")


def test_a_token_taken_from_another_head(office: Office) -> None:
    made = office.usual
    assert isinstance(made.proof.head, Head)
    other = office.head(office.links()[2])
    wrong = replace(made, proof=replace(made.proof, head=replace(made.proof.head, token=other.token)))
    refused(office.verified(office.sealed(wrong)), "contradicted", "token_broken")


def test_a_token_by_a_key_that_stamps_no_time(office: Office) -> None:
    """Certified by the authority that is trusted for time-stamps, but not for them."""
    made = office.usual
    assert isinstance(made.proof.head, Head)
    token = office.token(
        made.proof.head.signature,
        stamper=pki.make_signer(office.stamps, "Clerk", rsa_key=True, not_before=datetime(2026, 1, 1, tzinfo=UTC)),
    )
    wrong = replace(made, proof=replace(made.proof, head=replace(made.proof.head, token=token)))
    refused(office.verified(office.sealed(wrong)), "contradicted", "token_unfit")


def test_a_token_of_an_authority_nobody_knows_proves_no_time(office: Office) -> None:
    made = office.usual
    assert isinstance(made.proof.head, Head)
    stranger = pki.make_signer(
        pki.make_root("Stamp Root"),
        "Office TSA",
        timestamping=True,
        rsa_key=True,
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
    )
    token = office.token(made.proof.head.signature, stamper=stranger)
    stamped = replace(made, proof=replace(made.proof, head=replace(made.proof.head, token=token)))
    report = office.verified(office.sealed(stamped))
    assert "token_stranger" in codes(report, "not known")
    assert "token_agrees" not in codes(report, "proven")


def test_a_token_older_than_what_it_stamps(office: Office) -> None:
    made = office.usual
    assert isinstance(made.proof.head, Head)
    token = office.token(made.proof.head.signature, HEAD_AT - timedelta(days=1))
    wrong = replace(made, proof=replace(made.proof, head=replace(made.proof.head, token=token)))
    refused(office.verified(office.sealed(wrong)), "contradicted", "token_early")


# -- two receipts -----------------------------------------------------------------------------------------------------


def test_one_number_for_two_letters(office: Office) -> None:
    """Both sealed by the operator: the register gave a number twice, or one of them lies."""
    one = office.usual
    letter = mail("อีกฉบับ\n", Message_ID="<two@citizen.example>")
    other = office.receipt(letter)
    report = office.verified(office.sealed(one), office.sealed(other))
    assert codes(report, "contradicted") == {"pair_contradicts"}
    assert f"SHA-256 of the letter: receipt 1 (sealed by {SEALER}) says" in " ".join(
        f.sentence.english for f in report.findings
    )
    assert report.exit_code == 1


def test_one_letter_with_two_numbers(office: Office) -> None:
    one = office.usual
    other = office.receipt(mail(), office.row(mail(), number=99, number_text=OTHER))
    report = office.verified(office.sealed(one), office.sealed(other))
    assert "number: receipt 1" in report.said.english
    assert report.exit_code == 1
