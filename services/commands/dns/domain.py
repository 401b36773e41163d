"""How a domain is shown and compared."""

import re
from typing import Final

import idna

from services.runtime.directory import normalise_domain

_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+", re.ASCII)
_LOCAL: Final = ("localhost", "local", "localdomain", "internal", "invalid", "lan", "home.arpa")


def shown(domain: str) -> str:
    """A domain for a person: `ตัวอย่าง.ไทย (xn--…)`, or as it is."""
    ascii_ = normalise_domain(domain)
    try:
        unicode = idna.decode(ascii_)
    except idna.IDNAError:
        return ascii_
    return ascii_ if unicode == ascii_ else f"{unicode} ({ascii_})"


def public_host(name: str) -> str | None:
    """The name as A-labels where it can be an MX in the public DNS (RFC 5321 section 5.1: no address); None if not."""
    host = normalise_domain(name.strip())
    if not _HOST.fullmatch(host) or len(host) > 253 or host.rpartition(".")[2].isdigit():
        return None
    return None if any(host == end or host.endswith(f".{end}") for end in _LOCAL) else host
