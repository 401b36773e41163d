"""The trust store's folder while sign runs: read again when it changes, without a restart.

A change is taken when the folder has been still for one look, so that a copy under way is not read as a damaged
store. What cannot be used is an alarm, and the store before stays in use.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.runtime.readiness import Readiness
from services.sign import log, metrics, trust
from services.sign.trust import TrustError, TrustStore

LOOK_SECONDS: Final = 5.0


class TrustFolder:
    """One setting's folder (or file) and the store read from it."""

    def __init__(self, setting: str, path: Path | None) -> None:
        """Read it. Raises TrustError, which names the setting."""
        self.setting, self._path = setting, path
        self._seen = self.look()
        self.store = self._load()

    def look(self) -> tuple[object, ...]:
        """What tells one state of the folder from another without reading its files."""
        if self._path is None:
            return ()
        found: list[object] = []
        for top, folders, files in os.walk(self._path, followlinks=False):
            # A mounted volume is exchanged by turning a hidden link; its files are seen through it by `stat`.
            folders[:] = sorted(name for name in folders if not name.startswith("."))[: trust.FILES]
            found += [(top, name, _look(Path(top) / name)) for name in sorted(files)[: trust.FILES]]
            if len(found) > trust.FILES:
                break
        return (_look(self._path), *found)

    async def follow(self, use: Callable[[TrustStore], None], readiness: Readiness) -> None:
        """Hand each new store to `use`, until cancelled."""
        before = self._seen
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = await asyncio.to_thread(self.look)
            if now == before and now != self._seen:
                self._seen = now
                await self._renew(use, readiness)
            before = now

    async def _renew(self, use: Callable[[TrustStore], None], readiness: Readiness) -> None:
        try:
            store = await asyncio.to_thread(self._load)
        except TrustError as error:
            metrics.TRUST_REFUSED.labels(self.setting).set(1)
            log.trust_refused(str(error), self.store.version)
            readiness.set(self.setting, False, f"{error}; {self.store.version} stays in use")
            return
        readiness.set(self.setting, True)
        metrics.TRUST_REFUSED.labels(self.setting).set(0)
        if store != self.store:
            self.store = store
            use(store)
            log.trust_changed(self.setting, store.version, len(store.anchors))

    def _load(self) -> TrustStore:
        try:
            return trust.load(self._path)
        except TrustError as error:
            raise TrustError(f"{self.setting}: {error}") from error


def _look(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
