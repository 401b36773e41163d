"""Domains of a mail: as the DNS knows them, as organizations own them, and the one of its From line."""

import importlib.resources
import re
from email.utils import getaddresses
from functools import cache

import idna
from publicsuffix2 import PublicSuffixList

HEADER_OCTETS = 256 * 1024
"""Most of a header in which a line is looked for."""

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_UNFOLD = re.compile(r"\r?\n(?=[ \t])")


def organizational_domain(domain: str) -> str:
    """The domain under a public suffix: `mail.opdc.go.th` to `opdc.go.th`."""
    return str(_suffixes().get_public_suffix(domain) or domain)


@cache
def _suffixes() -> PublicSuffixList:
    with (importlib.resources.files("authheaders") / "public_suffix_list.txt").open(encoding="utf-8") as opened:
        return PublicSuffixList(opened)


def ascii_domain(domain: str) -> str:
    """The domain as the DNS knows it: lower case, A-labels; empty if it is none."""
    clean = domain.strip().rstrip(".").lower()
    if clean.isascii():
        return clean
    try:
        return idna.encode(clean, uts46=True).decode("ascii")  # as the directory's and notify's `normalise_domain`
    except (idna.IDNAError, UnicodeError):
        return ""


def has_field(octets: bytes, name: bytes) -> bool:
    """Whether the header has a field of this name; cheap, since most letters have not and need not be parsed for it."""
    return re.search(rb"(?im)^" + re.escape(name) + rb"[ \t]*:", _header(octets)) is not None


def author_domain(octets: bytes) -> tuple[str, bool]:
    """The domain of the From line, and whether there is a From line at all.

    The domain is empty where there is not one From line with addresses of one domain (RFC 7489 section 6.6.1). It is
    read before encoded words are: what stands in one is a name to be shown, never an address (RFC 2047 section 5).
    """
    lines = _from_lines(octets)
    if len(lines) != 1:
        return "", bool(lines)
    addresses = [address for _, address in getaddresses(lines) if "@" in address]
    domains = {ascii_domain(address.rpartition("@")[2]) for address in addresses}
    return (domains.pop() if len(domains) == 1 else ""), True


def _from_lines(octets: bytes) -> list[str]:
    text = _UNFOLD.sub("", _header(octets).decode("utf-8", "replace"))
    return [line.partition(":")[2].strip() for line in text.splitlines() if re.match(r"(?i)from[ \t]*:", line)]


def _header(octets: bytes) -> bytes:
    end = _HEADER_END.search(octets, 0, HEADER_OCTETS)
    return octets[: end.start() if end else HEADER_OCTETS]
