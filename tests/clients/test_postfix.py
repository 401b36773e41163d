"""Postfix as the sender's relaying server: STARTTLS with a checked certificate, delivery reports, Thai addresses."""

import pytest

from tests.clients.arrivals import Arrivals
from tests.clients.letters import ORDERLY, THAI, letter
from tests.clients.relays import SENDER, below_received, submit
from tests.postfix import postfix
from tests.smtp.ingress import Ingress
from tests.smtp.world import World

pytestmark = pytest.mark.system("postfix")

TO = "saraban@demo.test"
VERIFIED = """\
relayhost = [127.0.0.1]:{port}
smtp_tls_security_level = verify
smtp_tls_verify_cert_match = mx.test
smtp_tls_CAfile = {authority}
smtp_tls_loglevel = 1
"""


def settings(place: World, mx: Ingress) -> str:
    return VERIFIED.format(port=mx.port, authority=place.certificate)


async def test_postfix_hands_letters_over_with_tls(place: World, mx: Ingress, arrivals: Arrivals) -> None:
    with postfix(settings(place, mx)) as relay:
        await submit(relay.port, ORDERLY.values(), [TO])
        found = await arrivals.by_message_id(len(ORDERLY))
        log = relay.log
    assert "Verified TLS connection established" in log
    for name, octets in ORDERLY.items():
        arrival = found[f"<{name}@sender.test>"]
        assert below_received(arrival.octets, b"postfix.test (Postfix)") == octets, name
        event = arrival.event
        assert (event.protocol, event.peer.tls, event.peer.helo) == ("ESMTPS", "TLSv1.3", "postfix.test")
        assert (event.sender, event.ret, event.envid, event.recipients[0].notify) == (SENDER, "", "", "")


async def test_what_the_sender_asks_of_delivery_reports_travels_through_postfix(
    place: World, mx: Ingress, arrivals: Arrivals
) -> None:
    octets = letter("dsn", THAI.encode())
    with postfix(settings(place, mx)) as relay:
        await submit(
            relay.port, [octets], [TO], ("RET=HDRS", "ENVID=QQ+3D314159+2B"),
            ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Saraban+2Bx@demo.test"),
        )  # fmt: skip
        event = (await arrivals.next()).event
        await submit(relay.port, [letter("never", b"x\r\n")], [TO], (), ("NOTIFY=NEVER",))
        silent = (await arrivals.next()).event
        log = relay.log
    assert (event.ret, event.envid) == ("HDRS", "QQ+3D314159+2B")
    (recipient,) = event.recipients
    assert (recipient.address, recipient.notify) == (TO, "SUCCESS,FAILURE")
    assert recipient.orcpt == "rfc822;Saraban+2Bx@demo.test"
    assert silent.recipients[0].notify == "NEVER"
    assert "sender delivery status notification" not in log, "the request is ours now: Postfix reports nothing itself"


async def test_postfix_hands_a_letter_to_a_thai_address(place: World, mx: Ingress, arrivals: Arrivals) -> None:
    octets = letter("postfix-thai", THAI.encode())
    with postfix(settings(place, mx)) as relay:
        await submit(relay.port, [octets], ["สารบรรณ@ตัวอย่าง.ไทย"], ("SMTPUTF8",))
        arrival = await arrivals.next()
    assert below_received(arrival.octets, b"postfix.test (Postfix)") == octets
    assert (arrival.event.agency, arrival.event.protocol) == ("thai", "UTF8SMTPS")
