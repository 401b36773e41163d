"""SPF, DKIM and DMARC in the words of RFC 8601; the zone is a table here, a real server in tests/integration."""

import base64
import time
from collections.abc import Mapping
from typing import Any

import dkim
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from contracts.findings import Authentication
from contracts.mail import Upstream
from contracts.values import instant
from services.sign.authentication import ascii_domain, authenticate, organizational_domain
from services.sign.questions import Ask, NoAnswerError, Records
from tests.books import received

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()


ZONE = {
    "my-agency.go.th": "v=spf1 ip4:192.0.2.1 -all",
    "_dmarc.my-agency.go.th": "v=DMARC1; p=reject",
    "strict.go.th": "v=spf1 ip4:192.0.2.1 -all",
    "mail.strict.go.th": "v=spf1 ip4:192.0.2.1 -all",
    "_dmarc.strict.go.th": "v=DMARC1; p=reject; aspf=s; adkim=s",
    "other.go.th": "v=spf1 ip4:192.0.2.1 -all",
    "helo.go.th": "v=spf1 ip4:192.0.2.1 -all",
    "s._domainkey.my-agency.go.th": public(KEY),
    "s._domainkey.other.go.th": public(KEY),
}


def asking(zone: Mapping[str, str]) -> Ask:
    def ask(name: str, kind: str) -> Records:
        text = zone.get(name.rstrip(".").lower())
        if text == "silent":
            raise NoAnswerError(name)
        return (text,) if text and kind == "TXT" else ()

    return ask


def signed(letter: bytes, domain: str, *, key: rsa.RSAPrivateKey = KEY, length: bool = False) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    header = dkim.sign(letter, b"s", domain.encode(), pem, include_headers=[b"from", b"subject"], length=length)
    return bytes(header) + letter


def letter(author: str = "saraban@my-agency.go.th") -> bytes:
    return f"From: {author}\r\nSubject: x\r\n\r\nbody\r\n".encode()


def judged(
    octets: bytes,
    sender: str = "saraban@my-agency.go.th",
    address: str = "192.0.2.1",
    zone: Mapping[str, str] = ZONE,
    **changes: Any,
) -> Authentication:
    event = received(**({"sender": sender, "received_at": instant(time.time_ns())} | changes))
    event = msgspec.structs.replace(event, peer=msgspec.structs.replace(event.peer, address=address, helo="helo.go.th"))
    return authenticate(octets, event, asking(zone))


def test_spf_and_dmarc_of_a_domain_with_a_hyphen() -> None:
    found = judged(letter())
    assert (found.spf, found.spf_domain, found.dkim, found.dmarc) == ("pass", "my-agency.go.th", "none", "pass")


def test_a_forged_sender_fails() -> None:
    found = judged(letter(), address="198.51.100.7")
    assert (found.spf, found.dmarc) == ("fail", "fail")


def test_spf_of_another_domain_does_not_help_the_author() -> None:
    found = judged(letter(), sender="a@other.go.th")
    assert (found.spf, found.dmarc) == ("pass", "fail")


def test_dkim_of_the_authors_domain() -> None:
    found = judged(signed(letter(), "my-agency.go.th"), sender="a@other.go.th")
    assert (found.dkim, found.dkim_domains, found.dmarc) == ("pass", ("my-agency.go.th",), "pass")


def test_every_dkim_signature_counts_and_not_the_first_alone() -> None:
    found = judged(signed(signed(letter(), "my-agency.go.th"), "other.go.th"), sender="a@other.go.th")
    assert set(found.dkim_domains) == {"my-agency.go.th", "other.go.th"}
    assert found.dmarc == "pass"


def test_a_changed_body_fails() -> None:
    octets = signed(letter(), "my-agency.go.th").replace(b"\r\n\r\nbody", b"\r\n\r\nbodY")
    assert judged(octets, address="198.51.100.7").dkim == "fail"


def test_a_second_from_line_is_no_author() -> None:
    for second in (b"From: evil@other.go.th\r\n", b"From: boss@my-agency.go.th\r\n"):
        assert judged(second + signed(letter(), "my-agency.go.th")).dmarc == "permerror"


def test_a_signature_over_the_first_octets_only_is_not_passed() -> None:
    octets = signed(letter(), "my-agency.go.th", length=True)
    assert judged(octets).dkim == "policy"


def test_a_missing_key_is_permanent() -> None:
    zone = {name: text for name, text in ZONE.items() if "_domainkey" not in name}
    assert judged(signed(letter(), "my-agency.go.th"), zone=zone).dkim == "permerror"


def test_strict_alignment() -> None:
    assert judged(letter("a@strict.go.th"), sender="a@mail.strict.go.th").dmarc == "fail"
    assert judged(letter("a@strict.go.th"), sender="a@strict.go.th").dmarc == "pass"


@pytest.mark.parametrize(
    ("silent", "results"),
    [
        ("my-agency.go.th", ("temperror", "none", "temperror")),
        ("_dmarc.my-agency.go.th", ("pass", "none", "temperror")),
    ],
)
def test_a_dns_that_does_not_answer_is_temporary(silent: str, results: tuple[str, str, str]) -> None:
    found = judged(letter(), zone=ZONE | {silent: "silent"})
    assert (found.spf, found.dkim, found.dmarc) == results


def test_a_key_that_cannot_be_asked_for_is_temporary() -> None:
    zone = ZONE | {"s._domainkey.my-agency.go.th": "silent"}
    assert judged(signed(letter(), "my-agency.go.th"), zone=zone).dkim == "temperror"


def test_the_null_sender_is_judged_by_helo() -> None:
    found = judged(letter(), sender="")
    assert (found.spf, found.spf_domain) == ("pass", "helo.go.th")


def test_behind_spf_is_judged_on_the_hop_before_the_agencys_server() -> None:
    behind = Upstream(address="192.0.2.1", helo="x")
    assert judged(letter(), address="10.0.0.1", upstream=behind).spf == "pass"
    assert judged(letter(), address="192.0.2.1", upstream=Upstream(address="198.51.100.7", helo="x")).spf == "fail"
    assert judged(letter(), address="192.0.2.1", upstream=Upstream()).spf == "none"


@pytest.mark.parametrize("record", ["v=spf1 ip4:192.0.2.999 -all", "v=spf1 include:my-agency.go.th -all"])
def test_a_record_that_is_no_record_is_permanent(record: str) -> None:
    assert judged(letter(), zone=ZONE | {"my-agency.go.th": record}).spf == "permerror"


def test_domains() -> None:
    assert organizational_domain("mail.opdc.go.th") == "opdc.go.th"
    assert organizational_domain("opdc.go.th") == "opdc.go.th"
    assert ascii_domain("หน่วยงาน.ไทย").startswith("xn--")
    assert ascii_domain("OPDC.go.th.") == "opdc.go.th"
