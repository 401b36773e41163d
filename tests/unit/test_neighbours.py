"""Agencies that share a domain agree on what happens to its other mail."""

import pytest

from contracts.directory import Agency, Domain, NextHop
from services.commands.neighbours import conflicts

HOP = NextHop(host="mail.local.test")


def body(code: str, domain: Domain) -> Agency:
    return Agency(id=f"b{code}", name="อบต.", domains=(domain,), addresses=(f"saraban_{code}@{domain.name}",))


def shared(name: str = "local.test", hop: NextHop = HOP) -> Domain:
    return Domain(name=name, mode="shared", next_hop=hop)


def test_those_that_agree_are_taken() -> None:
    assert conflicts([body("02", shared("LOCAL.test"))], [body("01", shared())]) == []
    assert conflicts([body("01", Domain(name="local.test"))], [body("01", shared())]) == []  # replaced
    assert conflicts([body("01", shared())], [body("02", shared("b.test")), body("03", Domain(name="b.test"))]) == []


@pytest.mark.parametrize(
    ("domain", "sentence"),
    [
        (
            Domain(name="local.test"),
            "b02: local.test has mode only here and shared in b01; "
            "agencies that share a domain agree on it: import them together",
        ),
        (
            shared(hop=NextHop(host="mail.local.test", client="xclient")),
            "b02: local.test has next_hop mail.local.test:25 (tls starttls, client xclient) here and "
            "mail.local.test:25 (tls starttls, client none) in b01; "
            "agencies that share a domain agree on it: import them together",
        ),
    ],
)
def test_a_disagreement_is_a_sentence(domain: Domain, sentence: str) -> None:
    assert conflicts([body("02", domain)], [body("01", shared())]) == [sentence]
    assert conflicts([body("01", shared()), body("02", domain)], []) == [sentence]


def test_an_address_belongs_to_one_however_it_is_spelt() -> None:
    first = Agency(id="a", name="ก", domains=(Domain(name="ตัวอย่าง.ไทย"),), addresses=("s@ตัวอย่าง.ไทย",))
    other = Agency(
        id="b",
        name="ข",
        domains=(Domain(name="xn--72c1a1bt4awk9o.xn--o3cw4h"),),
        addresses=("S@xn--72c1a1bt4awk9o.xn--o3cw4h",),
    )
    assert conflicts([other], [first]) == ["b: S@xn--72c1a1bt4awk9o.xn--o3cw4h belongs to a"]
