"""Postfix as the sender's relaying server: STARTTLS with a checked certificate, delivery reports, Thai addresses."""

from collections.abc import Iterator

import pytest

from tests.clients.arrivals import Arrivals
from tests.clients.letters import ORDERLY, THAI, letter
from tests.clients.relays import SENDER, below_received, submit
from tests.postfix import Postfix, postfix
from tests.smtp.ingress import Ingress
from tests.smtp.world import World
from tests.waiting import until

pytestmark = pytest.mark.system("postfix")

TO = "saraban@demo.test"
VERIFIED = """\
relayhost = [127.0.0.1]:{port}
smtp_tls_security_level = verify
smtp_tls_verify_cert_match = mx.test
smtp_tls_CAfile = {authority}
smtp_tls_loglevel = 1
"""


@pytest.fixture(scope="module")
def relay(place: World, mx: Ingress) -> Iterator[Postfix]:
    with postfix(VERIFIED.format(port=mx.port, authority=place.certificate)) as running:
        yield running


async def test_postfix_hands_letters_over_with_tls(relay: Postfix, arrivals: Arrivals) -> None:
    await submit(relay.port, ORDERLY.values(), [TO])
    found = await arrivals.by_message_id(len(ORDERLY))
    assert "Verified TLS connection established" in relay.log
    for name, octets in ORDERLY.items():
        arrival = found[f"<{name}@sender.test>"]
        assert below_received(arrival.octets, b"postfix.test (Postfix)") == octets, name
        event = arrival.event
        assert (event.protocol, event.peer.tls, event.peer.helo) == ("ESMTPS", "TLSv1.3", "postfix.test")
        assert (event.sender, event.ret, event.envid, event.recipients[0].notify) == (SENDER, "", "", "")


async def test_what_the_sender_asks_of_delivery_reports_travels_through_postfix(
    relay: Postfix, arrivals: Arrivals
) -> None:
    mail, rcpt = ("RET=HDRS", "ENVID=QQ+3D314159+2B"), ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Saraban+2Bx@demo.test")
    await submit(relay.port, [letter("dsn", THAI.encode())], [TO], mail, rcpt)
    event = (await arrivals.next()).event
    assert (event.ret, event.envid) == ("HDRS", "QQ+3D314159+2B")
    (recipient,) = event.recipients
    assert (recipient.address, recipient.notify) == (TO, "SUCCESS,FAILURE")
    assert recipient.orcpt == "rfc822;Saraban+2Bx@demo.test"

    await submit(relay.port, [letter("never", b"x\r\n")], [TO], (), ("NOTIFY=NEVER",))
    assert (await arrivals.next()).event.recipients[0].notify == "NEVER"
    await until(lambda: relay.queued() == 0)
    assert "delivery status notification" not in relay.log, "the request is ours now: Postfix reports nothing itself"


async def test_postfix_hands_a_letter_to_a_thai_address(relay: Postfix, arrivals: Arrivals) -> None:
    octets = letter("postfix-thai", THAI.encode())
    await submit(relay.port, [octets], ["สารบรรณ@ตัวอย่าง.ไทย"], ("SMTPUTF8",))
    arrival = await arrivals.next()
    assert below_received(arrival.octets, b"postfix.test (Postfix)") == octets
    assert (arrival.event.agency, arrival.event.protocol) == ("thai", "UTF8SMTPS")
