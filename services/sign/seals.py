"""Which key seals an agency's receipts, and in whose name."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from contracts.directory import Agency
from contracts.receipt import Seal, Text
from services.runtime.settings import Sign
from services.sign import authority, metrics
from services.sign.seal import SealError, SealKey
from services.sign.seal_sources import NEXT, Source, sources

OPERATOR: Final = "operator"
"""The key of agencies that name none."""


class NoSealError(Exception):
    """There is no usable key for the agency. `shared`: it is the operator's, which many agencies wait for."""

    def __init__(self, reason: str, *, shared: bool) -> None:
        super().__init__(reason)
        self.shared = shared


class Seals:
    """The keys of this process. Only `sign` has them."""

    def __init__(
        self,
        keys: Mapping[str, SealKey],
        test: SealKey | None,
        operator: str = "",
        sources: Sequence[Source] = (),
    ) -> None:
        self.sources = sources
        """Where the keys come from; they are looked at again (seal_sources.py)."""
        self._keys = dict(keys)
        self._test = test
        self._operator = operator

    @classmethod
    def load(cls, config: Sign, state: Path) -> "Seals":
        """Read every key once; make the test authority where the settings name a folder for it.

        Raises:
            SealError: a key cannot be used; the message names the setting.
        """
        found = sources(config, state)
        keys = {source.name: source.load() for source in found}
        test = None
        if config.test_authority:
            try:
                test = authority.ensure(state / config.test_authority)
            except (SealError, OSError) as error:
                raise SealError(f"sign.test_authority: {error}") from error
        return cls(keys, test, config.operator, found)

    def key(self, name: str) -> SealKey | None:
        """The key in use under a name of the settings."""
        return self._keys.get(name)

    def replace(self, name: str, key: SealKey) -> None:
        """From now on this key is used under this name; what is being sealed is sealed with the one before."""
        self._keys[name] = key

    def measure(self, now: datetime) -> None:
        """Show how long certificates are valid."""
        for name, key in self._keys.items():
            metrics.CERTIFICATE_EXPIRES.labels(name).set((key.ends - now).total_seconds())

    def of(self, agency: Agency) -> tuple[SealKey, Seal]:
        """The agency's key, and how its receipts name the seal.

        The test key seals for kind `test` and for no other: a receipt must not become worthless by a missing file.

        Raises:
            NoSealError: its key is not configured, or its certificate is not valid now.
        """
        owner = agency.seal
        behalf = Text(value=agency.name)
        if owner.kind == "test":
            if self._test is None:
                raise NoSealError("the agency has a test seal, but sign.test_authority is not set", shared=True)
            return self._test, Seal(kind="test", by=Text(value=self._test.name), on_behalf_of=behalf)
        if owner.kind == "agency" and not owner.key:
            raise NoSealError("the agency seals itself, but its seal names no key", shared=False)
        name = owner.key or OPERATOR
        key = self._current(name)
        if key is None:
            raise NoSealError(f"sign.seals has no {name!r}", shared=name == OPERATOR)
        if problem := key.problem():
            raise NoSealError(f"sign.seals.{name}: {problem}", shared=name == OPERATOR)
        by = agency.name if owner.kind == "agency" else self._operator or key.name
        return key, Seal(kind=owner.kind, by=Text(value=by), on_behalf_of=behalf)

    def _current(self, name: str) -> SealKey | None:
        """The key, or the next one as soon as its certificate is valid."""
        key, following = self._keys.get(name), self._keys.get(name + NEXT)
        if following is not None and (key is None or following.problem() is None):
            return following
        return key

    def problems(self, agencies: Iterable[Agency]) -> tuple[list[str], list[str]]:
        """Why receipts could not be sealed: by a key that many agencies wait for, once each; by an agency's own."""
        shared: dict[str, None] = {}
        own: list[str] = []
        for agency in agencies:
            try:
                self.of(agency)
            except NoSealError as error:
                if error.shared:
                    shared[str(error)] = None
                else:
                    own.append(f"{agency.id}: {error}")
        return list(shared), own

    @property
    def names(self) -> list[str]:
        """The keys there are, by the names of the settings."""
        return [*self._keys, *(["test"] if self._test else [])]
