"""SPF, DKIM, DMARC and ARC of a letter, in the words of RFC 8601. Runs in the child; the parent asks the DNS for it.

By pyspf, dkimpy and the records of authheaders. Alignment is ours: authheaders 0.16 looks at the first DKIM signature
only, and reads `my-agency.go.th` as `my`.
"""

import importlib.resources
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import getaddresses
from functools import cache

import dkim
import spf
from authheaders import dmarc_lookup
from publicsuffix2 import PublicSuffixList

from contracts.findings import Authentication
from contracts.mail import MailReceived
from services.sign.questions import Ask, NoAnswerError, Records

SIGNATURES = 5
"""Most DKIM signatures of one letter that are verified; each costs a pass over its body."""
MIN_KEY_BITS = 1024
"""RFC 8301 section 3.2: verifiers take no shorter RSA key."""

_RESULTS = frozenset({"pass", "fail", "none", "neutral", "softfail", "temperror", "permerror"})
_QUIET = logging.getLogger("saraban.dkim")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


def authenticate(octets: bytes, received: MailReceived, authors: Sequence[str], ask: Ask) -> Authentication:
    """What the letter's sender can show. `authors` are its From lines; a DNS that does not answer is a temperror."""
    spf_result, spf_domain = _spf(received, ask)
    dkim_result, domains = _dkim(octets, ask)
    return Authentication(
        spf=spf_result,
        spf_domain=spf_domain,
        dkim=dkim_result,
        dkim_domains=domains,
        dmarc=_dmarc(authors, (spf_result, spf_domain), (dkim_result, domains), ask),
        arc=_arc(octets, ask),
    )


def _spf(received: MailReceived, ask: Ask) -> tuple[str, str]:
    """SPF (RFC 7208) of the reverse-path, or of HELO for the null sender; on the hop before the agency's server."""
    hop = received.upstream if received.upstream is not None else received.peer
    domain = ascii_domain(received.sender.rpartition("@")[2] or hop.helo)
    if not hop.address or not domain or domain.startswith("["):
        return "none", domain
    sender = f"{received.sender.rpartition('@')[0] or 'postmaster'}@{domain}"
    with _answering(ask):
        try:
            result, _ = spf.check2(i=hop.address, s=sender, h=ascii_domain(hop.helo) or domain, querytime=0)
        except NoAnswerError:
            return "temperror", domain
        except Exception:  # noqa: BLE001 - pyspf raises plain errors on records that are not to be read
            return "permerror", domain
    return (result if result in _RESULTS else "permerror"), domain


@contextmanager
def _answering(ask: Ask) -> Iterator[None]:
    """pyspf asks by a function of its module; one letter at a time is examined in a process."""

    def lookup(name: str, kind: str, strict: bool = True, timeout: float = 0) -> list[tuple[tuple[str, str], object]]:
        try:
            records = ask(name, kind)
        except NoAnswerError as error:
            raise spf.TempError(str(error)) from error
        return [((name, kind), value) for record in records if (value := _spf_value(kind, record)) is not None]

    before = spf.DNSLookup
    spf.DNSLookup = lookup
    try:
        yield
    finally:
        spf.DNSLookup = before


def _spf_value(kind: str, record: str) -> object:
    if kind in ("TXT", "SPF"):
        return (record.encode("latin-1", "replace"),)
    if kind == "MX":
        preference, _, host = record.partition(" ")
        return (int(preference), host)
    return record


def _dkim(octets: bytes, ask: Ask) -> tuple[str, tuple[str, ...]]:
    """DKIM (RFC 6376): pass if any signature does; the domains of those that do."""
    try:
        verifier = dkim.DKIM(octets, logger=_QUIET, minkey=MIN_KEY_BITS)
        count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    except (dkim.DKIMException, ValueError):
        return "permerror", ()
    results: list[str] = []
    domains: dict[str, None] = {}
    for index in range(min(count, SIGNATURES)):
        result = _dkim_one(verifier, index, ask)
        results.append(result)
        if result == "pass":
            domains.setdefault(verifier.domain.decode("ascii", "replace").lower().rstrip("."))
    for result in ("pass", "temperror", "fail", "policy", "permerror"):
        if result in results:
            return result, tuple(domains)
    return "none", ()


def _dkim_one(verifier: dkim.DKIM, index: int, ask: Ask) -> str:
    keys: list[bytes | None] = []

    def key(name: bytes, timeout: float = 0) -> bytes | None:
        keys.append(_text_record(name, ask))
        return keys[-1]

    try:
        valid = verifier.verify(idx=index, dnsfunc=key)
    except NoAnswerError:
        return "temperror"
    except dkim.KeyFormatError as error:
        return "policy" if "too small" in str(error) else "permerror"
    except dkim.ValidationError:
        return "fail"
    except Exception:  # noqa: BLE001 - dkimpy raises plain errors on signatures that are not to be read
        return "permerror"
    if not valid:
        return "permerror" if keys == [None] else "fail"
    # A signature over the first octets only lets anybody write what follows them.
    return "policy" if b"l" in verifier.signature_fields else "pass"


def _arc(octets: bytes, ask: Ask) -> str:
    """State of the ARC chain (RFC 8617)."""
    try:
        state, _, _ = dkim.ARC(octets, logger=_QUIET, minkey=MIN_KEY_BITS).verify(
            dnsfunc=lambda name, timeout=0: _text_record(name, ask)
        )
    except NoAnswerError:
        return "temperror"
    except Exception:  # noqa: BLE001 - the same as for DKIM
        return "fail"
    return "fail" if state is None else str(state.decode("ascii", "replace"))


def _dmarc(authors: Sequence[str], spf_says: tuple[str, str], dkim_says: tuple[str, tuple[str, ...]], ask: Ask) -> str:
    """DMARC (RFC 7489): does a domain that passed belong to the one that the reader sees?"""
    domains = {ascii_domain(address.rpartition("@")[2]) for _, address in getaddresses(authors) if "@" in address}
    if len(authors) != 1 or len(domains) != 1 or not (domain := domains.pop()):
        return "permerror" if authors else "none"
    try:
        record = _dmarc_record(domain, ask)
    except NoAnswerError:
        return "temperror"
    except dmarc_lookup.DMARCException:
        return "permerror"
    if not record.get("p"):
        return "none"
    if spf_says[0] == "pass" and _aligned(domain, spf_says[1], record.get("aspf", "r")):
        return "pass"
    if any(_aligned(domain, signer, record.get("adkim", "r")) for signer in dkim_says[1]):
        return "pass"
    return "temperror" if "temperror" in (spf_says[0], dkim_says[0]) else "fail"


def _dmarc_record(domain: str, ask: Ask) -> dict[str, str]:
    def policy(name: str) -> str | None:
        found = [record for record in ask(name, "TXT") if re.match(r"v\s*=\s*DMARC1\s*(?:;|$)", record)]
        return found[0] if len(found) == 1 else None  # several are as good as none (section 6.6.3)

    record: dict[str, str] = dmarc_lookup.lookup_receiver_record(domain, policy)
    organization = organizational_domain(domain)
    if not record and organization != domain:
        record = dmarc_lookup.lookup_receiver_record(organization, policy)
    return record


def _aligned(author: str, authenticated: str, mode: str) -> bool:
    if mode == "s":
        return author == authenticated
    return organizational_domain(author) == organizational_domain(authenticated)


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
        return clean.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _text_record(name: bytes, ask: Ask) -> bytes | None:
    records: Records = ask(name.decode("ascii", "replace"), "TXT")
    return records[0].encode("latin-1", "replace") if records else None
