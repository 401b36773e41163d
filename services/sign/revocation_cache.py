"""Fetched answers on disk, so that the same CRL is asked for once: bounded, each until its time.

An answer is kept by what was asked (URL and request), so a letter can only affect what that URL itself says. It is kept
briefly at first, and until its next update once a verdict has rested on it: what somebody put in its way is gone soon.
Nothing here vouches for anything: every answer is verified each time it is used.
"""

import asyncio
import contextlib
import os
import re
import struct
import time
from pathlib import Path
from typing import Final

from services.sign import log

BRIEF_SECONDS: Final = 120.0
LONGEST_SECONDS: Final = 43_200.0
"""However late the next update: a revocation is to be seen the same day."""
ENTRIES: Final = 4_096

_HEAD: Final = struct.Struct(">4sQ")
_MARK: Final = b"SRV1"
_NAME: Final = re.compile(r"[0-9a-f]{64}")


class RevocationCache:
    """Answers by key, 64 hexadecimal digits. A disk that fails costs the cache and nothing else."""

    def __init__(self, folder: Path, limit: int) -> None:
        """`limit`: octets of all answers together."""
        self._folder, self._limit = folder, limit
        self._entries: dict[str, tuple[float, int]] = {}
        self._octets = 0
        self._said = False
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Find what is there from before."""
        self._entries = await asyncio.to_thread(self._found)
        self._octets = sum(size for _, size in self._entries.values())
        await self._make_room(0)

    async def get(self, key: str) -> bytes | None:
        """The answer, if it is there and its time is not over."""
        entry = self._entries.get(key)
        if entry is None or entry[0] <= time.time():
            return None
        found = await asyncio.to_thread(self._read, key)
        if found is None:
            async with self._lock:
                self._forget(key)
        return found

    async def put(self, key: str, octets: bytes) -> None:
        """Keep an answer, briefly."""
        if len(octets) > self._limit // 4:
            return
        async with self._lock:
            await self._make_room(len(octets))
            until = time.time() + BRIEF_SECONDS
            if await asyncio.to_thread(self._write, key, until, octets):
                self._forget(key)
                self._entries[key] = (until, len(octets))
                self._octets += len(octets)

    async def keep(self, key: str, seconds: float) -> None:
        """An answer proved useful: keep it for so long from now, but never longer than LONGEST_SECONDS."""
        async with self._lock:
            entry = self._entries.get(key)
            if entry is None or not seconds > 0:
                return
            until = time.time() + min(seconds, LONGEST_SECONDS)
            if await asyncio.to_thread(self._mark, key, until):
                self._entries[key] = (until, entry[1])

    async def _make_room(self, octets: int) -> None:
        now = time.time()
        gone = [key for key, (until, _) in self._entries.items() if until <= now]
        left = self._octets - sum(self._entries[key][1] for key in gone)
        if left + octets > self._limit or len(self._entries) - len(gone) >= ENTRIES:
            for key in sorted(self._entries.keys() - set(gone), key=lambda key: self._entries[key][0]):
                if left + octets <= self._limit and len(self._entries) - len(gone) < ENTRIES:
                    break
                gone.append(key)
                left -= self._entries[key][1]
        for key in gone:
            self._forget(key)
        if gone:
            await asyncio.to_thread(self._remove, gone)

    def _forget(self, key: str) -> None:
        _, size = self._entries.pop(key, (0.0, 0))
        self._octets -= size

    def _found(self) -> dict[str, tuple[float, int]]:
        entries: dict[str, tuple[float, int]] = {}
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file in self._folder.iterdir():
                with file.open("rb") as opened:
                    head = opened.read(_HEAD.size)
                if _NAME.fullmatch(file.name) is None or len(head) < _HEAD.size or head[:4] != _MARK:
                    file.unlink()
                    continue
                _, until = _HEAD.unpack(head)
                entries[file.name] = (min(until, time.time() + LONGEST_SECONDS), file.stat().st_size - _HEAD.size)
        except OSError as error:
            self._failed(error)
        return entries

    def _read(self, key: str) -> bytes | None:
        try:
            found = (self._folder / key).read_bytes()
        except OSError as error:
            self._failed(error)
            return None
        return found[_HEAD.size :] if found[:4] == _MARK else None

    def _write(self, key: str, until: float, octets: bytes) -> bool:
        fresh = self._folder / f"{key}.new"
        try:
            with fresh.open("wb") as opened:
                opened.write(_HEAD.pack(_MARK, int(until)))
                opened.write(octets)
            fresh.replace(self._folder / key)
        except OSError as error:
            self._failed(error)
            with contextlib.suppress(OSError):
                fresh.unlink()
            return False
        return True

    def _mark(self, key: str, until: float) -> bool:
        try:
            with (self._folder / key).open("r+b") as opened:
                os.pwrite(opened.fileno(), _HEAD.pack(_MARK, int(until)), 0)
        except OSError as error:
            self._failed(error)
            return False
        return True

    def _remove(self, keys: list[str]) -> None:
        for key in keys:
            with contextlib.suppress(OSError):
                (self._folder / key).unlink()

    def _failed(self, error: OSError) -> None:
        if not self._said:
            self._said = True
            log.revocation_cache_failed(str(error))
