import hashlib

from dkim.canonicalization import CanonicalizationPolicy
from hypothesis import given
from hypothesis import strategies as st

from services.sign.body_hash import body_sha256, relaxed

POLICY = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")


def test_the_example_of_the_standard() -> None:
    """RFC 6376 section 3.4.5."""
    assert relaxed(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"


def test_an_empty_body_stays_empty() -> None:
    assert relaxed(b"") == relaxed(b"\r\n\r\n") == b""


@given(st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\xe0\xb8\x81"]), max_size=30))
def test_the_same_as_dkimpy(pieces: list[bytes]) -> None:
    body = b"".join(pieces) + b"\r\n"
    assert relaxed(body) == POLICY.canonicalize_body(body)


def test_a_copy_in_a_mail_folder_has_the_same_digest() -> None:
    letter = b"Subject: x\r\n\r\nline  one \r\n\r\nline two\r\n\r\n"
    assert body_sha256(letter) == body_sha256(letter.replace(b"\r\n", b"\n"))
    assert body_sha256(letter) == hashlib.sha256(b"line one\r\n\r\nline two\r\n").hexdigest()


def test_another_body_has_another_digest() -> None:
    assert body_sha256(b"A: b\r\n\r\nx\r\n") != body_sha256(b"A: b\r\n\r\ny\r\n")
    assert body_sha256(b"A: b\r\n\r\nx\r\n") == body_sha256(b"C: d\r\n\r\nx\r\n")
