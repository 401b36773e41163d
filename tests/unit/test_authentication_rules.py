"""Each rule of RFC 6376, 7489, 8301 and 8617 that decides a sender's result, one case each."""

import time
from collections.abc import Mapping
from typing import Any

import dkim
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contracts.findings import Authentication
from contracts.values import instant
from services.sign.authentication import authenticate
from services.sign.dkim_result import ARC_SETS, SIGNATURES
from services.sign.questions import Ask, NoAnswerError, Records
from tests.books import received
from tests.dkim_letters import record, signed

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
DOMAIN = "my-agency.go.th"
LETTER = f"From: Saraban <saraban@{DOMAIN}>\r\nSubject: x\r\n\r\nbody\r\n".encode()
NOW = int(time.time())
DAY = 86_400


def asking(zone: Mapping[str, str | tuple[str, ...]], asked: list[str] | None = None) -> Ask:
    def ask(name: str, kind: str) -> Records:
        if asked is not None:
            asked.append(name)
        found = zone.get(name.rstrip(".").lower(), ())
        if found == "silent":
            raise NoAnswerError(name)
        return ((found,) if isinstance(found, str) else found) if kind == "TXT" else ()

    return ask


def judged(octets: bytes, zone: Mapping[str, str | tuple[str, ...]], at: int = NOW, **changes: Any) -> Authentication:
    event = received(**({"sender": "a@other.go.th", "received_at": instant(at * 10**9)} | changes))
    event = msgspec.structs.replace(event, peer=msgspec.structs.replace(event.peer, address="192.0.2.1"))
    return authenticate(octets, event, asking(zone))


def dkim_of(octets: bytes, key: str = record(KEY), at: int = NOW) -> str:
    return judged(octets, {f"s._domainkey.{DOMAIN}": key}, at).dkim


SIGNED: list[tuple[str, dict[str, Any], str]] = [
    ("as it should be", {}, "pass"),
    ("identity below the domain", {"i": f"clerk@mail.{DOMAIN}"}, "pass"),
    ("identity outside the domain (6.1.1)", {"i": "clerk@other.go.th"}, "neutral"),
    ("identity that only ends like the domain (6.1.1)", {"i": f"clerk@not{DOMAIN}"}, "neutral"),
    ("From is not signed (5.4, 6.1.1)", {"headers": "subject"}, "permerror"),
    ("made a day before, good for a week", {"t": str(NOW - DAY), "x": str(NOW + 6 * DAY)}, "pass"),
    ("over before the letter came (3.5)", {"t": str(NOW - 9 * DAY), "x": str(NOW - 2 * DAY)}, "fail"),
    ("over before it was made", {"t": str(NOW), "x": str(NOW - 60)}, "neutral"),
    ("made in the future", {"t": str(NOW + 2 * DAY)}, "neutral"),
    ("a part of the body (3.5, l=)", {"l": "3"}, "policy"),
    ("SHA-1 (RFC 8301 3.1)", {"a": "rsa-sha1"}, "policy"),
    ("an algorithm nobody knows", {"a": "rsa-md5"}, "neutral"),
    ("another version", {"v": "2"}, "neutral"),
    ("without a selector", {"s": None}, "neutral"),
    ("a wrong body hash", {"bh": "A" * 43 + "="}, "fail"),
]


@pytest.mark.parametrize(("tags", "result"), [case[1:] for case in SIGNED], ids=[case[0] for case in SIGNED])
def test_signatures(tags: dict[str, Any], result: str) -> None:
    assert dkim_of(signed(LETTER, KEY, **tags)) == result


