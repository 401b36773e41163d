"""The trust store: which certificates a verdict rests on, for what, frozen, with a version that names exactly these.

A folder of certificates without more is a store of anchors for everything. A folder with `group.toml`, the store's own
or one below it, is a group: its anchors are pinned and good for what it says (trust_manifest.py).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

from asn1crypto import pem, x509
from msgspec import Struct

from contracts.values import BANGKOK
from services.sign import trust_manifest
from services.sign.trust_manifest import MANIFEST, PURPOSES, Manifest, Purpose
from services.sign.trust_manifest import TrustError as TrustError

EMPTY = "empty"
"""Version of the store that has no anchors: it gives no verdicts, and says so."""

ENDINGS: Final = frozenset({".pem", ".crt", ".cer", ".der"})
FILES: Final = 2_000
"""Most files of one folder; AATL has some 300 anchors, all public authorities together a few thousand."""
_FILE_OCTETS = 4 << 20


class Grant(Struct, frozen=True, kw_only=True):
    """What certain anchors are trusted for: the policy of one group."""

    group: str
    digests: tuple[bytes, ...]
    """SHA-256 of the anchors, raw."""
    purposes: tuple[Purpose, ...] = PURPOSES
    agencies: tuple[str, ...] = ()
    """Only in letters to these; empty: to all."""
    valid_from: date | None = None
    valid_until: date | None = None


class Fit(Struct, frozen=True):
    """An anchor that is good for what was asked, and from when until when; None is without end."""

    certificate: bytes
    begins: datetime | None = None
    ends: datetime | None = None


class TrustStore(Struct, frozen=True):
    """Trust anchors as DER, in the order of their digests, each once."""

    anchors: tuple[bytes, ...] = ()
    known: tuple[bytes, ...] = ()
    """Authorities below them, so that chains are found. Not trusted by themselves."""
    grants: tuple[Grant, ...] = ()
    """None: every anchor is for everything."""
    whole: str = ""
    """Version of the store that this is a part of."""

    @property
    def version(self) -> str:
        """`sha256:` and 16 hex digits over the anchors and their policy, or `empty`."""
        if self.whole:
            return self.whole
        if not self.anchors:
            return EMPTY
        digests = b"".join(_digest(anchor) for anchor in self.anchors)
        return "sha256:" + hashlib.sha256(digests + self._policy()).hexdigest()[:16]

    def fit(self, purpose: Purpose) -> tuple[Fit, ...]:
        """The anchors for a purpose. A grant without a day of beginning or end stands for every day."""
        if not self.grants:
            return tuple(Fit(anchor) for anchor in self.anchors)
        spans: dict[bytes, list[Grant]] = {}
        for grant in self.grants:
            if purpose in grant.purposes:
                for digest in grant.digests:
                    spans.setdefault(digest, []).append(grant)
        return tuple(
            Fit(anchor, *_span(spans[digest])) for anchor in self.anchors if (digest := _digest(anchor)) in spans
        )

    def for_agency(self, agency: str) -> "TrustStore":
        """What of it applies to letters to this agency; empty for a file that is to nobody. It keeps its version."""
        if not any(grant.agencies for grant in self.grants):
            return self
        kept = tuple(grant for grant in self.grants if not grant.agencies or agency in grant.agencies)
        digests = {digest for grant in kept for digest in grant.digests}
        anchors = tuple(anchor for anchor in self.anchors if _digest(anchor) in digests)
        return TrustStore(anchors, self.known, kept, self.version)

    def _policy(self) -> bytes:
        """What beside the anchors decides verdicts, in one form however it is divided into groups."""
        plain = all(grant == Grant(group=grant.group, digests=grant.digests) for grant in self.grants)
        if plain and not self.known:
            return b""
        lines = {
            "\t".join(
                [
                    digest.hex(),
                    ",".join(sorted(grant.purposes)),
                    ",".join(sorted(grant.agencies)),
                    str(grant.valid_from or ""),
                    str(grant.valid_until or ""),
                ]
            )
            for grant in self.grants
            for digest in grant.digests
        }
        lines |= {_digest(one).hex() for one in self.known}
        return "\n".join(sorted(lines)).encode()


def of(certificates: Iterable[bytes]) -> TrustStore:
    """A store of these certificates, DER or PEM (a PEM file may hold several), for everything.

    Raises:
        TrustError: one of them is no certificate.
    """
    return TrustStore(_ordered(der for octets in certificates for der in ders(octets)))


def joined(stores: Iterable[TrustStore]) -> TrustStore:
    """One store of several: an anchor is good for what any of them says."""
    all_of_them = list(stores)
    grants = tuple(grant for one in all_of_them for grant in one.grants)
    if grants:
        bare = [_plain(one.anchors) for one in all_of_them if one.anchors and not one.grants]
        grants = (*grants, *bare)
    anchors = _ordered(anchor for one in all_of_them for anchor in one.anchors)
    trusted = set(anchors)
    known = _ordered(der for one in all_of_them for der in one.known if der not in trusted)
    return TrustStore(anchors, known, grants)


def load(path: Path | None) -> TrustStore:
    """The store in a folder or in one file; None is the empty store.

    Of a folder: its .pem, .crt, .cer and .der files, and the folders below it that have a `group.toml`.

    Raises:
        TrustError: the path does not exist, a file of it is no certificate, or a group's certificates are not those
            that its manifest pins.
    """
    if path is None:
        return TrustStore()
    if not path.exists():
        raise TrustError(f"{path}: no such file or folder")
    if not path.is_dir():
        return of(read(path))
    if (path / MANIFEST).exists():
        own = _group(path)
    else:
        own = of(der for file in certificate_files(path) for der in read(file))
    return joined([own, *(_group(folder) for folder in group_folders(path))])


def group_folders(path: Path) -> list[Path]:
    """The folders below a store that are groups, without hidden ones: a mounted volume keeps its own copies there."""
    return [folder for folder in _entries(path) if folder.is_dir() and (folder / MANIFEST).exists()]


def certificate_files(folder: Path) -> list[Path]:
    """The files of a folder that are read, by name.

    Raises:
        TrustError: it cannot be listed, or holds more than FILES.
    """
    return [item for item in _entries(folder) if item.suffix.lower() in ENDINGS and not item.is_dir()]


def read(file: Path) -> list[bytes]:
    """The certificates in a file, as DER.

    Raises:
        TrustError: it cannot be read, or holds something else.
    """
    try:
        with file.open("rb") as opened:
            return ders(opened.read(_FILE_OCTETS))
    except (OSError, TrustError) as error:
        raise TrustError(f"{file}: {error}") from error


def pinned(folder: Path, manifest: Manifest) -> dict[bytes, bytes]:
    """Digest to certificate of a group, exactly those that its manifest pins.

    Raises:
        TrustError: a certificate is missing, another one than pinned, or pinned by nobody.
    """
    files = {one.file for one in manifest.certificate}
    for file in certificate_files(folder):
        if file.name not in files:
            raise TrustError(f"{file}: {MANIFEST} does not pin it")
    found: dict[bytes, bytes] = {}
    for name in sorted(files):
        pins = {one.digest for one in manifest.certificate if one.file == name}
        holds = {_digest(der): der for der in read(folder / name)}
        for digest in sorted(holds.keys() ^ pins):
            there = "holds" if digest in holds else "does not hold"
            not_pinned = "does not pin" if digest in holds else "pins"
            raise TrustError(
                f"{folder / name}: {there} a certificate that {MANIFEST} {not_pinned}: sha256 {digest.hex()}"
            )
        found |= holds
    return found


def ders(octets: bytes) -> list[bytes]:
    """The certificates in DER or PEM, each checked to be one.

    Raises:
        TrustError: one of them is none.
    """
    found = _taken_out(octets)
    for der in found:
        try:
            # Parsed whole, so that a damaged anchor stops the start and not a verdict.
            x509.Certificate.load(der, strict=True).native  # noqa: B018 - reading it is the check
        except (ValueError, TypeError) as error:
            raise TrustError(f"is no certificate: {str(error).splitlines()[0]}") from error
    return found


def _group(folder: Path) -> TrustStore:
    manifest = trust_manifest.read(folder)
    certificates = pinned(folder, manifest)
    trusted = sorted({one.digest for one in manifest.certificate if one.anchor})
    grant = Grant(
        group=manifest.name,
        digests=tuple(trusted),
        purposes=tuple(purpose for purpose in PURPOSES if purpose in manifest.purposes),
        agencies=tuple(sorted(set(manifest.agencies))),
        valid_from=manifest.valid_from,
        valid_until=manifest.valid_until,
    )
    return TrustStore(
        _ordered(certificates[digest] for digest in trusted),
        _ordered(der for digest, der in certificates.items() if digest not in trusted),
        (grant,),
    )


def _plain(anchors: Sequence[bytes]) -> Grant:
    return Grant(group="", digests=tuple(_digest(anchor) for anchor in anchors))


def _ordered(certificates: Iterable[bytes]) -> tuple[bytes, ...]:
    found = {_digest(der): der for der in certificates}
    return tuple(found[digest] for digest in sorted(found))


def _digest(der: bytes) -> bytes:
    return hashlib.sha256(der).digest()


def _span(grants: Sequence[Grant]) -> tuple[datetime | None, datetime | None]:
    """The widest of several grants' spans."""
    begins = [one.valid_from for one in grants]
    ends = [one.valid_until for one in grants]
    first = None if None in begins else min(day for day in begins if day)
    last = None if None in ends else max(day for day in ends if day)
    return (
        None if first is None else datetime.combine(first, time.min, BANGKOK),
        None if last is None else datetime.combine(last, time.max, BANGKOK),
    )


def _entries(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
    except OSError as error:
        raise TrustError(f"{folder}: {error.strerror}") from error
    if len(found) > FILES:
        raise TrustError(f"{folder}: holds more than {FILES} files")
    return iter(found)


def _taken_out(octets: bytes) -> list[bytes]:
    if not pem.detect(octets):
        return [octets]
    try:
        found = [
            der
            for name, _, der in pem.unarmor(octets, multiple=True)
            if name in ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE")
        ]
    except ValueError as error:
        raise TrustError(f"is damaged PEM: {error}") from error
    if not found:
        raise TrustError("holds no certificate")
    return found
