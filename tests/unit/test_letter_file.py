"""What `saraban send` hands over is what is in the file."""

import email
from email import policy
from pathlib import Path

import pytest

from services.commands import letter_file
from services.commands.errors import CommandError

TO = "saraban@demo.localhost"


def _one(path: Path) -> bytes:
    (letter,) = letter_file.read([path], "ผู้ส่ง@example.org", TO)
    return letter.content


def test_a_mail_with_the_line_ends_of_smtp_is_not_touched(tmp_path: Path) -> None:
    octets = b"Subject: x\r\n\r\nbare \n newline and \r return\x00\r\n.\r\nend\r\n"
    path = tmp_path / "a.eml"
    path.write_bytes(octets)
    assert _one(path) == octets


def test_a_mail_with_the_line_ends_of_this_system_gets_those_of_smtp(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(b"Subject: x\n\none\n.two")
    assert _one(path) == b"Subject: x\r\n\r\none\r\n.two\r\n"


def test_a_pdf_gets_a_mail_around_it(tmp_path: Path) -> None:
    path = tmp_path / "หนังสือ ที่ ๑.pdf"
    path.write_bytes(b"%PDF-1.7 \x00\xff not much of one")
    mail = email.message_from_bytes(_one(path), policy=policy.default)
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content() == path.read_bytes()
    assert attachment.get_filename() == path.name
    assert mail["Subject"] == path.stem
    assert mail["To"] == TO
    assert mail["From"].addresses[0].addr_spec == "ผู้ส่ง@example.org"
    assert mail["Message-ID"].startswith("<")
    assert all(len(line) <= 998 for line in _one(path).split(b"\r\n"))


def test_a_folder_is_its_letters_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.PDF", "a.eml", "c.txt", "inner/d.eml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in letter_file.find([tmp_path])] == ["a.eml", "b.PDF", "d.eml"]


@pytest.mark.parametrize(
    ("name", "words"), [("missing.eml", "no such file"), ("a.txt", "neither .eml nor .pdf"), ("folder", "has no .eml")]
)
def test_what_is_no_letter_is_said_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CommandError, match=words) as caught:
        letter_file.find([tmp_path / name])
    assert "\n" not in str(caught.value)


def test_an_empty_mail_and_an_impossible_sender_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"")
    (tmp_path / "b.pdf").write_bytes(b"%PDF")
    with pytest.raises(CommandError, match="is empty"):
        list(letter_file.read([tmp_path / "a.eml"], "a@b", TO))
    with pytest.raises(CommandError, match="no mail address"):
        list(letter_file.read([tmp_path / "b.pdf"], "nobody", TO))
