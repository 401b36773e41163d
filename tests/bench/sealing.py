"""The rows of sign: what a seal costs beside pyHanko's SimpleSigner, and how many sealed receipts come in a second.

A number of receipts has no peer: the floor of DESIGN's table stands in its place.
"""

import asyncio
import itertools
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

from nats.js import api
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter

from contracts.directory import Agency, Domain, SealOwner
from contracts.streams import RECEIPTS_SEALED
from services.runtime import directory
from services.runtime.batch import commit
from services.runtime.bus import Bus
from services.sign.paper import Paper
from services.sign.seal import SealKey
from tests import books, letters, receipts
from tests.bench.figures import Row
from tests.bench.ingress import Ingress
from tests.bench.numbers import register
from tests.pki import make_root, make_signer
from tests.servers import free_port

FLOOR = 25.0
_agencies = itertools.count(1)


class Sealing:
    """One receipt, sealed with one RSA-2048 key of one PKCS#12 file, in two ways."""

    def __init__(self, folder: Path) -> None:
        file = folder / "bench-seal.p12"
        file.write_bytes(make_signer(make_root(), "seal", rsa_key=True).pkcs12("secret"))
        self._key = SealKey.load(file, "secret")
        self._paper = Paper().render(receipts.made())
        self._simple = signers.SimpleSigner.load_pkcs12(  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
            str(file), passphrase=b"secret"
        )

    def ours(self) -> None:
        """As sign does it."""
        self._key.seal(self._paper, "receipt")

    def theirs(self) -> None:
        """As pyHanko's documentation does it, with the key read once, too."""
        metadata = signers.PdfSignatureMetadata(
            field_name="Seal", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason="receipt"
        )
        signers.sign_pdf(IncrementalPdfFileWriter(BytesIO(self._paper)), metadata, signer=self._simple)


async def milliseconds(work: Callable[[], None], count: int) -> float:
    """Median processor time of one call."""

    def spans() -> list[float]:
        found = []
        for _ in range(count):
            begun = time.thread_time()
            work()
            found.append((time.thread_time() - begun) * 1000)
        return found

    return statistics.median(await asyncio.to_thread(spans))  # pyHanko starts a loop of its own


@asynccontextmanager
async def sign(ours: Ingress) -> AsyncIterator[None]:
    """Run sign against the bench's server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "sign", "--config", str(ours.config),
        env=os.environ | {
            "SARABAN_OPS__LISTEN": f"127.0.0.1:{free_port()}",
            "SARABAN_SIGN__TEST_AUTHORITY": "test-authority",
            "SARABAN_SIGN__DNS_SERVERS": '["127.0.0.1:9"]',
            "SARABAN_SIGN__DNS_SECONDS": "0.5",
            "SARABAN_SIGN__SENDER_PATIENCE_SECONDS": "0",
            "SARABAN_LOG__LEVEL": "error",
        },
    )  # fmt: skip
    try:
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def sealed(ours: Ingress, count: int) -> float:
    """Receipts a second: letters with a PDF of a page lie in the register, then sign starts and answers them all."""
    agency = f"seal{next(_agencies)}"
    domain = f"{agency}.bench.example"
    owner = Agency(
        id=agency, name="ส่วนราชการ", domains=(Domain(name=domain),), addresses=(f"saraban@{domain}",),
        seal=SealOwner(kind="test"),
    )  # fmt: skip
    bus = await Bus.connect(ours.nats, "test")
    await directory.put(bus, owner)
    pdf = letters.letter_pdf(letters.letter_text("opdc-w56"))
    octets = letters.letter_mail(pdf, "clerk@bench.example", f"saraban@{domain}", "ที่ นร ๑๒๐๐/ว๕๖ เรื่อง แนวปฏิบัติ")
    for _ in range(count):
        await commit(bus.nc, [books.stored(books.received(agency, size=len(octets)), octets)], 30)
    subject = RECEIPTS_SEALED.replace("*", agency)
    subscription = await bus.js.subscribe(
        subject, stream="FINDINGS", ordered_consumer=True, config=api.ConsumerConfig(headers_only=True)
    )
    async with register(ours), sign(ours):
        moments = [(await subscription.next_msg(300)).metadata.timestamp for _ in range(count)]
    await subscription.unsubscribe()
    await bus.close()
    warm = count // 5  # until every part runs
    return (count - 1 - warm) / (moments[-1] - moments[warm]).total_seconds()


async def _floor() -> float:
    return FLOOR


def rows(ours: Ingress, folder: Path, scale: float) -> list[Row]:
    """Sign's rows of DESIGN's table."""
    sealing = Sealing(folder)
    count = max(10, int(40 * scale))
    return [
        Row("seal of a receipt, RSA-2048, processor time", "ms", lambda: milliseconds(sealing.ours, count),
            lambda: milliseconds(sealing.theirs, count), "pyHanko's SimpleSigner", 0.35, smaller_is_better=True),
        Row("sealed receipts, letters with a PDF", "receipts/s", lambda: sealed(ours, max(40, int(200 * scale))),
            _floor, "floor", 1.0),
    ]  # fmt: skip
