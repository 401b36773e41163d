"""What FINDINGS may say of a classified letter."""

import msgspec

from contracts.findings import Authentication, DnsAnswer, Particulars
from services.sign.warnings import warning
from services.sign.withheld import withheld
from tests import receipts


def test_nothing_of_number_subject_names_or_files_stays() -> None:
    found = receipts.findings(
        particulars=msgspec.structs.replace(
            receipts.findings().particulars,
            secrecy=receipts.particular("ลับมาก"),
            telephones=(receipts.particular("02-1"),),
            signer=receipts.particular("นางมาลี สุขใจ"),
            signer_position=receipts.particular("อธิบดีกรมสมมติ"),
            acknowledgement=receipts.particular("paper"),
        ),
        signatures=(receipts.verdict(kind="smime", addresses=("somchai@dga.example",)),),
        attachments=(
            receipts.attachment(),
            msgspec.structs.replace(receipts.attachment("ลับ.txt", 2), inside=receipts.FILE, save_as="_ลับ.txt"),
        ),
        warnings=(warning("number_differs", subject=receipts.LETTER_NUMBER, letter="นร ๙"),),
    )
    kept = withheld(found)
    said = msgspec.json.encode(kept).decode()
    for secret in (
        receipts.LETTER_NUMBER,
        receipts.SUBJECT,
        receipts.FILE,
        "2024-11-15",
        "ณัฐฐา",
        "มาลี",
        "สมมติ",
        "paper",
        "somchai@dga.example",
        "02-1",
        "นร ๙",
        "ลับ.txt",
    ):
        assert secret not in said
    assert kept.particulars == Particulars(secrecy=receipts.particular("ลับมาก"))
    assert kept.attachments[0].sha256 == found.attachments[0].sha256
    assert kept.signatures[0].indication == found.signatures[0].indication
    assert kept.warnings[0].code == "number_differs"
    assert kept.body_sha256 == found.body_sha256


def test_of_the_sender_stays_what_says_whether_he_may_be_answered() -> None:
    """notify compares these two domains with the reverse-path; everything else would name the sender once more."""
    found = Authentication(
        spf="pass",
        spf_domain="opdc.go.th",
        dkim="pass",
        dkim_domains=("opdc.go.th",),
        dmarc="pass",
        author_domain="hidden.go.th",
        arc="pass",
        arc_domain="hidden.go.th",
        arc_results=("spf=pass",),
        judged_at="2026-05-29T09:31:09.000000Z",
        evidence=(DnsAnswer(name="hidden.go.th", type="TXT", status="answered", records=("hidden",)),),
    )
    kept = withheld(receipts.findings(authentication=found)).authentication
    assert kept is not None
    assert "hidden" not in msgspec.json.encode(kept).decode()
    assert (kept.spf_domain, kept.dkim_domains, kept.judged_at) == (
        found.spf_domain,
        found.dkim_domains,
        found.judged_at,
    )
