"""A group of the trust store on disk: a folder of certificates and `group.toml`, which says what they are for.

The manifest pins each certificate by its SHA-256 (what authorities publish as its fingerprint): a file that was
exchanged, added or lost is seen when the store is loaded, and not when a verdict rests on it.
"""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

MANIFEST: Final = "group.toml"
_OCTETS: Final = 1 << 20
_PIN: Final = re.compile(r"[0-9a-f]{64}")

Purpose = Literal["signatures", "seals", "timestamps", "smime"]
"""`signatures`: of persons on documents; `seals`: of organisations; `timestamps`: RFC 3161; `smime`: of mail."""
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)


class TrustError(Exception):
    """A file of the trust store cannot be used; one line, names the file."""


class Pinned(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One certificate of a group."""

    file: Annotated[str, Meta(min_length=1, description="Its file in the group's folder, PEM or DER.")]
    sha256: Annotated[str, Meta(description="SHA-256 of the certificate (DER) in hex; colons may stand in it.")]
    anchor: Annotated[
        bool,
        Meta(description="false: an authority below an anchor, known so that chains are found; not trusted by itself."),
    ] = True
    source: Annotated[str | None, Meta(description="Where it is another than the group's.")] = None
    taken: Annotated[date | None, Meta(description="Where it is another day than the group's.")] = None

    @property
    def digest(self) -> bytes:
        """The pin, raw."""
        return bytes.fromhex(plain_pin(self.sha256))


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`group.toml`."""

    name: Annotated[str, Meta(min_length=1, description="For a person.")]
    purposes: Annotated[tuple[Purpose, ...], Meta(min_length=1, description="What its anchors are trusted for.")]
    source: Annotated[str, Meta(min_length=1, description="Whence they were taken, and how that was made sure.")]
    taken: Annotated[date, Meta(description="The day on which they were taken.")]
    valid_from: Annotated[date | None, Meta(description="Trusted from this day on, Thai time.")] = None
    valid_until: Annotated[date | None, Meta(description="… until the end of this day.")] = None
    agencies: Annotated[tuple[str, ...], Meta(description="Only in letters to these agencies; empty: to all.")] = ()
    certificate: tuple[Pinned, ...] = ()


def read(folder: Path) -> Manifest:
    """The manifest of a group. Raises as `read_file`."""
    return read_file(folder / MANIFEST)


def read_file(path: Path) -> Manifest:
    """One manifest.

    Raises:
        TrustError: it cannot be read, or says something that has no meaning.
    """
    import tomllib  # the child, which is handed the store, never reads a manifest

    try:
        with path.open("rb") as opened:
            text = opened.read(_OCTETS + 1)
        if len(text) > _OCTETS:
            raise TrustError(f"{path}: is longer than any manifest")
        found = msgspec.convert(tomllib.loads(text.decode("utf-8")), Manifest)
    except OSError as error:
        raise TrustError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, not these fields
        raise TrustError(f"{path}: {str(error).splitlines()[0] or type(error).__name__}") from error
    if found.valid_from and found.valid_until and found.valid_from > found.valid_until:
        raise TrustError(f"{path}: valid_until is before valid_from")
    for one in found.certificate:
        if _PIN.fullmatch(plain_pin(one.sha256)) is None:
            raise TrustError(f"{path}: sha256 of {one.file} is not 64 hexadecimal digits")
        if Path(one.file).name != one.file:
            raise TrustError(f"{path}: {one.file!r} is not a file of this folder")
    return found


def plain_pin(text: str) -> str:
    """A fingerprint without what only helps to read it."""
    return text.replace(":", "").replace(" ", "").lower()
