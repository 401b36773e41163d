"""Header fields as octets."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header

from hypothesis import given
from hypothesis import strategies as st

from services.notify import wire
from services.notify.display import clean, header

THAI = st.text(st.sampled_from('กขคงจฉ่้๊๋ิีึืุูำเแโใไ ab๑๒(),<>"\\=?_'), min_size=1, max_size=200)


def unfolded(field: bytes) -> str:
    return field.decode().partition(":")[2].replace("\r\n", "")


@given(THAI)
def test_what_is_encoded_reads_back(text: str) -> None:
    line = unfolded(wire.field("Subject", text)).strip()
    read = str(make_header(decode_header(line))) if not text.isascii() else line
    assert read == text.strip() if text.isascii() else read == text


@given(THAI)
def test_encoded_words_keep_to_their_size_and_to_whole_letters(text: str) -> None:
    for word in wire.encoded_words(text):
        assert len(word) <= 75
        ((octets, charset),) = decode_header(word)
        assert isinstance(octets, bytes)
        octets.decode(charset or "ascii")  # a letter cut in two would not decode


@given(THAI)
def test_lines_are_short(text: str) -> None:
    for field in (wire.field("Subject", text), wire.mailbox_field("From", text, "a@b.example")):
        assert all(len(line) <= 998 for line in field.split(b"\r\n"))


def test_a_display_name_is_quoted_or_encoded() -> None:
    assert wire.mailbox_field("From", 'A "B" \\', "a@b.example") == b'From: "A \\"B\\" \\\\" <a@b.example>'
    field = wire.mailbox_field("From", "สารบรรณ สำนักงาน", "a@b.example")
    message = message_from_bytes(field + b"\r\n\r\n", policy=policy.default)
    assert message["From"].addresses[0].addr_spec == "a@b.example"


def test_what_strangers_wrote_is_one_line_without_tricks() -> None:
    assert clean("a\r\nBcc: x\u202egnp.exe\u2028b\0") == "a Bcc: x gnp.exe b"
    assert clean("ก้" * 300, 11) == "ก้" * 5 + "…"
    assert header("=?windows-874?Q?=B7=B4=CA=CD=BA?=") == "ทดสอบ"
    assert "\n" not in header("=?utf-8?Q?a=0D=0AReply-To:_x?=")
