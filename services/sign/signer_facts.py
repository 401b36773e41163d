"""Names and times of a signature as a verdict writes them; what cannot be read is left out, and costs no verdict."""

from datetime import UTC, datetime
from typing import Final, Literal

from asn1crypto import x509

from contracts.values import Instant, instant
from services.sign.signature_policy import MALFORMED
from services.sign.thai import scrub, tidy

CHARACTERS: Final = 500
"""Most of one name."""


def clean(text: str) -> str:
    """The text on one line, without what is no text."""
    return tidy(scrub(text))[:CHARACTERS]


def named(certificate: x509.Certificate | None, which: Literal["subject", "issuer"]) -> str | None:
    """Whom the certificate names; None where there is none, or a name in no encoding that there is."""
    try:
        return clean(getattr(certificate, which).human_friendly) or None
    except MALFORMED:
        return None


def written(moment: datetime | None) -> Instant | None:
    """The moment as events write it; None where it lies outside all calendars."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return instant(int(aware.timestamp()) * 1_000_000_000 + aware.microsecond * 1000)
    except (ValueError, OverflowError, OSError):
        return None
