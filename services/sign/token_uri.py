"""`pkcs11:` URIs (RFC 7512): which key of which token, through which module."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from msgspec import Struct

SCHEME: Final = "pkcs11:"

_PATH: Final = frozenset({"token", "manufacturer", "model", "serial", "object", "id", "type"})
_QUERY: Final = frozenset({"module-path"})


class TokenUri(Struct, frozen=True, kw_only=True):
    """What names a private key. An attribute that is None or empty is not compared."""

    module: str
    token: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    object: str | None = None
    id: bytes | None = None


def parse(text: str) -> TokenUri:
    """Read a URI.

    Raises:
        ValueError: it is none, names no key, or holds what does not belong into a file of settings (a PIN).
    """
    if not text.startswith(SCHEME):
        raise ValueError(f"does not begin with {SCHEME}")
    path, _, query = text.removeprefix(SCHEME).partition("?")
    found = dict(_attributes(path, ";", _PATH))
    asked = dict(_attributes(query, "&", _QUERY))
    if not asked.get("module-path"):
        raise ValueError("names no module: ?module-path=/usr/lib/…/module.so")
    if found.get("type", "private") != "private":
        raise ValueError(f"names a {found['type']}, not a private key")
    if not found.get("object") and not found.get("id"):
        raise ValueError("names no key: object=LABEL or id=%01")
    return TokenUri(
        module=unquote(asked["module-path"]),
        token=_text(found, "token"),
        manufacturer=_text(found, "manufacturer"),
        model=_text(found, "model"),
        serial=_text(found, "serial"),
        object=_text(found, "object"),
        id=unquote_to_bytes(found["id"]) if "id" in found else None,
    )


def _attributes(text: str, separator: str, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name in ("pin-value", "pin-source"):
            raise ValueError(f"holds a {name}: the PIN stands in sign.seal_passwords")
        if name not in known:
            raise ValueError(f"names {name!r}, which is not understood; there are {', '.join(sorted(known))}")
        yield name, value


def _text(found: dict[str, str], name: str) -> str | None:
    return unquote(found[name]) if name in found else None
