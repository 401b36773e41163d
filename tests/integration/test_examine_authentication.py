"""The sender of a letter, judged in the child, with a real DNS server asked by the parent."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import dkim
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from contracts.findings import Findings
from contracts.mail import Peer, Upstream
from contracts.values import instant
from services.runtime.settings import Sign
from services.sign.children import Children
from services.sign.questions import QUESTIONS, NoAnswerError
from services.sign.resolver import Resolver
from services.sign.trust import TrustStore
from tests.books import received
from tests.dns_server import dns_server, silent_dns_server
from tests.letters import letter_mail, letter_pdf, letter_text

pytestmark = pytest.mark.slow

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
AUTHOR = "saraban@my-agency.go.th"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    texts = {
        "my-agency.go.th": ["unrelated", "v=spf1 a:out.my-agency.go.th include:relay.example -all"],
        "relay.example": ["v=spf1 ip4:192.0.2.8/29 -all"],
        "_dmarc.my-agency.go.th": ["v=DMARC1; p=reject"],
        "k1._domainkey.my-agency.go.th": [f"v=DKIM1; k=rsa; p={PUBLIC}"],
    }
    with dns_server(tmp_path, texts, {"out.my-agency.go.th": "192.0.2.1"}) as server:
        yield server


def letter() -> bytes:
    octets = letter_mail(letter_pdf(letter_text("opdc-w56")), AUTHOR, "saraban@demo.localhost", "ขอส่งหนังสือ")
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return (
        bytes(dkim.sign(octets, b"k1", b"my-agency.go.th", pem, include_headers=[b"from", b"to", b"subject"])) + octets
    )


async def examined(
    place: str, address: str, octets: bytes, upstream: Upstream | None = None, seconds: float = 10
) -> Findings:
    event = msgspec.structs.replace(
        received(sender=AUTHOR, received_at=instant(time.time_ns())),
        peer=Peer(address=address, helo="out.example"),
        upstream=upstream,
    )
    children = Children(Sign(), TrustStore(), Resolver([place], seconds), "test")
    try:
        return await children.examine(octets, event)
    finally:
        await children.close()


@pytest.mark.system("dnsmasq-base")
async def test_an_honest_letter(place: str) -> None:
    found = await examined(place, "192.0.2.1", letter())
    assert found.authentication
    assert (found.authentication.spf, found.authentication.spf_domain) == ("pass", "my-agency.go.th")
    assert (found.authentication.dkim, found.authentication.dkim_domains) == ("pass", ("my-agency.go.th",))
    assert found.authentication.dmarc == "pass"
    assert found.authentication.arc == "none"
    assert found.warnings == ()
    assert found.particulars.letter_number
    # What the verdict rests on, as the DNS said it: the key that is withdrawn tomorrow is here for ever.
    assert found.authentication.author_domain == "my-agency.go.th"
    assert found.authentication.judged_at is not None
    said = {(answer.name, answer.type): answer for answer in found.authentication.evidence}
    assert said["k1._domainkey.my-agency.go.th", "TXT"].records == (f"v=DKIM1; k=rsa; p={PUBLIC}",)
    assert said["_dmarc.my-agency.go.th", "TXT"].records == ("v=DMARC1; p=reject",)
    assert said["out.my-agency.go.th", "A"].records == ("192.0.2.1",)
    spf = said["my-agency.go.th", "TXT"]
    assert spf.records[0].startswith("v=spf1")
    assert (spf.status, spf.authentic, found.authentication.evidence_cut) == ("answered", False, False)


@pytest.mark.system("dnsmasq-base")
async def test_an_included_network_passes(place: str) -> None:
    found = await examined(place, "192.0.2.9", letter())
    assert found.authentication
    assert found.authentication.spf == "pass"


@pytest.mark.system("dnsmasq-base")
async def test_a_forged_letter_is_labelled_and_read_all_the_same(place: str) -> None:
    forged = letter().replace(b"Subject: ", b"Subject: x ", 1)
    found = await examined(place, "198.51.100.7", forged)
    assert found.authentication
    assert (found.authentication.spf, found.authentication.dkim, found.authentication.dmarc) == ("fail", "fail", "fail")
    assert "dmarc_failed" in {said.code for said in found.warnings}
    assert found.particulars.letter_number
    assert found.particulars.letter_number.value == "นร ๑๒๐๐/ว๕๖"


@pytest.mark.system("dnsmasq-base")
async def test_behind_the_hop_before_the_agencys_server_is_judged(place: str) -> None:
    inside = await examined(place, "10.1.1.1", letter(), Upstream(address="192.0.2.1", helo="out"))
    assert inside.authentication
    assert inside.authentication.spf == "pass"
    unknown = await examined(place, "192.0.2.1", letter(), Upstream())
    assert unknown.authentication
    assert unknown.authentication.spf == "none"
    assert "upstream_unknown" in {said.code for said in unknown.warnings}


async def test_a_silent_dns_is_temporary_and_costs_its_seconds_only() -> None:
    with silent_dns_server() as place:
        found = await examined(place, "192.0.2.1", letter(), seconds=1)
    assert found.authentication
    assert (found.authentication.spf, found.authentication.dkim, found.authentication.dmarc) == ("temperror",) * 3
    assert {answer.status for answer in found.authentication.evidence} == {"timeout"}
    assert "authentication_unfinished" in {said.code for said in found.warnings}
    assert found.particulars.letter_number


@pytest.mark.system("dnsmasq-base")
async def test_the_questions_of_one_letter_are_bounded(place: str) -> None:
    questions = Resolver([place], 30).letter()
    for number in range(QUESTIONS):
        assert await questions.ask(f"n{number}.example", "TXT") == ()
    with pytest.raises(NoAnswerError):
        await questions.ask("my-agency.go.th", "TXT")


@pytest.mark.system("dnsmasq-base")
async def test_records_of_every_kind(place: str) -> None:
    questions = Resolver([place], 30).letter()
    assert await questions.ask("out.my-agency.go.th", "A") == ("192.0.2.1",)
    assert (await questions.ask("k1._domainkey.my-agency.go.th", "TXT"))[0].endswith(PUBLIC)
    assert await questions.ask("a" * 300 + ".example", "A") == ()


@pytest.mark.parametrize("server", ["127.0.0.1:99999", "127.0.0.1:x", "no-such-host.invalid"])
def test_a_wrong_resolver_is_named(server: str) -> None:
    with pytest.raises(ValueError, match=server.split(":")[0]):
        Resolver([server], 5)
