"""What the child, which has no network, may have fetched by the parent: revocation data and missing certificates."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

FETCHES: Final = 16
"""Most answers one letter may ask for: four signers of three certificates each, and a missing issuer each."""
URL_OCTETS: Final = 2_048
BODY_OCTETS: Final = 4_096
"""Most of a request; an OCSP request for one certificate has 120 octets."""

Kind = Literal["crl", "ocsp", "issuer"]
Cause = Literal["address", "name", "silent", "failed", "redirect", "size", "number", "unusable"]
"""Why nothing came: the address is none that is asked; its name is not found; no answer in time; no connection or no
answer with status 200; it points elsewhere; too long; more than a letter may ask; not what was asked for."""

Fetch = Callable[[Kind, str, bytes], bytes]
"""Kind, URL and body (empty: GET) to the answer's octets; raises `NotFetchedError`."""
Keep = Callable[[Kind, str, bytes, float], None]
"""Says that an answer proved useful, and for how many seconds it stays so."""


class NotFetchedError(Exception):
    """There is no answer. Says nothing about the letter."""

    def __init__(self, cause: Cause, reason: str = "") -> None:
        super().__init__(reason or cause)
        self.cause = cause


class Outside(NamedTuple):
    """The way to the parent, where it fetches at all."""

    fetch: Fetch
    keep: Keep
