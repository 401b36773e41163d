"""Character recognition of bitmaps by Tesseract: a process for each page, walled, niced, bounded in memory and time.

The child that holds the letter has no right to start a program, and Tesseract never sees the file: it gets the points
of a page, which the child has drawn. The text goes back to the child, where hostile text is read.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from services.runtime.settings import Sign
from services.sign import metrics
from services.sign.pages import PAGES, POINTS

TEXT_OCTETS = 65_536
"""Most text of a page that is taken: a full one has 8 KiB."""
MEMORY_BYTES = 536_870_912
"""Address space of one Tesseract; a page takes 150 MB."""
LANGUAGES = "tha+eng"
_ROOT = Path(__file__).resolve().parents[2]


class Ocr:
    """Reads bitmaps, `ocr_at_once` at a time; letters wait for their turn within their own time."""

    def __init__(self, program: str, seconds: float, at_once: int) -> None:
        self._program, self.seconds = program, seconds
        self._turns = asyncio.Semaphore(at_once)

    @classmethod
    def of(cls, config: Sign) -> "Ocr | None":
        """As configured; None where it is switched off, or there is no such program on this machine."""
        program = shutil.which(config.ocr) if config.ocr else None
        # No letter spends more than half of its time with it, whatever the settings are.
        return cls(program, min(config.ocr_seconds, config.child_seconds / 2), config.ocr_at_once) if program else None

    def letter(self) -> "LetterPictures":
        """The pictures of one letter, under its bounds."""
        return LetterPictures(self)

    async def read(self, width: int, height: int, octets: bytes, until: float) -> str | None:
        """The text of a bitmap; None if it is none, or was not read until `until` (monotonic)."""
        if width < 1 or height < 1 or width * height != len(octets) or len(octets) > POINTS:
            metrics.OCR.labels("refused").inc()
            return None
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())), self._turns:
                text = await self._run(b"P5 %d %d 255\n" % (width, height), octets)
        except TimeoutError:
            metrics.OCR.labels("time").inc()
            return None
        metrics.OCR.labels("failed" if text is None else "read" if text.strip() else "empty").inc()
        return text

    async def _run(self, header: bytes, octets: bytes) -> str | None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-B", "-s", "-m", "services.sign.ocr_process"),
            *(str(MEMORY_BYTES), str(self.seconds), self._program, "stdin", "stdout", "-l", LANGUAGES, "--psm", "4"),
            *("--dpi", "200", "-c", "preserve_interword_spaces=1"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": str(_ROOT), "LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1"},
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(OSError):  # it may end before it has read everything
                process.stdin.write(header)
                process.stdin.write(octets)
                await process.stdin.drain()
                process.stdin.close()
            text = bytearray()
            while len(text) <= TEXT_OCTETS and (piece := await process.stdout.read(TEXT_OCTETS)):
                text += piece
            if len(text) > TEXT_OCTETS:
                return None
            return text.decode("utf-8", "replace") if await process.wait() == 0 else None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with whatever it started: they would hold the pipe
                await asyncio.shield(process.wait())


class LetterPictures:
    """What one letter may ask: so many pages, in so much time together."""

    def __init__(self, ocr: Ocr) -> None:
        self._ocr, self._left = ocr, PAGES
        self._until: float | None = None

    async def read(self, width: int, height: int, octets: bytes) -> str | None:
        """The text of a bitmap, or None."""
        if self._left < 1:
            return None
        self._left -= 1
        if self._until is None:
            self._until = time.monotonic() + self._ocr.seconds
        return await self._ocr.read(width, height, octets, self._until)
