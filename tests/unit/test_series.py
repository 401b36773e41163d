"""The series rule: over what the ingress knows, before anything is judged."""

import base64

import pytest

from contracts import codec
from contracts.mail import HeaderLines, Standing
from services.register.series import secrecy, series
from tests.books import received


def encoded(text: str, charset: str, name: str = "") -> str:
    return f"=?{name or charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


def of(sender: str = "clerk@sender.example", **lines: str) -> str:
    return series(received(sender=sender, lines=HeaderLines(**lines)))


def test_a_letter_is_received() -> None:
    assert of(subject="ที่ นร ๑๒๐๐/ว ๕๖ เรื่อง แนวทาง", message_id="<1@x.example>") == "received"
    assert of() == "received"


@pytest.mark.parametrize(
    "lines",
    [
        {"auto_submitted": "auto-generated"},
        {"auto_submitted": 'auto-replied; owner-email="x@y"'},
        {"auto_submitted": "Auto-Notified"},
        {"precedence": "bulk"},
        {"precedence": " List "},
        {"precedence": "junk"},
        {"precedence": "auto_reply"},
        {"list_id": "Officials <officials.lists.example>"},
        {"list_unsubscribe": "<mailto:leave@lists.example>"},
        {"feedback_id": "1:2:3:esp"},
        {"x_autoreply": "yes"},
        {"x_failed_recipients": "a@b.example"},
        {"content_type": 'multipart/report; report-type=delivery-status; boundary="x"'},
    ],
)
def test_machines_and_lists_go_to_general(lines: dict[str, str]) -> None:
    assert of(**lines) == "general"


def test_the_null_sender_goes_to_general() -> None:
    assert of(sender="") == "general"


@pytest.mark.parametrize(
    "lines",
    [
        {"auto_submitted": "no"},
        {"auto_submitted": " No (a person) "},
        {"precedence": "first-class"},
        {"content_type": "multipart/mixed; boundary=report"},
        {"x_auto_response_suppress": "OOF, AutoReply"},
    ],
)
def test_what_a_person_sent_stays_received(lines: dict[str, str]) -> None:
    """X-Auto-Response-Suppress asks for no answer; e-document systems set it on real letters."""
    assert of(**lines) == "received"


@pytest.mark.parametrize(
    ("subject", "mark"),
    [
        ("ลับ", "ลับ"),
        ("ลับ ขอส่งเอกสาร", "ลับ"),
        ("ลับมาก ที่ กห ๐๒๐๑/๑", "ลับมาก"),
        ("ลับที่สุด", "ลับที่สุด"),
        ("  (ลับ) เรื่อง", "ลับ"),
        ("[ลับมาก] เรื่อง", "ลับมาก"),
        ("“ลับที่สุด” เรื่อง", "ลับที่สุด"),
        ("*ลับ* เรื่อง", "ลับ"),
        ("ลับ: เรื่อง", "ลับ"),
        ("ลับ/ด่วนที่สุด", "ลับ"),
        ("ลับด่วนมาก", "ลับ"),
        ("ลับที่ กห ๐๒๐๑/๑", "ลับ"),
        ("ด่วนที่สุด ลับมาก เรื่อง", "ลับมาก"),
        ("ด่วนที่สุด (ลับ)", "ลับ"),
        ("FW: ลับ เรื่อง", "ลับ"),
        ("Re[2]: Fwd: ตอบกลับ: ลับมาก", "ลับมาก"),
        ("ชั้นความลับ: ลับที่สุด", "ลับที่สุด"),
        ("\u200bลับ\u00a0เรื่อง", "ลับ"),
        (encoded("ลับ เรื่อง", "utf-8"), "ลับ"),
        (encoded("ลับ เรื่อง", "cp874", "windows-874"), "ลับ"),
        (encoded("ลับมาก", "tis-620"), "ลับมาก"),
        ("=?utf-8?Q?=E0=B8=A5=E0=B8=B1?= =?utf-8?Q?=E0=B8=9A?= x", "ลับ"),
    ],
)
def test_a_secrecy_mark_at_the_beginning_is_classified(subject: str, mark: str) -> None:
    assert secrecy(subject) == mark
    assert of(subject=subject) == "classified"


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "ลับแล: งานเทศกาลทุเรียน",
        "ลับมีดกรีดยาง",
        "ลับสมองประลองปัญญา",
        "ลับหลังผู้บริหาร",
        "เรื่อง ลับมาก",
        "การรักษาความลับของทางราชการ",
        "ชั้นความลับของเอกสาร",
        "ด่วนที่สุด ที่ นร ๑๒๐๐/ว ๕๖",
        "Re: เรื่อง ลับ",
    ],
)
def test_a_mark_inside_or_part_of_a_word_is_none(subject: str) -> None:
    assert secrecy(subject) is None


def test_a_secret_from_a_list_is_kept_as_a_secret() -> None:
    assert of(subject="ลับ เรื่อง", list_id="x.example", auto_submitted="auto-generated") == "classified"


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (Standing(blocklisted=("one.list.test",)), "general"),
        (Standing(spam_score=15.0, spam_limit=15.0), "general"),
        (Standing(spam_score=14.9, spam_limit=15.0), "received"),
        (Standing(spam_score=-2.0, spam_limit=15.0), "received"),
        (Standing(blocklisted=("one.list.test",), spam_score=-2.0, spam_limit=15.0), "general"),
        (Standing(spam_score=99.0), "received"),  # no limit stands beside it: nobody said what is too much
        (Standing(), "received"),
        (None, "received"),
    ],
)
def test_whoever_others_speak_against_goes_to_general(standing: Standing | None, expected: str) -> None:
    assert series(received(standing=standing)) == expected
    read = codec.decode_received(codec.encode_headers(received(standing=standing)))
    assert series(read) == expected, "as it travels"


def test_a_secret_from_a_peer_with_a_bad_name_is_kept_as_a_secret() -> None:
    event = received(lines=HeaderLines(subject="ลับ เรื่อง"), standing=Standing(blocklisted=("one.list.test",)))
    assert series(event) == "classified"


def test_a_hostile_subject_costs_no_time() -> None:
    for subject in ("(" * 30_000, "ด่วน " * 6_000, "re: " * 8_000, "=?x?B?" * 5_000, "ลับ" * 10_000):
        of(subject=subject)
