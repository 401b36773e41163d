"""Header lines as a person reads them."""

import base64

import pytest

from services.words.header_text import decoded

THAI = "ที่ นร ๑๒๐๐/ว ๕๖"


def word(octets: bytes, charset: str) -> str:
    return f"=?{charset}?B?{base64.b64encode(octets).decode()}?="


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain text", "plain text"),
        (THAI, THAI),
        (word(THAI.encode(), "utf-8"), THAI),
        (word(THAI.encode("cp874"), "windows-874"), THAI),
        (word(THAI.encode("cp874"), "TIS-620"), THAI),
        (word(THAI.encode("cp874"), "iso-8859-11*th"), THAI),
        (word(THAI.encode("cp874"), "no-such-charset"), THAI),
        (word(THAI.encode(), "no-such-charset"), THAI),
        (f"Re: {word(THAI.encode(), 'utf-8')} (ด่วน)", f"Re: {THAI} (ด่วน)"),
        (f"{word(THAI.encode()[:4], 'utf-8')} {word(THAI.encode()[4:], 'utf-8')}", THAI),
        (f"{word('ก'.encode(), 'utf-8')} {word('ข'.encode('cp874'), 'cp874')}", "กข"),
        (word(b"\xff\xfe", "utf-8"), "\ufffd\ufffd"),
        ("=?utf-8?B?not base64!?=", "=?utf-8?B?not base64!?="),
        ("=?utf-8?Q?=E0=B8=81=0D=0Ab?=", "ก b"),
        ("=?utf-7?Q?+2AA-?=", "\ufffd"),
        (r"\ud800 =?utf-8?Q?a?=", "\ufffd a"),
        (r"=?utf-8?Q?a?= \ud800 b", r"a \ud800 b"),
        ("=?a?q?a" * 4_500, "=?a?q?a" * 4_500),
        ("=?unicode-escape?Q?=5Cudc00?=", "\ufffd"),
        ("", ""),
    ],
)
def test_decoded(line: str, expected: str) -> None:
    assert decoded(line) == expected


def test_a_monstrous_line_is_cut_not_refused() -> None:
    assert len(decoded("x" * 100_000)) == 32 * 1024
