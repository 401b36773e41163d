"""Instants, digests and ids as every contract writes them."""

import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import values

AT = 1_778_641_447_250_113_999
"""2026-05-13T03:04:07.250113999Z"""


def test_an_instant_has_microseconds_always() -> None:
    assert values.instant(AT) == "2026-05-13T03:04:07.250113Z"
    assert values.instant(AT // 10**9 * 10**9) == "2026-05-13T03:04:07.000000Z"


def test_an_instant_is_cut_so_that_the_last_moment_of_office_hours_stays_in_them() -> None:
    last = int(datetime(2026, 5, 29, 9, 30, tzinfo=UTC).timestamp()) * 10**9 - 1
    assert values.instant(last) == "2026-05-29T09:29:59.999999Z"


@given(st.integers(0, 4_102_444_800 * 10**9))
def test_an_instant_reads_back_to_the_microsecond(utc_ns: int) -> None:
    text = values.instant(utc_ns)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert values.from_instant(text) == datetime.fromtimestamp(utc_ns // 10**9, UTC).replace(
        microsecond=utc_ns % 10**9 // 1000
    )


def test_instants_sort_as_they_happened() -> None:
    texts = [values.instant(AT + step * 1_000) for step in (0, 1, 10**6, 10**9)]
    assert texts == sorted(texts)


def test_a_local_instant_is_thai_time() -> None:
    assert values.local_instant(datetime(2026, 5, 14, 1, 30, tzinfo=UTC)) == "2026-05-14T08:30:00+07:00"
    assert values.local_instant(values.from_instant(values.instant(AT))) == "2026-05-13T10:04:07.250113+07:00"
    elsewhere = timezone(timedelta(hours=-5))
    assert values.local_instant(datetime(2026, 5, 13, 20, 30, tzinfo=elsewhere)) == "2026-05-14T08:30:00+07:00"


def test_an_instant_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        values.from_instant("2026-05-14T08:30:00")


def test_a_mail_id_is_the_whole_digest_in_base32() -> None:
    digest = hashlib.sha256(b"a letter").digest()
    found = values.mail_id(digest)
    assert re.fullmatch(r"[a-z2-7]{52}", found)
    assert found != values.mail_id(digest[:-1] + bytes([digest[-1] ^ 1]))


def test_a_digest_is_lower_case_hex() -> None:
    assert values.sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert values.sha256_hex(memoryview(b"abc")) == values.sha256_hex(bytearray(b"abc"))


def test_bangkok_has_no_daylight_saving_and_needs_no_tzdata() -> None:
    assert {datetime(2026, month, 1, tzinfo=values.BANGKOK).utcoffset() for month in range(1, 13)} == {
        timedelta(hours=7)
    }
