"""What a relaying server adds to a letter: one Received field on top, and nothing else."""

import asyncio
import re
import smtplib
from collections.abc import Iterable

SENDER = "clerk@sender.test"

_RECEIVED = re.compile(rb"Received: from [^\r\n]+\r\n(?:[ \t][^\r\n]+\r\n)+")


def below_received(octets: bytes, by: bytes) -> bytes:
    """The letter below the Received field of the server `by`."""
    field = _RECEIVED.match(octets)
    assert field is not None, octets[:500]
    assert b"by " + by in field.group()
    return octets[field.end() :]


def _submit(port: int, letters: Iterable[bytes], to: list[str], mail: list[str], rcpt: list[str]) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
        for octets in letters:
            assert server.sendmail(SENDER, to, octets, ["BODY=8BITMIME", *mail], rcpt) == {}


async def submit(
    port: int, letters: Iterable[bytes], to: list[str], mail: tuple[str, ...] = (), rcpt: tuple[str, ...] = ()
) -> None:
    """Hand letters to the relaying server, with these parameters of MAIL and RCPT."""
    await asyncio.to_thread(_submit, port, letters, to, list(mail), list(rcpt))
