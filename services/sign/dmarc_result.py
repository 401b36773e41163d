"""DMARC (RFC 7489): does a domain that passed belong to the one that the reader sees?

The record is read here: authheaders 0.16 takes a tag without a value for an error of the whole record, and knows no
white space around `=`. Alignment is here too: it looks at the first DKIM signature only, and reads
`my-agency.go.th` as `my`.
"""

import re
from typing import NamedTuple

from services.sign.mail_domains import organizational_domain
from services.sign.questions import Ask, NoAnswerError

_VERSION = re.compile(r"\s*v\s*=\s*DMARC1\s*(?:;|$)")
_POLICIES = frozenset({"none", "quarantine", "reject"})
_REPORTS = re.compile(r"\s*mailto:[^\s,!]+@[^\s,!]+", re.IGNORECASE)


class Dmarc(NamedTuple):
    """The result, and what the domain asks for: none, quarantine, reject, or empty without a record."""

    result: str
    policy: str = ""


def dmarc_result(
    author: str, written: bool, spf_says: tuple[str, str], dkim_says: tuple[str, tuple[str, ...]], ask: Ask
) -> Dmarc:
    """Judge for the domain `author` of the From line; `written`: there is a From line, be it one or not."""
    if not author:
        return Dmarc("permerror" if written else "none")
    try:
        record, policy = _policy(author, ask)
    except NoAnswerError:
        return Dmarc("temperror")
    if not policy:
        return Dmarc("none")
    if spf_says[0] == "pass" and _aligned(author, spf_says[1], record.get("aspf", "r")):
        return Dmarc("pass", policy)
    if any(_aligned(author, signer, record.get("adkim", "r")) for signer in dkim_says[1]):
        return Dmarc("pass", policy)
    return Dmarc("temperror" if "temperror" in (spf_says[0], dkim_says[0]) else "fail", policy)


def _policy(author: str, ask: Ask) -> tuple[dict[str, str], str]:
    """The record that holds, and the policy in it (section 6.6.3); the policy is empty where no record holds.

    `pct` plays no part: it says how often the policy is carried out, not what the result is.
    """
    record = _record(author, ask)
    organization = organizational_domain(author)
    inherited = False
    if not record and organization != author:
        record, inherited = _record(organization, ask), True
    if not record:
        return {}, ""
    policy = record.get("p", "")
    usable = policy in _POLICIES and (not inherited or record.get("sp", "none") in _POLICIES)
    if not usable:
        # With somewhere to report to, a policy that cannot be read counts as `none`; otherwise the record is as good as
        # absent (section 6.6.3, step 6).
        return (record, "none") if _REPORTS.match(record.get("rua", "")) else ({}, "")
    return record, record.get("sp", policy) if inherited else policy


def _record(domain: str, ask: Ask) -> dict[str, str]:
    found = [record for record in ask(f"_dmarc.{domain}", "TXT") if _VERSION.match(record)]
    if len(found) != 1:
        return {}  # several are as good as none (section 6.6.3, step 5)
    tags: dict[str, str] = {}
    for part in found[0].split(";")[1:]:
        name, equals, value = part.partition("=")
        if equals:  # what is no tag is passed over (section 6.3)
            tags.setdefault(name.strip().lower(), value.strip().lower())
    return tags


def _aligned(author: str, authenticated: str, mode: str) -> bool:
    if mode == "s":
        return author == authenticated
    return organizational_domain(author) == organizational_domain(authenticated)
