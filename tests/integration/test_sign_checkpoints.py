"""The heads of books, signed and time-stamped, and what receipts carry of them."""

import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from contracts import codec
from contracts.findings import CheckpointSealed
from contracts.receipt import Head, Unknown
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from services.sign import authority
from tests import books
from tests.conftest import THIS_YEAR
from tests.integration.test_sign_receipts import letter, mail, prepare, sealed, sign, store
from tests.servers import NatsServer
from tests.timestamp_authority import TimestampAuthority, timestamp_authority
from tests.waiting import until_it

BOOK = f"register.v1.entered.demo.received.{THIS_YEAR}"


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[TimestampAuthority]:
    with timestamp_authority(tmp_path / "tsa") as made:
        yield made


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


async def test_the_head_before_a_row_rides_in_its_receipt_and_verifies_by_openssl(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, tsa: TimestampAuthority
) -> None:
    await prepare(bus)
    options = {"checkpoint_seconds": 0.5, "timestamp_authorities": (tsa.url,), "timestamp_trust": str(tsa.trust)}
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path, **options):
        await store(bus, *(letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(3)))
        first = await until_signed(bus, 3)
        await store(bus, *(letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(3, 6)))
        made = await sealed(bus, 6)
        last = await until_signed(bus, 6)
    rows = (await books.read(bus)).rows[BOOK]
    for head in (first, last):
        row = rows[head.length - 1]
        assert (head.link, head.sequence) == (row.link, row.sequence)
        verifies(head, tmp_path, tmp_path / "test-authority" / authority.ROOT_FILE, tsa)
    for event in made:
        proof = event.receipt.proof
        number = event.receipt.number
        if number <= 3:
            assert proof.head == Unknown(reason="no head of the book was signed before this row")
            continue
        assert isinstance(proof.head, Head)
        assert (proof.head.link, proof.head.length) == (first.link, 3)
        assert (proof.head.signature, proof.head.token) == (first.signature, first.token)
        link = bytes.fromhex(proof.head.link)
        for digest in proof.between:
            link = sha256(link + bytes.fromhex(digest)).digest()
        assert len(proof.between) == number - 4
        assert sha256(link + sha256(proof.row).digest()).hexdigest() == proof.link == rows[number - 1].link
