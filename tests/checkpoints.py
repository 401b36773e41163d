"""The signed heads of books, read back and checked by others than us."""

import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from contracts import codec
from contracts.findings import CheckpointSealed
from contracts.receipt import Head
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from tests import books
from tests.timestamp_authority import TimestampAuthority
from tests.waiting import until_it


async def checkpoints(bus: Bus) -> list[CheckpointSealed]:
    """All of FINDINGS, in their order."""
    found = []
    last = (await bus.api("STREAM.INFO.FINDINGS"))["state"]["last_seq"]
    for sequence in range(1, last + 1):
        message = await read_message(bus.nc, "FINDINGS", sequence)
        assert message is not None
        if message.subject.startswith("sign.v1.checkpoint."):
            found.append(codec.decode(message.body, CheckpointSealed))
    return found


async def until_signed(bus: Bus, length: int, book: str = "received", *, stamped: bool = False) -> CheckpointSealed:
    found: list[CheckpointSealed] = []

    async def there() -> bool:
        found[:] = [
            one
            for one in await checkpoints(bus)
            if one.series == book and one.length == length and (one.token is not None or not stamped)
        ]
        return bool(found)

    await until_it(there, 30)
    return found[0]


def verifies(head: CheckpointSealed | Head, folder: Path, root: Path, tsa: TimestampAuthority | None = None) -> None:
    """By openssl, which knows nothing of ours."""
    (folder / "link").write_bytes(bytes.fromhex(head.link))
    (folder / "signature").write_bytes(head.signature)
    subprocess.run(
        [
            "openssl",
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            folder / "signature",
            "-content",
            folder / "link",
            "-CAfile",
            root,
            "-purpose",
            "any",
            "-out",
            "/dev/null",
        ],
        check=True,
        capture_output=True,
    )
    if tsa is not None:
        assert head.token is not None
        (folder / "token").write_bytes(head.token)
        subprocess.run(
            [
                "openssl",
                "ts",
                "-verify",
                "-data",
                folder / "signature",
                "-token_in",
                "-in",
                folder / "token",
                "-CAfile",
                tsa.trust,
            ],
            check=True,
            capture_output=True,
        )


def leads(heads: Sequence[CheckpointSealed], rows: Sequence[books.Row]) -> None:
    """Every head is the link of the book at its length, none twice, in their order."""
    assert [head.link for head in heads] == [rows[head.length - 1].link for head in heads]
    assert len({head.key for head in heads}) == len(heads)
    assert [head.length for head in heads] == sorted(head.length for head in heads)


def fold(head: Head, between: Sequence[str]) -> str:
    link = bytes.fromhex(head.link)
    for digest in between:
        link = sha256(link + bytes.fromhex(digest)).digest()
    return link.hex()
