"""Invariant 11: whose mail is answered by itself."""

from typing import Any

import pytest

from contracts.findings import Authentication
from contracts.mail import Peer, Upstream
from services.notify import gate
from services.notify.address import aligned, author, needs_utf8, usable, written
from tests import books

TRUSTED = Peer(address="10.0.0.1", trusted=True)


def passes(sender: str, found: Authentication | None, **changes: Any) -> bool:
    return gate.authenticated(books.received(sender=sender, **changes), found)


def spf(result: str, domain: str) -> Authentication:
    return Authentication(spf=result, spf_domain=domain)


def dkim(*domains: str, result: str = "pass") -> Authentication:
    return Authentication(spf="fail", dkim=result, dkim_domains=domains)


@pytest.mark.parametrize("result", ["fail", "softfail", "neutral", "none", "temperror", "permerror", ""])
def test_anything_but_an_spf_pass_is_none(result: str) -> None:
    assert not passes("a@sender.go.th", spf(result, "sender.go.th"))


def test_spf_counts_for_the_very_domain_of_the_reverse_path_only() -> None:
    assert passes("a@sender.go.th", spf("pass", "sender.go.th"))
    assert passes("a@SENDER.go.th", spf("pass", "Sender.GO.th"))
    assert not passes("a@sender.go.th", spf("pass", "go.th"))
    assert not passes("a@sender.go.th", spf("pass", "mail.sender.go.th"))
    assert not passes("a@sender.go.th", spf("pass", ""))


def test_dkim_counts_where_it_is_aligned() -> None:
    assert passes("a@sender.go.th", dkim("sender.go.th"))
    assert passes("a@sender.go.th", dkim("esp.example", "mail.sender.go.th"))
    assert passes("a@mail.sender.go.th", dkim("sender.go.th"))
    assert not passes("a@sender.go.th", dkim("other.go.th"))
    assert not passes("a@sender.go.th", dkim("go.th"))
    assert not passes("a@sender.go.th", dkim())
    assert not passes("a@sender.go.th", dkim("sender.go.th", result="fail"))


def test_a_trusted_network_needs_no_findings() -> None:
    assert passes("a@anything.example", None, peer=TRUSTED)
    assert not passes("a@anything.example", None)


def test_behind_the_agencys_own_server_its_network_proves_nothing() -> None:
    """All letters of the world come through that server: trusting the peer would trust them all."""
    behind: dict[str, Any] = {"peer": TRUSTED, "upstream": Upstream(address="203.0.113.9")}
    assert not passes("a@forged.example", spf("fail", "forged.example"), **behind)
    assert passes("a@sender.go.th", spf("pass", "sender.go.th"), **behind)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("opdc.go.th", "opdc.go.th", True),
        ("opdc.go.th", "mail.opdc.go.th", True),
        ("a.opdc.go.th", "b.opdc.go.th", True),
        ("opdc.go.th", "dga.go.th", False),
        ("opdc.go.th", "go.th", False),
        ("a.github.io", "b.github.io", False),
        ("a.victim.example", "evil.example", False),  # a top level that no list knows
        ("mail.victim.example", "victim.example", True),
        ("one.localhost", "two.localhost", False),
        ("สารบรรณ.รัฐบาล.ไทย", "xn--12cg1cxchd0a2gzc1c5d5a.xn--o3cw4h", False),
        ("สำนักงาน.รัฐบาล.ไทย", "เมล.สำนักงาน.รัฐบาล.ไทย", True),
        ("", "", False),
        ("opdc.go.th", "", False),
    ],
)
def test_alignment_is_by_organizational_domain(left: str, right: str, same: bool) -> None:
    assert aligned(left, right) is same
    assert aligned(right, left) is same


@pytest.mark.parametrize(
    "hostile",
    [
        "a b@c.example",
        "a@c.example>",
        "a@c.example\r\nBcc: x@y.example",
        "a@b@c.example",
        "<a@c.example>",
        "a@",
        "@c",
        "a",
        "",
    ],
)
def test_an_address_that_would_break_out_of_its_line_is_not_usable(hostile: str) -> None:
    assert not usable(hostile)


def test_addresses_are_written_with_an_ascii_domain() -> None:
    assert written("clerk@สำนักงาน.ไทย").isascii()
    assert not needs_utf8(written("clerk@สำนักงาน.ไทย"))
    assert needs_utf8(written("สารบรรณ@สำนักงาน.ไทย"))


def test_the_author_is_the_first_usable_address_of_from() -> None:
    assert author('"Somchai, K." <k@a.example>, b@b.example') == ("Somchai, K.", "k@a.example")
    assert author("undisclosed: ;") == ("", "")
    assert author("(((((((((") == ("", "")
