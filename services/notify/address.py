"""Mail addresses as we compare and write them: a domain is one name, however it is spelt."""

import re
from email.utils import getaddresses
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from publicsuffix2 import PublicSuffixList

from services.runtime.directory import normalise_domain

LONGEST: Final = 320
"""Octets of a local part, an at sign and a domain (RFC 5321 section 4.5.3.1)."""

# Nothing that could end a header line, an angle address or an SMTP command; quoted local parts are let go.
_PLAIN = re.compile(r"[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]+@[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]+")


def domain_of(address: str) -> str:
    """The domain of an address, in ASCII; empty if it has none."""
    return normalise_domain(address.rpartition("@")[2]) if "@" in address else ""


def written(address: str) -> str:
    """The address to write in a header or a command: the local part as it is, the domain in ASCII."""
    local, at, domain = address.rpartition("@")
    return f"{local}@{normalise_domain(domain)}" if at else address


def needs_utf8(*addresses: str) -> bool:
    """Whether one of them, as `written`, has octets beyond ASCII."""
    return not all(address.isascii() for address in addresses)


def usable(address: str) -> bool:
    """Whether it can be written in a header and in an SMTP command without hurting either."""
    return len(address.encode("utf-8", "replace")) <= LONGEST and _PLAIN.fullmatch(address) is not None


def author(line: str) -> tuple[str, str]:
    """Display name (still encoded) and address of the first usable one in a From line; empty where there is none."""
    try:
        found = getaddresses([line[:4096]])
    except (
        ValueError,
        IndexError,
        TypeError,
        AttributeError,
    ):  # the parser of some versions stumbles over odd comments
        return "", ""
    return next(((name, address) for name, address in found if usable(address)), ("", ""))


def aligned(left: str, right: str) -> bool:
    """Whether two domains have the same organizational domain (relaxed alignment, RFC 7489 section 3.1.1)."""
    left, right = normalise_domain(left), normalise_domain(right)
    if not left or not right:
        return False
    return left == right or organizational(left) == organizational(right)


@lru_cache(maxsize=4096)
def organizational(domain: str) -> str:
    """The organizational domain (RFC 7489 section 3.2) of a domain in ASCII."""
    found = str(_suffixes().get_public_suffix(domain))
    labels = domain.split(".")
    if "." not in found and len(labels) > 1:
        # A top level the list does not know: by its rule `*` the suffix is one label, not none.
        return ".".join(labels[-2:])
    return found


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    # Read at the first question about two different domains, not at the start: it takes half a second.
    # The list lies beside authheaders, which is newer than publicsuffix2's own; importing it would bring resolvers.
    spec = find_spec("authheaders")
    assert spec is not None
    assert spec.origin is not None
    with Path(spec.origin).with_name("public_suffix_list.txt").open(encoding="utf-8") as lines:
        return PublicSuffixList(lines)
