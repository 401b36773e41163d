"""The headers of a MAIL message stay within their budget whatever a letter's lines look like."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import codec, headers
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from services.ingest.header_budget import cut_to, within

LINE_NAMES = list(HeaderLines.__struct_fields__)


def event(
    lines: HeaderLines, recipients: int = 1, sender: str = "a@client.test", helo: str = "client.test"
) -> MailReceived:
    return MailReceived(
        agency="demo",
        mail="a" * 52,
        sha256="0" * 64,
        size=1,
        received_at="2026-11-20T10:00:00.000000Z",
        bound_ms=1.5,
        within_bound=True,
        source="kernel",
        stratum=2,
        peer=Peer(address="192.0.2.1", helo=helo),
        protocol="ESMTP",
        sender=sender,
        recipients=tuple(Recipient(address=f"saraban_{n:04}@demo.test") for n in range(recipients)),
        lines=lines,
    )


def test_an_ordinary_letter_is_not_cut() -> None:
    ordinary = event(HeaderLines(subject="เรื่อง " * 20, message_id="<1@client.test>"))
    found, shown = within(ordinary)
    assert found is ordinary
    assert shown == codec.encode_headers(ordinary)


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries({}, optional={name: st.integers(0, 70_000) for name in LINE_NAMES}),
    st.sampled_from(["x", "ก", '"', "\N{GRINNING FACE}"]),
    st.integers(1, 1_000),
)
def test_everything_fits_and_reads_back(sizes: dict[str, int], letter: str, recipients: int) -> None:
    whole = event(
        HeaderLines(**{name: letter * size for name, size in sizes.items()}), recipients, letter * 900, letter * 255
    )
    found, shown = within(whole)
    assert headers.size(shown) <= headers.HEADERS_BYTES - 400
    assert codec.decode_received(shown) == found
    for name in LINE_NAMES:
        was, now = getattr(whole.lines, name), getattr(found.lines, name)
        assert was.startswith(now)
        assert (was == now) == (f"lines.{name.rstrip('_')}" not in found.cut)
    assert (len(found.recipients) < recipients) == ("recipients" in found.cut)


def test_what_the_register_needs_most_is_cut_last() -> None:
    found, _ = within(event(HeaderLines(references="<r@x> " * 8_000, subject="เรื่อง" * 100, message_id="<1@x>")))
    assert found.cut == ("lines.references",)
    assert found.lines.subject == "เรื่อง" * 100


@pytest.mark.parametrize(
    ("text", "most", "kept"), [("abc", 2, "ab"), ("กข", 9, "ก"), ("กข", 8, ""), ("a b", 4, "a "), ("", 0, "")]
)
def test_cutting_leaves_whole_characters(text: str, most: int, kept: str) -> None:
    assert cut_to(text, most) == kept
