"""Exim as the sender's relaying server: it sends in chunks (BDAT), over TLS, and passes on what is asked of reports."""

import pytest

from tests.clients.arrivals import Arrivals
from tests.clients.letters import ORDERLY, THAI, letter
from tests.clients.relays import below_received, submit
from tests.exim import exim
from tests.smtp.ingress import Ingress
from tests.smtp.world import World

pytestmark = pytest.mark.system("exim4-daemon-light")

TO = "saraban@demo.test"


@pytest.mark.parametrize("chunking", ["*", ""], ids=["bdat", "data"])
async def test_exim_hands_letters_over_with_tls(place: World, mx: Ingress, arrivals: Arrivals, chunking: str) -> None:
    with exim(mx.port, f"hosts_try_chunking = {chunking}", authority=place.certificate) as relay:
        await submit(relay.port, ORDERLY.values(), [TO])
        found = await arrivals.by_message_id(len(ORDERLY))
        log = relay.log
    for name, octets in ORDERLY.items():
        arrival = found[f"<{name}@sender.test>"]
        assert below_received(arrival.octets, b"exim.test with esmtp (Exim") == octets, name
        assert (arrival.event.protocol, arrival.event.peer.helo) == ("ESMTPS", "exim.test")
    # Exim logs `K` for a delivery by BDAT and `CV=yes` for a certificate that it checked.
    assert (" K " in log) is bool(chunking)
    assert "CV=yes" in log


async def test_what_the_sender_asks_of_delivery_reports_travels_through_exim(
    place: World, mx: Ingress, arrivals: Arrivals
) -> None:
    octets = letter("exim-dsn", THAI.encode())
    with exim(mx.port, authority=place.certificate) as relay:
        await submit(
            relay.port, [octets], [TO], ("RET=FULL", "ENVID=QQ+3D314159"),
            ("NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;Saraban+2Bx@demo.test"),
        )  # fmt: skip
        arrival = await arrivals.next()
    assert below_received(arrival.octets, b"exim.test with esmtp (Exim") == octets
    assert (arrival.event.ret, arrival.event.envid) == ("FULL", "QQ+3D314159")
    (recipient,) = arrival.event.recipients
    assert set(recipient.notify.split(",")) == {"SUCCESS", "FAILURE", "DELAY"}
    assert recipient.orcpt == "rfc822;Saraban+2Bx@demo.test"


async def test_exim_hands_a_letter_to_a_thai_address(place: World, mx: Ingress, arrivals: Arrivals) -> None:
    octets = letter("exim-thai", THAI.encode())
    with exim(mx.port, authority=place.certificate) as relay:
        await submit(relay.port, [octets], ["สารบรรณ@ตัวอย่าง.ไทย"], ("SMTPUTF8",))
        arrival = await arrivals.next()
    assert below_received(arrival.octets, b"exim.test with utf8esmtp (Exim") == octets
    assert (arrival.event.agency, arrival.event.protocol) == ("thai", "UTF8SMTPS")
