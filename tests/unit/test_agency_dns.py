"""What `saraban agency dns` proposes, as far as no DNS is needed for it."""

import pytest

from services.commands.dns import spf
from services.commands.dns.domain import public_host, shown
from services.commands.dns.exchange import Exchanges, judged
from services.commands.dns.plan import duration
from services.commands.dns.record import Record, State, tags, zone_lines


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("192.0.2.7", "ip4:192.0.2.7"),
        ("192.0.2.0/28", "ip4:192.0.2.0/28"),
        ("2001:DB8::7", "ip6:2001:db8::7"),
        ("2001:db8::/64", "ip6:2001:db8::/64"),
        ("spf.provider.example", "include:spf.provider.example"),
        ("include:spf.provider.example", "include:spf.provider.example"),
    ],
)
def test_a_sender_is_a_term(text: str, term: str) -> None:
    assert spf.sender(text) == term


@pytest.mark.parametrize("text", ["", "192.0.2.300", "192.0.2.1/24", "localhost", "a b.example", "ip4:192.0.2.1"])
def test_what_is_no_sender(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        spf.sender(text)


@pytest.mark.parametrize(
    ("records", "needed", "whole"),
    [
        ([], ["ip4:192.0.2.7"], "v=spf1 ip4:192.0.2.7 ~all"),
        (["v=spf1 mx -all"], ["ip4:192.0.2.7"], "v=spf1 ip4:192.0.2.7 mx -all"),
        (["v=spf1 mx redirect=a.example"], ["ip4:192.0.2.7"], "v=spf1 ip4:192.0.2.7 mx redirect=a.example"),
        (["v=spf1 mx -all", "V=SPF1 a mx ~ALL"], [], "v=spf1 mx a ~all"),
        (["v=spf1 redirect=a.example", "v=spf1 a -all"], [], "v=spf1 a include:a.example -all"),
        (["v=spf1 a"], ["ip4:192.0.2.7"], "v=spf1 ip4:192.0.2.7 a ~all"),
        (["v=spf1 ip4:192.0.2.7 ?all"], ["ip4:192.0.2.7"], "v=spf1 ip4:192.0.2.7 ?all"),
        (["v=spf1 a -all", "v=spf1 mx all"], [], "v=spf1 a mx -all"),
        (["v=spf1 a +all", "v=spf1 mx +all"], [], "v=spf1 a mx ~all"),
        (["v=spf1 a redirect=b.example ~all"], [], "v=spf1 a ~all"),
    ],
)
def test_spf_records_become_one(records: list[str], needed: list[str], whole: str) -> None:
    assert spf.merged(records, needed) == whole


def test_spf_is_recognised_by_its_whole_version() -> None:
    assert spf.of(["v=spf1", "V=SPF1 -all", "v=spf10 -all", "spf2.0/pra -all"]) == ("v=spf1", "V=SPF1 -all")


@pytest.mark.parametrize(
    ("term", "meant"),
    [
        ("a", ("", "a", "", "")),
        ("-mx/24//64", ("-", "mx", "", "/24//64")),
        ("~A:mail.example/28", ("~", "a", "mail.example", "/28")),
        ("?ip6:2001:db8::/32", ("?", "ip6", "2001:db8::/32", "")),
        ("include:%{d}.example", ("", "include", "%{d}.example", "")),
    ],
)
def test_terms(term: str, meant: tuple[str, str, str, str]) -> None:
    assert spf.mechanism(term) == meant


def test_a_modifier_is_no_mechanism() -> None:
    assert spf.mechanism("redirect=a.example") is None
    assert spf.modifier("Redirect=a.example") == ("redirect", "a.example")
    assert spf.mechanism("inclde:a.example") is None
    assert spf.modifier("inclde:a.example") is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(300, "5 min"), (7200, "2 h"), (86_400, "1 d"), (90, "90 s"), (5400, "90 min"), (0, "0 s")]
)
def test_durations(seconds: int, said: str) -> None:
    assert duration(seconds) == said


def test_a_long_or_odd_text_in_a_zone() -> None:
    record = Record(
        purpose="x", name="a.example", kind="TXT", values=("é" * 200 + '"\\;',), state=State.MISSING, remedy=""
    )
    (line,) = zone_lines(record)
    head, _, rest = line.partition("( ")
    assert head == "a.example. 3600 IN TXT "
    assert rest.startswith('"\\195\\169')
    assert rest.endswith('\\"\\\\;" )')
    assert len(rest.split('" "')) == 2


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("MX.Example.", "mx.example"),
        ("mx.ตัวอย่าง.ไทย", "mx.xn--72c1a1bt4awk9o.xn--o3cw4h"),
        ("192.0.2.1", None),
        ("mx", None),
        ("mx.localhost", None),
        ("a_b.example", None),
        ("x" * 64 + ".example", None),
    ],
)
def test_names_of_an_mx(name: str, host: str | None) -> None:
    assert public_host(name) == host


def test_a_name_that_is_no_idna_is_shown_as_it_is() -> None:
    assert shown("xn--a.example") == "xn--a.example"


def test_tags_of_a_record() -> None:
    assert tags(" v=DKIM1 ; p=AB=; p=C;;x") == {"v": "DKIM1", "p": "AB="}


def test_an_address_without_mx_has_taken_mail_until_now() -> None:
    found = judged("a.example", "only", Exchanges(implicit=True), ("mx.example",))
    assert found.state is State.MISSING
    assert "mailboxes behind it?" in found.remedy
