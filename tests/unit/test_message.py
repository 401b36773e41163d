import base64
import time
from email.message import EmailMessage

import pytest

from services.sign import message
from tests.letters import letter_mail

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 9


def test_an_attachment_is_what_was_attached() -> None:
    found = message.read(letter_mail(PDF, "a@b.th", "c@d.th", "ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ยาว" * 4, name="หนังสือ ว๕๖.pdf"))
    assert [(part.name, part.media_type, part.octets) for part in found.parts] == [
        ("หนังสือ ว๕๖.pdf", "application/pdf", PDF)
    ]
    assert found.subject == "ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ยาว" * 4
    assert "ขอส่งหนังสือตามไฟล์แนบ" in found.text
    assert found.authors == ["a@b.th"]


def test_an_attached_mail_keeps_every_octet() -> None:
    inner = b"Subject: x\r\nX-Odd:  two  spaces \r\n\r\nbody\r\nno end"
    outer = (
        b"Subject: fwd\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
        b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\nepilogue"
    )
    found = message.read(outer)
    assert [(part.name, part.octets) for part in found.parts] == [("part-1.eml", inner)]
    assert found.text == "text"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"attachment; filename*=utf-8''%E0%B8%81.pdf", "ก.pdf"),
        (b'attachment; filename="=?UTF-8?B?4LiBLnBkZg==?="', "ก.pdf"),
        ('attachment; filename="ก.pdf"'.encode(), "ก.pdf"),
        ('attachment; filename="ก.pdf"'.encode("cp874"), "ก.pdf"),
        (b'attachment; filename="../../etc/passwd"', "passwd"),
        (b'attachment; filename="C:\\\\x\\\\y.pdf"', "y.pdf"),
        (b'attachment; filename="a\x00\x1b[31m.pdf"', "a[31m.pdf"),
        (b"attachment; filename=" + b"n" * 5000 + b".pdf", "n" * 251 + ".pdf"),
        (b"attachment", "part-1.pdf"),
    ],
)
def test_names_however_they_were_encoded(header: bytes, name: str) -> None:
    octets = b"Subject: x\r\nContent-Type: application/pdf\r\nContent-Disposition: " + header + b"\r\n\r\n%PDF-"
    assert [part.name for part in message.read(octets).parts] == [name]


@pytest.mark.parametrize("label", ["tis-620", "windows-874", "iso-8859-11", "x-nonsense", "us-ascii", ""])
def test_thai_text_without_a_true_label(label: str) -> None:
    charset = f"; charset={label}" if label else ""
    octets = f"Subject: x\r\nContent-Type: text/plain{charset}\r\n\r\n".encode() + "สวัสดีครับ".encode("cp874")
    assert message.read(octets).text == "สวัสดีครับ"


def test_a_raw_thai_subject() -> None:
    assert message.read("Subject: ด่วนที่สุด\r\n\r\n".encode("cp874")).subject == "ด่วนที่สุด"
    assert message.read("Subject: ด่วนที่สุด\r\n\r\n".encode()).subject == "ด่วนที่สุด"


def test_a_character_cut_between_two_encoded_words() -> None:
    octets = "หนังสือ".encode()
    words = [f"=?utf-8?B?{base64.b64encode(piece).decode()}?=" for piece in (octets[:4], octets[4:])]
    assert message.read(f"Subject: {words[0]}\r\n {words[1]}\r\n\r\n".encode()).subject == "หนังสือ"


def test_html_alone_is_read_as_text() -> None:
    mail = EmailMessage()
    mail["Subject"] = "x"
    mail.set_content("<style>no</style><p>ที่ นร ๑๒๐๐/ว๕๖</p><p>เรื่อง&nbsp;ก<br>ข</p><script>no</script>", subtype="html")
    lines = [line.strip() for line in message.read(mail.as_bytes()).text.splitlines() if line.strip()]
    assert lines == ["ที่ นร ๑๒๐๐/ว๕๖", "เรื่อง\xa0ก", "ข"]


def test_damaged_base64_says_so() -> None:
    octets = b"Subject: x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0"
    (part,) = message.read(octets).parts
    assert part.damaged
    assert part.octets.startswith(b"%PDF")


def test_a_missing_last_boundary_loses_nothing() -> None:
    head = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    octets = head + b"--b\r\nContent-Type: application/pdf\r\n\r\n%PDF-"
    assert [part.octets for part in message.read(octets).parts] == [b"%PDF-"]


def test_depth_and_number_are_bounded() -> None:
    deep = b"Subject: x\r\n"
    for level in range(40):
        deep += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
    assert "levels" in message.read(deep + b"Content-Type: text/plain\r\n\r\nend").left_out
    wide = (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * 1000
    )
    found = message.read(wide)
    assert "parts" in found.left_out
    assert len(found.parts) <= message.PARTS


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\nbody", b"\xff\xfe\x00garbage", b"no header at all\r\n"])
def test_what_has_no_header_is_unreadable_and_nothing_else_happens(octets: bytes) -> None:
    assert not message.read(octets).readable


@pytest.mark.parametrize(
    ("kind", "smime", "pgp"),
    [
        ('multipart/signed; protocol="application/pkcs7-signature"; boundary=b', True, False),
        ("application/pkcs7-mime; smime-type=enveloped-data", True, False),
        ('multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b', False, True),
        ("text/plain", False, False),
    ],
)
def test_protection_is_noticed(kind: str, smime: bool, pgp: bool) -> None:
    found = message.read(f"Subject: x\r\nContent-Type: {kind}\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n".encode())
    assert (found.smime, found.pgp) == (smime, pgp)


def test_time_grows_with_the_size_only() -> None:
    head = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"

    def seconds(count: int) -> float:
        octets = head + b"--a--b" * count
        begun = time.process_time()
        message.read(octets)
        return time.process_time() - begun

    seconds(10_000)
    assert seconds(2_000_000) < 40 * (seconds(200_000) + 0.01)
