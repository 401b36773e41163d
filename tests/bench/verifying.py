"""The row of verification: signed PDF files through sign's children, beside pyHanko called bare in as many processes.

Both judge the same files with the same anchor and fetch nothing. Ours reads the text and its particulars as well, so
the files have a line of it: a page takes 28 ms, whoever signed it, and that is no verification.
"""

import asyncio
import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from io import BytesIO
from multiprocessing import get_context

from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from services.runtime.settings import Sign
from services.sign import trust
from services.sign.children import Children
from tests import letters
from tests.bench.figures import Row
from tests.pki import make_root, make_signer, sign_pdf

FILES = 4
"""Different ones, so that nothing can be remembered."""


def _bare(octets: bytes, anchor: bytes) -> bool:
    (signature,) = PdfFileReader(BytesIO(octets)).embedded_signatures
    context = ValidationContext(trust_roots=list(load_certs_from_pemder_data(anchor)), allow_fetching=False)
    return bool(validate_pdf_signature(signature, context).intact)


class Verifying:
    """Files, signed once; children and processes that have seen one, for each round anew."""

    def __init__(self) -> None:
        root = make_root()
        self._anchor = root.der
        text = "ที่ นร ๑๒๐๐/ว๕๖"
        self._files = [
            sign_pdf(letters.letter_pdf(f"{text}{number}"), make_signer(root, rsa_key=True)) for number in range(FILES)
        ]
        self._processes = os.cpu_count() or 1

    async def ours(self, count: int) -> float:
        """Files a second through as many children as there are processors."""
        children = Children(Sign(children=self._processes), trust.of([self._anchor]), None, "bench")
        await asyncio.gather(*(children.examine_pdf(file, "a.pdf") for file in self._files * self._processes))
        begun = time.perf_counter()
        found = await asyncio.gather(
            *(children.examine_pdf(self._files[number % FILES], "a.pdf") for number in range(count))
        )
        took = time.perf_counter() - begun
        await children.close()
        assert all(one.signatures[0].indication == "TOTAL-PASSED" for one in found), found[0].signatures
        return count / took

    async def theirs(self, count: int) -> float:
        """Files a second by pyHanko in as many processes."""
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(self._processes, get_context("spawn")) as pool:
            warm = [loop.run_in_executor(pool, _bare, file, self._anchor) for file in self._files * self._processes]
            await asyncio.gather(*warm)
            begun = time.perf_counter()
            files = [self._files[number % FILES] for number in range(count)]
            found = await asyncio.gather(*(loop.run_in_executor(pool, _bare, file, self._anchor) for file in files))
            took = time.perf_counter() - begun
        assert all(found)
        return count / took


def rows(scale: float) -> list[Row]:
    """Sign's row of DESIGN's table."""
    with ThreadPoolExecutor(1) as beside:  # pyHanko's signer starts a loop of its own
        verifying = beside.submit(Verifying).result()
    count = max(20, int(200 * scale))
    return [
        Row("signature verification, all cores", "files/s", lambda: verifying.ours(count),
            lambda: verifying.theirs(count), "pyHanko, as many processes", 0.85),
    ]  # fmt: skip
