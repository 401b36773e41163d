"""Certificates into a group of the trust store: a file each, pinned in the manifest, dated, with their source."""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from asn1crypto import pem, x509
from msgspec import Struct

from services.commands.errors import CommandError
from services.commands.toml import dumps
from services.sign import trust, trust_manifest
from services.sign.trust import TrustError
from services.sign.trust_manifest import MANIFEST, Purpose, plain_pin

_GROUP: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


class Wanted(Struct, frozen=True, kw_only=True):
    """What the command line says about a group and what comes into it."""

    source: str
    purposes: tuple[Purpose, ...] = ()
    name: str = ""
    agencies: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    anchor: bool = True


def read(files: Iterable[Path], pins: Sequence[str]) -> dict[str, bytes]:
    """Fingerprint to certificate of these files; with `pins`, exactly those.

    Raises:
        CommandError: one cannot be read, or what there is is not what was expected.
    """
    try:
        found = {hashlib.sha256(der).hexdigest(): der for file in files for der in trust.read(file)}
    except TrustError as error:
        raise CommandError(str(error)) from error
    expected = {plain_pin(one) for one in pins}
    if pins and found.keys() != expected:
        strange = sorted(found.keys() - expected) or sorted(expected - found.keys())
        said = "has a fingerprint that was not expected" if found.keys() - expected else "was expected and is not there"
        raise CommandError(f"nothing was imported: a certificate {said}: {strange[0]}")
    return found


def add(store: Path, group: str, found: dict[str, bytes], wanted: Wanted, today: date) -> list[str]:
    """Put certificates into a group; the files written. What is there already is left as it is.

    Raises:
        CommandError: the group exists and is for something else; or nothing can be written.
    """
    if _GROUP.fullmatch(group) is None:
        raise CommandError(f"{group!r} is no name of a group: lower-case letters, digits and hyphens", 2)
    folder = store / group
    try:
        if (folder / MANIFEST).exists():
            manifest = trust_manifest.read(folder)
            trust.pinned(folder, manifest)
            _same_policy(folder, manifest, wanted)
            there, text = {one.digest.hex() for one in manifest.certificate}, (folder / MANIFEST).read_text("utf-8")
        else:
            there, text = set[str](), _fresh(group, wanted, today)
    except TrustError as error:
        raise CommandError(str(error)) from error
    fresh = {digest: der for digest, der in found.items() if digest not in there}
    if not fresh:
        return []
    names = {digest: f"{_slug(der)}-{digest[:8]}.pem" for digest, der in fresh.items()}
    blocks = [
        {
            "file": names[digest],
            "sha256": digest,
            **({} if wanted.anchor else {"anchor": False}),
            **({"source": wanted.source, "taken": today} if there else {}),
        }
        for digest in fresh
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for digest, der in fresh.items():
            _write(folder / names[digest], pem.armor("CERTIFICATE", der))
        # Last, and at once: until then the store is the one that was, or is found to hold more than is pinned.
        _write(folder / MANIFEST, (text.rstrip() + "\n\n" + dumps({"certificate": blocks})).encode())
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    return list(names.values())


def _fresh(group: str, wanted: Wanted, today: date) -> str:
    if not wanted.purposes:
        raise CommandError(f"the group {group} is new: say with --purpose what its anchors are trusted for", 2)
    return dumps(
        {
            "name": wanted.name or group,
            "purposes": list(wanted.purposes),
            "source": wanted.source,
            "taken": today,
            "valid_from": wanted.valid_from,
            "valid_until": wanted.valid_until,
            **({"agencies": list(wanted.agencies)} if wanted.agencies else {}),
        }
    )


def _same_policy(folder: Path, manifest: trust_manifest.Manifest, wanted: Wanted) -> None:
    """A group is for one thing: what is given must be what it says."""
    for word, given, known in (
        ("--purpose", set(wanted.purposes), set(manifest.purposes)),
        ("--agency", set(wanted.agencies), set(manifest.agencies)),
        ("--name", wanted.name, manifest.name),
        ("--valid-from", wanted.valid_from, manifest.valid_from),
        ("--valid-until", wanted.valid_until, manifest.valid_until),
    ):
        if given and given != known:
            raise CommandError(
                f"{word} is not what {folder / MANIFEST} says: change it there, or choose another group", 2
            )


def _slug(der: bytes) -> str:
    """A file's name that a person recognises: the common name, as far as it is ASCII."""
    subject = x509.Certificate.load(der).subject.native
    name = subject.get("common_name") or subject.get("organization_name") or ""
    text = re.sub(r"[^a-z0-9]+", "-", (name if isinstance(name, str) else name[0]).lower()).strip("-")
    return text[:40].strip("-") or "authority"


def _write(path: Path, octets: bytes) -> None:
    """At once: whoever reads meanwhile finds the old file or the new one."""
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(octets)
            os.fchmod(opened.fileno(), 0o644)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
