"""SPF (RFC 7208) by pyspf, which is made to ask us instead of the DNS."""

from collections.abc import Iterator
from contextlib import contextmanager

import spf

from contracts.mail import MailReceived
from services.sign.mail_domains import ascii_domain
from services.sign.questions import Ask, NoAnswerError

_RESULTS = frozenset({"pass", "fail", "none", "neutral", "softfail", "temperror", "permerror"})


class _Query(spf.query):  # type: ignore[misc]  # pyspf has no types
    def get_explanation(self, spec: str) -> None:
        """Nobody is shown the domain's explanation, and asking for it changes no result."""


def spf_result(received: MailReceived, ask: Ask) -> tuple[str, str]:
    """Result and domain of the reverse-path, or of HELO for the null sender; on the hop before the agency's server."""
    hop = received.upstream if received.upstream is not None else received.peer
    domain = ascii_domain(received.sender.rpartition("@")[2] or hop.helo)
    if not hop.address or not domain or domain.startswith("["):
        return "none", domain
    sender = f"{received.sender.rpartition('@')[0] or 'postmaster'}@{domain}"
    with _answering(ask):
        try:
            result, _, _ = _Query(i=hop.address, s=sender, h=ascii_domain(hop.helo) or domain).check()
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
        return [((name, kind), value) for record in records if (value := _value(kind, record)) is not None]

    before = spf.DNSLookup
    spf.DNSLookup = lookup
    try:
        yield
    finally:
        spf.DNSLookup = before


def _value(kind: str, record: str) -> object:
    if kind in ("TXT", "SPF"):
        return (record.encode("latin-1", "replace"),)
    if kind == "MX":
        preference, _, host = record.partition(" ")
        return (int(preference), host)
    return record
