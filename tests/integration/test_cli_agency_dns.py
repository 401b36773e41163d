"""`saraban agency dns` against a real DNS server: what is published, what is missing, what must not be moved."""

import json
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.zone
import pytest

from services.commands.dns.transport import identity
from tests import dns_desk
from tests.dns_desk import MX, OUT, PUBLIC, THAI, Desk

pytestmark = [pytest.mark.slow, pytest.mark.system("dnsmasq-base")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with dns_desk.desk(tmp_path_factory.mktemp("dns")) as made:
        yield made


# -- a domain nobody uses yet -----------------------------------------------------------------------


def test_a_new_domain_gets_every_record(desk: Desk) -> None:
    found = desk.json("new", *OUT, "--reports", "dns@new.test")
    by = found["by"]
    assert by["our MX"]["state"] == "ok"
    for purpose, name, values in (
        ("MX", "new.test", [f"10 {MX}"]),
        ("SPF", "new.test", ["v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 ~all"]),
        ("DMARC", "_dmarc.new.test", ["v=DMARC1; p=none; rua=mailto:dns@new.test"]),
        ("TLS-RPT", "_smtp._tls.new.test", ["v=TLSRPTv1; rua=mailto:dns@new.test"]),
    ):
        assert (by[purpose]["name"], by[purpose]["values"], by[purpose]["state"]) == (name, values, "missing")
    assert by["policy host"]["name"] == "mta-sts.new.test"
    assert "openssl genpkey" in by["DKIM"]["remedy"]
    text = found["policy"]["text"]
    assert text.splitlines() == ["version: STSv1", "mode: testing", f"mx: {MX}", "max_age: 86400"]
    assert found["policy"]["url"] == "https://mta-sts.new.test/.well-known/mta-sts.txt"
    assert by["MTA-STS"]["values"] == [f"v=STSv1; id={identity(text)};"]
    enforced = desk.json("new", "--mta-sts", "enforce")
    assert "mode: enforce" in enforced["policy"]["text"]
    assert enforced["by"]["MTA-STS"]["values"] != by["MTA-STS"]["values"]


def test_without_outgoing_addresses_it_says_whose_business_they_are(desk: Desk) -> None:
    assert "relay.part.test" in desk.json("part")["by"]["SPF"]["remedy"]
    spf = desk.json("new")["by"]["SPF"]
    assert (spf["values"], spf["state"]) == ([], "missing")
    assert "--outgoing" in spf["remedy"]


def test_the_plan_of_a_new_domain_tries_before_it_moves(desk: Desk) -> None:
    steps = [step["what"] for step in desk.json("new", *OUT)["plan"]]
    tried = next(number for number, what in enumerate(steps) if "saraban send LETTER --to saraban@new.test" in what)
    moved = next(number for number, what in enumerate(steps) if f"new.test. MX 10 {MX}." in what)
    assert tried < moved
    assert not any("old MX" in what for what in steps)


# -- everything is there ----------------------------------------------------------------------------


def test_a_domain_where_all_is_right_is_exit_code_0(desk: Desk) -> None:
    found = desk.json("right", *OUT, code=0)
    assert {record["state"] for record in found["records"]} == {"ok"}
    assert found["by"]["SPF"]["remedy"] == "1 of 10 look-ups"
    assert "2048 bits" in found["by"]["DKIM"]["remedy"]
    assert not any("point the MX" in step["what"] for step in found["plan"])
    code, out, _ = desk.type("right", *OUT)
    assert code == 0
    assert "To publish" not in out


def test_the_zone_form_is_a_zone(desk: Desk) -> None:
    _, out, _ = desk.type("right", *OUT, "--format", "zone")
    text = f"$ORIGIN test.\n@ 60 IN SOA a.test. b.test. 1 1 1 1 1\n@ 60 IN NS a.test.\n{out}"
    zone = dns.zone.from_text(text, origin="test.", relativize=False)
    (key,) = zone.find_rdataset("s1._domainkey.right.test.", "TXT")
    assert all(len(piece) <= 255 for piece in key.strings)
    assert len(key.strings) == 2
    assert b"".join(key.strings).decode() == f"v=DKIM1; k=rsa; p={PUBLIC}"
    (mx,) = zone.find_rdataset("right.test.", "MX")
    assert mx.exchange.to_text() == f"{MX}."
    assert zone.find_rdataset("_smtp._tls.right.test.", "TXT")


# -- an MX that is there already --------------------------------------------------------------------


def test_mode_only_does_not_take_a_domain_that_has_an_mx(desk: Desk) -> None:
    code, out, err = desk.type("taken", *OUT)
    assert (code, out) == (1, "")
    assert "taken.test has an MX, mail.taken.test" in err
    assert "--whole-domain" in err
    assert err.count("\n") == 1


def test_with_whole_domain_it_plans_the_way_of_the_old_mx(desk: Desk) -> None:
    found = desk.json("taken", "--whole-domain", *OUT)
    assert found["by"]["MX"]["state"] == "differs"
    assert found["by"]["MX"]["found"] == ["5 mail.taken.test"]
    assert found["by"]["SPF"]["values"] == ["v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 mx -all"]
    plan = {step["number"]: f"{step['when']}: {step['what']}" for step in found["plan"]}
    assert list(plan) == list(range(1, len(plan) + 1))
    assert "lower the TTL of the MX of taken.test to 300 s (it is 7200 s" in plan[1]
    assert any(line.startswith("2 h after step 1") and f"MX 10 {MX}." in line for line in plan.values())
    assert any("remove the old MX mail.taken.test" in line for line in plan.values())
    assert any("raise the TTL of the MX of taken.test to 7200 s" in line for line in plan.values())


def test_a_return_domain_with_an_mx_is_not_taken_either(desk: Desk) -> None:
    code, _, err = desk.type("stray")
    assert code == 1
    assert "taken.test has an MX, mail.taken.test" in err


def test_mode_shared_moves_the_mx_and_says_what_becomes_of_the_rest(desk: Desk) -> None:
    found = desk.json("part", "--outgoing", "198.51.100.20")
    assert found["by"]["MX"]["values"] == [f"10 {MX}"]
    assert found["by"]["SPF"]["state"] == "ok"  # by the provider's network
    assert found["by"]["MTA-STS"]["state"] == "differs"
    plan = [step["what"] for step in found["plan"]]
    assert plan[0].startswith(
        "MTA-STS is in force: serve a policy that names mail.part.test and spare.part.test and mx"
    )
    assert any("by way of mail.part.test" in what for what in plan)
    assert any("let mail.part.test, spare.part.test take mail from outside by way of us alone" in what for what in plan)


def test_mode_shared_with_the_old_mx_still_beside_us(desk: Desk) -> None:
    mx = desk.json("halfway")["by"]["MX"]
    assert mx["state"] == "in the way"
    assert "mail.halfway.test beside us" in mx["remedy"]


def test_mode_behind_leaves_the_mx_and_says_what_the_server_must_do(desk: Desk) -> None:
    found = desk.json("hind", "--outgoing", "192.0.2.7", "--outgoing", "2001:db8::7")
    assert found["by"]["MX"]["state"] == "ok"
    assert found["by"]["MX"]["values"] == []
    assert found["by"]["SPF"]["state"] == "ok"
    assert found["by"]["DMARC"]["state"] == "ok"
    assert "MTA-STS" not in found["by"]
    assert found["policy"] is None
    duties = "\n".join(found["duties"])
    for said in (f"hand every mail to saraban@hind.test to {MX}", "192.0.2.128/25", "receipt-*@hind.test"):
        assert said in duties
    assert not any("MX" in step["what"] for step in found["plan"])


def test_mode_behind_with_our_mx_is_in_the_way(desk: Desk) -> None:
    found = desk.json("wrong")
    assert found["by"]["MX"]["state"] == "in the way"
    assert "refuse its other addresses" in found["by"]["MX"]["remedy"]
    (back,) = found["others"]
    assert (back["domain"], back["mode"]) == ("back.wrong.test", "return")
    assert back["records"][0]["values"] == [f"10 {MX}"]


def test_a_null_mx_is_in_the_way(desk: Desk) -> None:
    assert desk.json("null")["by"]["MX"]["state"] == "in the way"


# -- records that are wrong -------------------------------------------------------------------------


def test_two_spf_records_become_one(desk: Desk) -> None:
    found = desk.json("twice", *OUT)
    assert found["by"]["SPF"]["state"] == "in the way"
    assert found["by"]["SPF"]["values"] == [
        "v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 include:spf.provider.test ip4:198.51.100.1 ~all"
    ]
    assert found["by"]["DMARC"]["state"] == "in the way"


def test_spf_with_too_many_look_ups(desk: Desk) -> None:
    spf = desk.json("costly", *OUT)["by"]["SPF"]
    assert spf["state"] == "in the way"
    assert spf["remedy"].startswith("12 of 10 look-ups")


def test_spf_that_is_written_wrong(desk: Desk) -> None:
    remedy = desk.json("typo", *OUT)["by"]["SPF"]["remedy"]
    for wrong in (
        "mx.saraban.test/99 is no network",
        "'inclde:x.test' is no term",
        "ip4:1.2.3 is no address",
        "ip6:192.0.2.1 is an address of the other kind",
        "include:void.test has no SPF record",
    ):
        assert wrong in remedy


def test_spf_that_includes_itself_ends(desk: Desk) -> None:
    assert desk.json("loop", *OUT)["by"]["SPF"]["state"] == "in the way"


def test_a_strict_policy_that_our_receipts_would_fail(desk: Desk) -> None:
    found = desk.json("strict")
    assert found["by"]["DMARC"]["state"] == "differs"
    assert "elsewhere.example" in found["by"]["DMARC"]["remedy"]
    assert found["by"]["DMARC"]["values"] == []


def test_strict_alignment_and_records_that_are_there_twice(desk: Desk) -> None:
    by = desk.json("below")["by"]
    assert "our mails return to back.below.test and are not signed" in by["DMARC"]["remedy"]
    assert (by["MTA-STS"]["state"], by["TLS-RPT"]["state"]) == ("in the way", "in the way")


def test_reports_to_another_domain_need_its_leave(desk: Desk) -> None:
    found = desk.json("new", "--reports", "d@reports.example")
    assert found["by"]["DMARC reports"]["name"] == "new.test._report._dmarc.reports.example"
    assert found["by"]["DMARC reports"]["state"] == "missing"


def test_dkim_keys_that_are_not_there_or_others(desk: Desk) -> None:
    assert "keyless.test.none.pem: No such file" in desk.json("keyless")["by"]["DKIM"]["remedy"]
    old = desk.json("oldkey")["by"]["DKIM"]
    assert old["state"] == "differs"
    assert old["values"] == [f"v=DKIM1; k=rsa; p={PUBLIC}"]


def test_our_own_name_must_be_a_host(desk: Desk) -> None:
    for mx, state in (("alias.saraban.test", "in the way"), ("nowhere.saraban.test", "missing")):
        code, out, _ = desk.type("new", "--format", "json", mx=mx)
        assert code == 1
        assert json.loads(out)["domains"][0]["records"][0]["state"] == state


# -- a DNS that does not answer ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"), [("servfail", "SERVFAIL"), ("silent", "no answer to silent.test MX in 0.4 s")]
)
def test_no_answer_is_not_taken_for_no_record(desk: Desk, name: str, why: str) -> None:
    code, out, err = desk.type(name, "--deadline", "0.4")
    assert (code, out) == (1, "")
    assert f"{name}.test: whether it has an MX is not known" in err
    assert why in err
    found = desk.json(name, "--deadline", "0.4", "--whole-domain", *OUT)
    for record in found["records"][1:]:
        if record["purpose"] != "DKIM":
            assert record["state"] == "temperror", record
    assert found["by"]["SPF"]["values"] == []  # what must be merged with something unknown is not proposed


