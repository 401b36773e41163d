"""Signatures of PDF files that came inside a forwarded message."""

from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest

from contracts.findings import Findings
from services.sign import forwarded, trust
from services.sign.examine import examine_mail
from services.sign.message import Part
from tests.letters import letter_mail, letter_pdf
from tests.pki import make_root, make_signer, sign_pdf

ROOT = make_root()


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign_pdf(letter_pdf("ที่ นร ๑๒๐๐/ว๕๖"), make_signer(ROOT))


def mail_around(inner: bytes, *, levels: int = 1, name: str | None = None) -> bytes:
    """The mail as a forwarded one, so many times; with a name, as a file and not as a message."""
    for _ in range(levels):
        outer = EmailMessage(policy=policy.SMTP)
        outer["From"], outer["To"], outer["Subject"] = "a@b.test", "c@d.test", "ส่งต่อ"
        outer.set_content("ตามแนบ\n")
        if name:
            outer.add_attachment(inner, maintype="application", subtype="octet-stream", filename=name)
        else:
            import email

            outer.add_attachment(email.message_from_bytes(inner, policy=policy.SMTP))
        inner = outer.as_bytes()
    return inner


def examined(octets: bytes) -> Findings:
    now = int(datetime.now(UTC).timestamp() * 1e9)
    return examine_mail(octets, trust=trust.of([ROOT.der]), now_ns=now, software="test")


@pytest.mark.parametrize("name", [None, "จดหมาย.eml"])
def test_a_forwarded_letters_signature_is_judged(signed: bytes, name: str | None) -> None:
    found = examined(mail_around(letter_mail(signed, "a@b.test", "c@d.test", "หนังสือ"), name=name))
    (verdict,) = found.signatures
    assert (verdict.indication, verdict.coverage) == ("TOTAL-PASSED", "whole")
    assert verdict.part.endswith(".eml/หนังสือ.pdf")


def test_beside_the_letters_own(signed: bytes) -> None:
    outer = EmailMessage(policy=policy.SMTP)
    outer["From"], outer["Subject"] = "a@b.test", "สองฉบับ"
    outer.set_content("ตามแนบ\n")
    outer.add_attachment(signed, maintype="application", subtype="pdf", filename="นอก.pdf")
    inner = letter_mail(signed, "a@b.test", "c@d.test", "หนังสือ", name="ใน.pdf")
    outer.add_attachment(inner, maintype="application", subtype="octet-stream", filename="x.eml")
    found = examined(outer.as_bytes())
    assert [verdict.part for verdict in found.signatures] == ["นอก.pdf", "x.eml/ใน.pdf"]


def test_forwarding_has_an_end(signed: bytes) -> None:
    letter = letter_mail(signed, "a@b.test", "c@d.test", "หนังสือ")
    assert len(examined(mail_around(letter, levels=forwarded.DEPTH)).signatures) == 1
    deep = examined(mail_around(letter, levels=forwarded.DEPTH + 1))
    assert deep.signatures == ()
    assert [warning.code for warning in deep.warnings if warning.code == "parts_left_out"]


def test_so_many_messages_are_opened_and_no_more() -> None:
    mail = letter_mail(b"%PDF-1.7", "a@b.test", "c@d.test", "x", name="x.pdf")
    parts = [Part("message/rfc822", f"{number}.eml", mail) for number in range(forwarded.MESSAGES + 1)]
    found, whole = forwarded.pdf_files(parts)
    assert (len(found), whole) == (forwarded.MESSAGES, False)
