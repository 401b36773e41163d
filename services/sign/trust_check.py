"""What is wrong with a trust store, or soon will be: for whoever keeps it (`saraban trust check`)."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from asn1crypto import x509
from msgspec import Struct

from contracts.values import BANGKOK
from services.sign import trust, trust_manifest
from services.sign.trust import TrustError
from services.sign.trust_manifest import MANIFEST, PURPOSES, Manifest, Purpose

SOON: Final = timedelta(days=90)
_RSA_BITS: Final = 2_048
_EC_BITS: Final = 224
"""ETSI TS 119 312 clause 6.2: below it a key is no longer of use."""
_WEAK_DIGESTS: Final = frozenset({"md2", "md5", "sha1"})


class Problem(Struct, frozen=True):
    """One line about one thing."""

    where: str
    said: str
    wrong: bool
    """Verdicts suffer from it; otherwise it is to be looked at."""


class Held(Struct, frozen=True):
    """A certificate of the store and how it stands there."""

    group: str
    folder: str
    file: str
    der: bytes
    anchor: bool
    purposes: tuple[Purpose, ...]
    agencies: tuple[str, ...]
    source: str
    taken: str

    @property
    def certificate(self) -> x509.Certificate:
        """As asn1crypto reads it."""
        return x509.Certificate.load(self.der)

    @property
    def sha256(self) -> str:
        """Its fingerprint."""
        return hashlib.sha256(self.der).hexdigest()


def held(path: Path) -> list[Held]:
    """Every certificate of a store, by group and file.

    Raises:
        TrustError: the store cannot be loaded.
    """
    trust.load(path)
    if not path.is_dir():
        return [_plain(path.parent, path, der) for der in trust.read(path)]
    found: list[Held] = []
    for folder in _groups(path):
        found += _of_group(folder, trust_manifest.read(folder))
    if not (path / MANIFEST).exists():
        found += [_plain(path, file, der) for file in trust.certificate_files(path) for der in trust.read(file)]
    return found


def problems(path: Path, now: datetime) -> Iterator[Problem]:
    """Everything there is to say about a store; first what keeps it from being loaded."""
    try:
        trust.load(path)
    except TrustError:
        yield from _unloadable(path)
        return
    if path.is_dir():
        for folder in _forgotten(path):
            yield Problem(str(folder), f"holds certificates and no {MANIFEST}: it is not read", wrong=False)
        for folder in _groups(path):
            yield from _of_manifest(folder, trust_manifest.read(folder), now)
    everything = held(path)
    anchors = {one.certificate.subject.hashable for one in everything if one.anchor}
    seen: dict[tuple[str, Purpose], Held] = {}
    for one in everything:
        where = str(Path(one.folder) / one.file)
        yield from _of_certificate(one, where, now)
        if not one.anchor and not _leads(one, everything, anchors):
            yield Problem(where, "leads to no anchor of this store, and is of no use", wrong=False)
        for purpose in one.purposes if one.anchor else ():
            before = seen.setdefault((one.sha256, purpose), one)
            if before is not one:
                yield Problem(
                    where, f"is an anchor for {purpose} already, by {before.folder}/{before.file}", wrong=False
                )
                break


def _unloadable(path: Path) -> Iterator[Problem]:
    """Each part that cannot be loaded, not the first one alone."""
    if not path.is_dir():
        try:
            trust.load(path)
        except TrustError as error:
            yield Problem(str(path), str(error), wrong=True)
        return
    try:
        parts = _groups(path)
        plain = [] if (path / MANIFEST).exists() else trust.certificate_files(path)
    except TrustError as error:
        yield Problem(str(path), str(error), wrong=True)
        return
    for folder in parts:
        try:
            trust.pinned(folder, trust_manifest.read(folder))
        except TrustError as error:
            yield Problem(str(folder), str(error), wrong=True)
    for file in plain:
        try:
            trust.read(file)
        except TrustError as error:
            yield Problem(str(file), str(error), wrong=True)


def _groups(path: Path) -> list[Path]:
    return [*([path] if (path / MANIFEST).exists() else []), *trust.group_folders(path)]


def _forgotten(path: Path) -> list[Path]:
    return [
        folder
        for folder in sorted(path.iterdir())
        if folder.is_dir()
        and not folder.name.startswith(".")
        and not (folder / MANIFEST).exists()
        and trust.certificate_files(folder)
    ]


def _of_group(folder: Path, manifest: Manifest) -> list[Held]:
    certificates = trust.pinned(folder, manifest)
    return [
        Held(
            manifest.name,
            str(folder),
            one.file,
            certificates[one.digest],
            one.anchor,
            tuple(purpose for purpose in PURPOSES if purpose in manifest.purposes),
            manifest.agencies,
            one.source or manifest.source,
            str(one.taken or manifest.taken),
        )
        for one in manifest.certificate
    ]


def _plain(folder: Path, file: Path, der: bytes) -> Held:
    return Held("", str(folder), file.name, der, True, PURPOSES, (), "", "")


def _of_manifest(folder: Path, manifest: Manifest, now: datetime) -> Iterator[Problem]:
    today = now.astimezone(BANGKOK).date()
    where = str(folder / MANIFEST)
    if not any(one.anchor for one in manifest.certificate):
        yield Problem(where, "has no anchor", wrong=False)
    if manifest.taken > today:
        yield Problem(where, f"was taken on {manifest.taken}, which is still to come", wrong=True)
    if manifest.valid_until is not None and manifest.valid_until < today:
        yield Problem(where, f"is trusted until {manifest.valid_until} alone, which is over", wrong=True)
    elif manifest.valid_until is not None and manifest.valid_until - today < SOON:
        yield Problem(where, f"is trusted until {manifest.valid_until} alone", wrong=False)
    if manifest.valid_from is not None and manifest.valid_from > today:
        yield Problem(where, f"is trusted from {manifest.valid_from} on, and not before", wrong=False)


def _of_certificate(one: Held, where: str, now: datetime) -> Iterator[Problem]:
    certificate = one.certificate
    begins, ends = certificate.not_valid_before, certificate.not_valid_after
    if ends < now:
        yield Problem(where, f"expired on {ends:%Y-%m-%d}", wrong=True)
    elif ends - now < SOON:
        yield Problem(where, f"expires on {ends:%Y-%m-%d}, in {(ends - now).days} days", wrong=False)
    if begins > now:
        yield Problem(where, f"is not valid before {begins:%Y-%m-%d}", wrong=False)
    if not certificate.ca:
        yield Problem(where, "is no authority's certificate (basic constraints): nobody below it is found", wrong=True)
    usage = certificate.key_usage_value
    if usage is not None and "key_cert_sign" not in usage.native:
        yield Problem(where, "is not for signing certificates (key usage)", wrong=True)
    key = certificate.public_key
    least = {"rsa": _RSA_BITS, "ec": _EC_BITS}.get(key.algorithm)
    if least is not None and key.bit_size < least:
        yield Problem(where, f"has a key of {key.bit_size} bits, fewer than {least}", wrong=True)
    elif least is None and key.algorithm not in ("ed25519", "ed448", "rsassa_pss"):
        yield Problem(where, f"has a key of the kind {key.algorithm}, which is not used any more", wrong=True)
    digest = _digest_of(certificate)
    if digest in _WEAK_DIGESTS:
        # Nobody relies on what a root says about itself.
        own = certificate.self_issued
        yield Problem(where, f"is signed with {digest}" + (", by itself" if own else ""), wrong=not own)


def _digest_of(certificate: x509.Certificate) -> str:
    try:
        return str(certificate["signature_algorithm"].hash_algo)
    except ValueError:
        return ""  # Ed25519 and the like have theirs within


def _leads(one: Held, everything: list[Held], anchors: set[object]) -> bool:
    """Whether the names of issuers lead to an anchor; at most as many steps as there are certificates."""
    issuers = {other.certificate.subject.hashable: other.certificate.issuer.hashable for other in everything}
    name = one.certificate.issuer.hashable
    for _ in everything:
        if name in anchors:
            return True
        if name not in issuers:
            return False
        name = issuers[name]
    return False
