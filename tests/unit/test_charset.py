"""Legacy Thai mail, and what its labels are worth."""

import pytest

from services.sign import message
from services.sign.charset import decode
from services.sign.particulars import read

THAI = "ที่ นร ๑๒๐๐/ว๗๕ เรื่อง การแจ้งหน่วยงานของรัฐ"


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("tis-620", "tis-620"),
        ("cp874", ""),
        ("cp874", "us-ascii"),
        ("cp874", "iso-8859-1"),
        ("cp874", "windows-1252"),
        ("cp874", "utf-8"),
        ("utf-8", "tis-620"),
        ("utf-8", "windows-1252"),
        ("utf-8", ""),
    ],
)
def test_thai_is_read_whatever_its_label(encoding: str, label: str) -> None:
    assert decode(THAI.encode(encoding), label) == THAI


@pytest.mark.parametrize("text", ["Café à la crème", "Größe, Übermaß und Straße", "naïve façade"])
def test_a_western_text_stays_one(text: str) -> None:
    assert decode(text.encode("latin-1"), "iso-8859-1") == text


def test_a_mail_in_unlabelled_tis_620_from_its_subject_to_its_text() -> None:
    raw = f"From: a@b.th\r\nSubject: {THAI}\r\n\r\nเรียน เจ้าหน้าที่\r\n".encode("tis-620")
    taken = message.read(raw)
    found, _ = read(taken.subject, taken.text, [])
    assert found.letter_number
    assert found.subject
    assert (found.letter_number.value, found.subject.value) == ("นร ๑๒๐๐/ว๗๕", "การแจ้งหน่วยงานของรัฐ")


def test_a_folded_line_behind_an_encoded_word_keeps_its_space() -> None:
    taken = message.read(b"Subject: =?utf-8?b?4LiX4Li14LmIIOC4meC4ow==?=\r\n 1200/56\r\n\r\nx")
    assert taken.subject == "ที่ นร 1200/56"
