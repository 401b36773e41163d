"""The digest of a letter's text: the same after a relay encoded it anew or wrapped it, another after a change."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from services.sign import message


def letter(text: str, encoding: str) -> bytes:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = "a@sender.example"
    mail["Subject"] = "x"
    mail.set_content(text, cte=encoding)
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="a.pdf")
    return mail.as_bytes()


def digest(octets: bytes) -> str:
    return message.read(octets).text_sha256


def test_encoding_does_not_matter() -> None:
    found = {digest(letter("เรียน ผู้อำนวยการ\n\nขอเชิญ \n", how)) for how in ("8bit", "base64", "quoted-printable")}
    assert len(found) == 1


def test_line_ends_and_wrapping_do_not_matter() -> None:
    one = letter("one two\nthree\n", "7bit")
    assert digest(one) == digest(one.replace(b"\r\n", b"\n")) == digest(letter("one\ntwo three\n", "7bit"))


def test_a_letter_of_the_text_does() -> None:
    assert digest(letter("one two\n", "7bit")) != digest(letter("one twa\n", "7bit"))


def test_an_attachment_does_not() -> None:
    mail = message_from_bytes(letter("one\n", "7bit"), policy=policy.SMTP)
    assert digest(mail.as_bytes()) == digest(letter("one\n", "7bit").replace(b"JVBERi0xLjc=", b"JVBERi0xLjg="))


def test_text_moved_to_another_part_is_another_text() -> None:
    parts = [b"--x\r\nContent-Type: text/plain\r\n\r\n" + text + b"\r\n" for text in (b"ab", b"c")]
    other = [parts[0].replace(b"ab", b"a"), parts[1].replace(b"\r\nc", b"\r\nbc")]
    head = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    assert digest(head + b"".join(parts) + b"--x--\r\n") != digest(head + b"".join(other) + b"--x--\r\n")
