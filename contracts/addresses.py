"""How our own mail is recognised when something answers it, without any look-up.

The reverse-path of a receipt mail is `receipt-<mail>@<return domain>`: whatever arrives there is a notice. Its
Message-ID is fixed by kind and entry: `<final.<mail>.<stream>.<sequence>@<domain>>`, so that a repeat after a
crash keeps it and an answer names the letter it speaks of.
"""

import re

_TOKEN = re.compile(r"receipt-([a-z2-7]{52})", re.IGNORECASE)
_MESSAGE_ID = re.compile(
    r"<(final|provisional|cover|alert)\.([a-z2-7]{52})\.([A-Za-z0-9_-]+)\.([0-9]{1,19})@[^<>@\s]+>"
)


def token_address(mail: str, domain: str) -> str:
    """The reverse-path of the receipt mails of a letter; the local part is 60 octets of the 64 allowed."""
    return f"receipt-{mail}@{domain}"


def token_mail(local_part: str) -> str | None:
    """The letter that a token address speaks of, or None if it is no token address."""
    match = _TOKEN.fullmatch(local_part)
    return match.group(1).lower() if match else None


def message_id(errand: str, mail: str, stream: str, sequence: int, domain: str) -> str:
    """The Message-ID of our mail: `errand` is final, provisional, cover or alert."""
    return f"<{errand}.{mail}.{stream}.{sequence}@{domain}>"


def answered_mail(header: str) -> str | None:
    """The letter whose receipt a Message-ID, In-Reply-To or References line names, or None."""
    match = _MESSAGE_ID.search(header)
    return match.group(2) if match else None


def answered_entry(header: str) -> tuple[str, str, str, int] | None:
    """Errand, letter, stream and sequence that a Message-ID of ours names, or None."""
    match = _MESSAGE_ID.search(header)
    return (match.group(1), match.group(2), match.group(3), int(match.group(4))) if match else None