def test_a_resolver_that_is_not_there_is_an_option_gone_wrong(desk: Desk) -> None:
    for resolver in ("no-such-host.invalid", "127.0.0.1:dns"):
        code, _, err = desk.type("new", resolver=resolver)
        assert code == 2
        assert "--resolver" in err


# -- how it is shown --------------------------------------------------------------------------------


def test_a_thai_domain_is_shown_as_people_and_as_the_dns_write_it(desk: Desk) -> None:
    code, out, err = desk.type("thai")
    assert code == 1
    assert f"ตัวอย่าง.ไทย ({THAI}) has an MX, mail.{THAI}" in err
    code, out, _ = desk.type("thai", "--whole-domain", *OUT)
    assert out.startswith(f"ตัวอย่าง.ไทย ({THAI}) · mode only")
    assert f"  {THAI}. 300 IN MX 10 {MX}." in out
    assert "saraban@ตัวอย่าง.ไทย" in out
    _, zone, _ = desk.type("thai", "--whole-domain", "--format", "zone")
    assert "; thai: สำนักงานทดสอบ" in zone


@pytest.mark.parametrize("mx", ["", "localhost", "mx", "192.0.2.1", "mx.agency.local", "-a.example"])
def test_an_mx_name_that_nobody_finds(desk: Desk, mx: str) -> None:
    code, out, err = desk.type("new", mx=mx)
    assert (code, out) == (2, ""), err
    assert "--mx" in err


@pytest.mark.parametrize("words", [("--outgoing", "192.0.2.300"), ("--reports", "nobody")])
def test_other_options_that_are_wrong(desk: Desk, words: tuple[str, str]) -> None:
    code, _, err = desk.type("new", *words)
    assert code == 2
    assert words[0] in err


def test_an_agency_that_is_not_there(desk: Desk) -> None:
    code, _, err = desk.type("nobody")
    assert code == 1
    assert "there is no agency 'nobody'" in err
