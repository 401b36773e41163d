"""How an answer by HTTP is read: what is taken, and that nothing else does more than raise."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sign.http_exchange import HEAD_OCTETS, ExchangeError, LengthError, RedirectError, answer

LIMIT = 1_000
OK = b"HTTP/1.1 200 OK\r\n"


async def read(octets: bytes) -> bytes:
    reader = asyncio.StreamReader(limit=HEAD_OCTETS)
    reader.feed_data(octets)
    reader.feed_eof()
    return await answer(reader, LIMIT)


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (OK + b"content-length:3 \r\n\r\nabcd", b"abc"),
        (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (OK + b"\r\nabc", b"abc"),
        (b"HTTP/1.0 200\r\n\r\n", b""),
        (OK + b"Content-Encoding: identity\r\n\r\nabc", b"abc"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nX: y\r\n\r\n", b"abcde"),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", b""),
        (OK + b"Content-Length: 1000\r\n\r\n" + bytes(1_000), bytes(1_000)),
    ],
)
async def test_an_answer_is_read(octets: bytes, body: bytes) -> None:
    assert await read(octets) == body


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"", EOFError),
        (b"HTTP/1.1 200 OK\r\n", EOFError),
        (b"HTTP/2 200 OK\r\n\r\n", ExchangeError),
        (b"HTTP/1.1 2000 OK\r\n\r\n", ExchangeError),
        (b"HTTP/1.1 204 No\r\n\r\n", ExchangeError),
        (b"HTTP/1.1 206 Part\r\n\r\nabc", ExchangeError),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\nabc", ExchangeError),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", RedirectError),
        (b"HTTP/1.1 308 Moved\r\nLocation: file:///etc/passwd\r\n\r\n", RedirectError),
        (OK + b" folded\r\n\r\n", ExchangeError),
        (OK + b"No colon\r\n\r\n", ExchangeError),
        (OK + b"Content-Length : 3\r\n\r\nabc", ExchangeError),
        (OK + b"Content-Length: -3\r\n\r\nabc", ExchangeError),
        (OK + b"Content-Length: +3\r\n\r\nabc", ExchangeError),
        (OK + b"Content-Length: 3, 3\r\n\r\nabc", ExchangeError),
        (OK + b"Content-Length: \xb3\r\n\r\nabc", ExchangeError),
        (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", ExchangeError),
        (OK + b"Content-Length: 4\r\n\r\nabc", EOFError),
        (OK + b"Content-Length: 1001\r\n\r\n" + bytes(1_001), LengthError),
        (OK + b"Content-Length: " + b"9" * 10_000 + b"\r\n\r\n", ExchangeError),
        (OK + b"\r\n" + bytes(1_001), LengthError),
        (OK + b"Content-Encoding: gzip\r\n\r\nabc", ExchangeError),
        (OK + b"Content-Encoding: identity\r\nContent-Encoding: br\r\n\r\nabc", ExchangeError),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", ExchangeError),
        (OK + b"Transfer-Encoding: identity\r\n\r\nabc", ExchangeError),
        (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", ExchangeError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", ExchangeError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", ExchangeError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFF\r\n", ExchangeError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n", LengthError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", ExchangeError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n" * 2, ExchangeError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;xxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n" * 900, LengthError),
        (OK + b"X: " + b"y" * HEAD_OCTETS * 2, asyncio.LimitOverrunError),
        (OK + b"X: y\r\n" * HEAD_OCTETS, asyncio.LimitOverrunError),
    ],
)
async def test_what_is_none_is_refused(octets: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await read(octets)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [OK, b"HTTP/1.1 ", b"\r\n", b"\n", b":", b"Content-Length: ", b"Transfer-Encoding: chunked", b"\r\n\r\n",
             b"3", b"0", b"ffffffff", b";", b"abc", b"\x00", b"\xff" * 40]
        ),
        max_size=30,
    ).map(b"".join)
)  # fmt: skip
def test_whatever_comes_ends_in_a_body_or_one_of_these(octets: bytes) -> None:
    try:
        body = asyncio.run(read(octets))
    except (ExchangeError, EOFError, asyncio.LimitOverrunError):
        return
    assert len(body) <= LIMIT