KEYS: list[tuple[str, str, str]] = [
    ("no version", record(KEY, "k=rsa"), "pass"),
    ("another version (3.6.1)", record(KEY, "v=DKIM2"), "permerror"),
    ("withdrawn (3.6.1, p=)", "v=DKIM1; k=rsa; p=", "permerror"),
    ("no key at all", "v=DKIM1", "permerror"),
    ("no record", "", "permerror"),
    ("another algorithm", record(KEY, "v=DKIM1; k=ed25519"), "permerror"),
    ("for SHA-256", record(KEY, "v=DKIM1; h=sha1:sha256"), "pass"),
    ("for SHA-1 only (3.6.1, h=)", record(KEY, "v=DKIM1; h=sha1"), "permerror"),
    ("for mail among others", record(KEY, "v=DKIM1; s=tlsrpt:email"), "pass"),
    ("not for mail (3.6.1, s=)", record(KEY, "v=DKIM1; s=tlsrpt"), "permerror"),
    ("a test (3.6.1, t=y), and it holds", record(KEY, "v=DKIM1; t=y"), "pass"),
    ("another's key", record(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "fail"),
    ("what is no key (6.1.2)", "v=DKIM1; k=rsa; p=AAAA", "permerror"),
    ("what is no list of tags", "v=DKIM1; k", "permerror"),
    ("beside another record", "", "pass"),
]


@pytest.mark.parametrize(("key", "result"), [case[1:] for case in KEYS], ids=[case[0] for case in KEYS])
def test_keys(key: str, result: str, request: pytest.FixtureRequest) -> None:
    zone: dict[str, str | tuple[str, ...]] = {f"s._domainkey.{DOMAIN}": key}
    if "beside" in request.node.name:
        zone = {f"s._domainkey.{DOMAIN}": ("some-verification=1", record(KEY))}
    assert judged(signed(LETTER, KEY), zone).dkim == result


def test_a_failure_says_nothing_while_the_domain_is_testing() -> None:
    changed = signed(LETTER, KEY).replace(b"\r\n\r\nbody", b"\r\n\r\nbodY")
    assert dkim_of(changed) == "fail"
    assert dkim_of(changed, record(KEY, "v=DKIM1; t=y")) == "neutral"


def test_a_strict_key_signs_for_its_own_domain_alone() -> None:
    below = signed(LETTER, KEY, i=f"clerk@mail.{DOMAIN}")
    assert dkim_of(below, record(KEY, "v=DKIM1; t=s")) == "permerror"
    assert dkim_of(signed(LETTER, KEY, i=f"clerk@{DOMAIN}"), record(KEY, "v=DKIM1; t=y:s")) == "pass"


RFC_8463 = (  # appendix A.3, the Ed25519 signature
    b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    b" subject : date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    b"\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
)
RFC_8463_KEY = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def test_ed25519() -> None:
    zone = {"brisbane._domainkey.football.example.com": RFC_8463_KEY}
    assert judged(RFC_8463, zone).dkim == "pass"
    assert judged(RFC_8463.replace(b"dinner", b"supper"), zone).dkim == "fail"
    assert judged(RFC_8463, {"brisbane._domainkey.football.example.com": RFC_8463_KEY[:-8]}).dkim == "permerror"


def test_a_key_of_1024_bits_is_just_long_enough() -> None:
    assert dkim_of(signed(LETTER, SHORT), record(SHORT)) == "pass"


def test_a_signature_is_judged_by_when_the_letter_came() -> None:
    """A backlog of a week changes nothing: the letter came while the signature was good."""
    octets = signed(LETTER, KEY, t=str(NOW - 8 * DAY), x=str(NOW - 7 * DAY))
    assert dkim_of(octets, at=NOW - 8 * DAY) == "pass"
    assert dkim_of(octets, at=NOW) == "fail"


def test_of_many_signatures_the_first_few_are_verified() -> None:
    bad = b"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    assert dkim_of(bad * (SIGNATURES - 1) + signed(LETTER, KEY)) == "pass"
    assert dkim_of(bad * SIGNATURES + signed(LETTER, KEY)) != "pass"


def test_a_letter_without_signatures_has_none_however_odd_its_header() -> None:
    found = judged(b"no field at all\r\n" + LETTER, {})
    assert (found.dkim, found.arc) == ("none", "none")


AUTHORS: list[tuple[str, str, str]] = [
    ("plain", f"a@{DOMAIN}", "pass"),
    ("a name with a comma", f"=?utf-8?b?4LiBLCDguII=?= <a@{DOMAIN}>", "pass"),
    ("an address in an encoded word is a name", f"=?utf-8?q?=3Cboss=40moi.go.th=3E?= <a@{DOMAIN}>", "pass"),
    ("an address in quotes is a name", f'"boss@moi.go.th" <a@{DOMAIN}>', "pass"),
    ("two of one domain", f"a@{DOMAIN}, b@{DOMAIN}", "pass"),
    ("two of two domains (6.6.1)", f"a@{DOMAIN}, b@moi.go.th", "permerror"),
    ("another domain before it", f"boss@moi.go.th <a@{DOMAIN}>", "permerror"),
    ("folded", f"a\r\n <a@{DOMAIN}>", "pass"),
    ("nobody", "undisclosed", "permerror"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "result"), [case[1:] for case in AUTHORS], ids=[case[0] for case in AUTHORS])
def test_authors(line: str, result: str) -> None:
    zone = {DOMAIN: "v=spf1 ip4:192.0.2.1 -all", f"_dmarc.{DOMAIN}": "v=DMARC1; p=reject"}
    letter = f"Subject: x\r\nFrom: {line}\r\n\r\nbody\r\n".encode()
    found = judged(letter, zone, sender=f"a@{DOMAIN}")
    assert found.dmarc == result
    assert found.author_domain == (DOMAIN if result == "pass" else "")


RECORDS: list[tuple[str, str, str, str, str]] = [
    ("its own", "v=DMARC1; p=quarantine", "", "pass", "quarantine"),
    ("white space (6.4)", "v = DMARC1 ; p = none", "", "pass", "none"),
    ("a part that is no tag (6.3)", "v=DMARC1; p=reject; nonsense; rua=mailto:a@x.example", "", "pass", "reject"),
    ("pct changes no result", "v=DMARC1; p=reject; pct=0", "", "pass", "reject"),
    ("its parent's, for those below (sp)", "", "v=DMARC1; p=reject; sp=none", "pass", "none"),
    ("its parent's, without sp", "", "v=DMARC1; p=reject", "pass", "reject"),
    ("its own stands before its parent's", "v=DMARC1; p=none; sp=reject", "v=DMARC1; p=reject", "pass", "none"),
    ("without a policy", "v=DMARC1; adkim=s", "", "none", ""),
    ("a policy nobody knows, with reports (6.6.3)", "v=DMARC1; p=what; rua=mailto:a@x.example", "", "pass", "none"),
    ("a policy nobody knows", "v=DMARC1; p=what", "", "none", ""),
    ("an sp nobody knows", "", "v=DMARC1; p=reject; sp=what", "none", ""),
    ("the version is not first", "p=reject; v=DMARC1", "", "none", ""),
    ("another version", "v=DMARC11; p=reject", "", "none", ""),
    ("nothing", "", "", "none", ""),
]


@pytest.mark.parametrize(
    ("own", "parents", "result", "policy"), [case[1:] for case in RECORDS], ids=[case[0] for case in RECORDS]
)
def test_dmarc_records(own: str, parents: str, result: str, policy: str) -> None:
    """The author is below the organization's domain; its own SPF passes."""
    author = f"unit.{DOMAIN}"
    zone: dict[str, str | tuple[str, ...]] = {author: "v=spf1 ip4:192.0.2.1 -all"}
    zone |= {f"_dmarc.{author}": own} if own else {}
    zone |= {f"_dmarc.{DOMAIN}": parents} if parents else {}
    found = judged(f"From: a@{author}\r\n\r\nx\r\n".encode(), zone, sender=f"a@{author}")
    assert (found.dmarc, found.dmarc_policy) == (result, policy)


def test_two_records_are_none() -> None:
    zone: dict[str, str | tuple[str, ...]] = {f"_dmarc.{DOMAIN}": ("v=DMARC1; p=none", "v=DMARC1; p=reject")}
    assert judged(LETTER, zone).dmarc == "none"


def test_neighbours_under_a_public_suffix_are_no_relatives() -> None:
    """go.th is nobody's own: a signature of one agency says nothing of another, and one of go.th of none."""
    for signer in ("other.go.th", "go.th"):
        zone = {f"s._domainkey.{signer}": record(KEY), f"_dmarc.{DOMAIN}": "v=DMARC1; p=reject"}
        found = judged(signed(LETTER, KEY, d=signer), zone)
        assert (found.dkim, found.dmarc) == ("pass", "fail")


def test_an_explanation_is_not_asked_for() -> None:
    """RFC 7208 section 6.2: it is words for the sender, may carry his local part, and changes no result."""
    asked: list[str] = []
    event = received(sender="clerk@other.go.th")
    zone = {"other.go.th": "v=spf1 -all exp=%{l}.why.other.go.th"}
    assert authenticate(LETTER, event, asking(zone, asked)).spf == "fail"
    assert asked == ["other.go.th", "_dmarc.my-agency.go.th"]


# -- ARC --------------------------------------------------------------------------------------------------------------

PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
ARC_ZONE = {"s._domainkey.list.example": record(KEY), "s._domainkey.relay.example": record(KEY)}


def sealed(octets: bytes, domain: str, says: str) -> bytes:
    header = f"Authentication-Results: {domain}; {says}\r\n".encode()
    fields = dkim.arc_sign(header + octets, b"s", domain.encode(), PEM, domain.encode(), [b"from", b"subject"])
    return b"".join(fields) + header + octets


def test_a_chain_names_who_sealed_it_last_and_what_he_saw() -> None:
    first = sealed(
        LETTER, "list.example", f"spf=pass (it was so) smtp.mailfrom=somchai@{DOMAIN}; dkim=pass; dmarc=pass"
    )
    found = judged(first, ARC_ZONE)
    assert (found.arc, found.arc_domain) == ("pass", "list.example")
    assert found.arc_results == ("spf=pass", "dkim=pass", "dmarc=pass")
    again = judged(sealed(first, "relay.example", "arc=pass; spf=fail; dkim=fail"), ARC_ZONE)
    assert (again.arc, again.arc_domain) == ("pass", "relay.example")
    assert again.arc_results == ("arc=pass", "spf=fail", "dkim=fail")


def test_a_chain_that_does_not_hold_says_nothing() -> None:
    octets = sealed(LETTER, "list.example", "spf=pass; dkim=pass")
    for changed in (octets.replace(b"\r\n\r\nbody", b"\r\n\r\nbodY"), octets.replace(b"spf=pass", b"spf=fail", 1)):
        found = judged(changed, ARC_ZONE)
        assert (found.arc, found.arc_domain, found.arc_results) == ("fail", "", ())
    assert judged(octets, {"s._domainkey.list.example": "silent"}).arc == "temperror"


def test_an_endless_chain_is_not_followed() -> None:
    seals = b"".join(
        f"ARC-Seal: i={n}; a=rsa-sha256; d=x.example; s=s; cv=pass; b=AAAA\r\n".encode() for n in range(1, ARC_SETS + 2)
    )
    assert judged(seals + LETTER, {}).arc == "policy"
