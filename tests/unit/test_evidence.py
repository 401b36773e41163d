"""What is kept of the DNS: every answer that was used, bounded, and no person's name."""

import msgspec
import pytest

from services.sign.evidence import OCTETS, RECORD_CHARACTERS, RECORDS, Evidence


def test_each_question_is_kept_once_in_order() -> None:
    evidence = Evidence("a@x.example")
    evidence.note("X.example.", "TXT", "answered", ("v=spf1 -all",), authentic=True)
    evidence.note("x.example", "MX", "nodata")
    evidence.note("x.example", "TXT", "timeout")
    evidence.note("y.example", "A", "nxdomain")
    answers, cut = evidence.answers()
    assert [(a.name, a.type, a.status, a.records, a.authentic) for a in answers] == [
        ("x.example", "TXT", "answered", ("v=spf1 -all",), True),
        ("x.example", "MX", "nodata", (), False),
        ("y.example", "A", "nxdomain", (), False),
    ]
    assert not cut
    assert not evidence.temporary


def test_an_answer_takes_the_place_of_silence() -> None:
    evidence = Evidence()
    evidence.note("x.example", "TXT", "timeout")
    assert evidence.temporary
    evidence.note("x.example", "TXT", "answered", ("v=spf1 -all",))
    assert not evidence.temporary
    assert evidence.answers()[0][0].records == ("v=spf1 -all",)


def test_too_many_questions_are_no_reason_to_try_again() -> None:
    evidence = Evidence()
    evidence.note("x.example", "A", "limit")
    assert not evidence.temporary


def test_of_many_records_those_that_matter_are_kept() -> None:
    evidence = Evidence()
    noise = tuple(f"verification={number}" for number in range(100))
    evidence.note("x.example", "TXT", "answered", (*noise, "v=spf1 -all", "k=rsa; p=AAAA"))
    (answer,), _ = evidence.answers()
    assert answer.records[:2] == ("v=spf1 -all", "k=rsa; p=AAAA")
    assert len(answer.records) == RECORDS
    assert answer.cut


def test_a_record_without_end_is_cut() -> None:
    evidence = Evidence()
    evidence.note("x.example", "TXT", "answered", ("v=spf1 " + "a" * 8_000,))
    (answer,), _ = evidence.answers()
    assert (len(answer.records[0]), answer.cut) == (RECORD_CHARACTERS, True)


@pytest.mark.parametrize("size", [10, 300, 1_000])
def test_all_of_it_has_a_bound(size: int) -> None:
    evidence = Evidence()
    for number in range(80):
        name = f"n{number}." + "x" * 60 + ".example"
        evidence.note(name, "TXT", "answered", tuple("é\x00" * (size // 2) + str(n) for n in range(20)))
    answers, cut = evidence.answers()
    assert len(msgspec.json.encode(answers)) <= OCTETS
    assert not cut
    assert len(answers) == 80


MACROS = [
    ("%{l}.x.example", "somchai.jaidee.x.example", "*.*.x.example"),
    ("%{lr}.x.example", "jaidee.somchai.x.example", "*.*.x.example"),
    ("%{l1}.x.example", "jaidee.x.example", "*.x.example"),
    ("%{L}.%{i}.x.example", "SOMCHAI.JAIDEE.192.0.2.1.x.example", "*.*.192.0.2.1.x.example"),
    ("%{s}.x.example", "somchai.jaidee@agency.go.th.x.example", "*.*@agency.go.th.x.example"),
    ("%{d}.x.example", "agency.go.th.x.example", "agency.go.th.x.example"),
]


@pytest.mark.parametrize(("macro", "name", "shown"), MACROS)
def test_a_name_made_of_the_senders_local_part_hides_it(macro: str, name: str, shown: str) -> None:
    evidence = Evidence("Somchai.Jaidee@agency.go.th")
    evidence.note("agency.go.th", "TXT", "answered", (f"v=spf1 exists:{macro} -all",))
    evidence.note(name, "A", "nxdomain")
    assert evidence.answers()[0][1].name == shown


def test_a_local_part_that_is_escaped_is_hidden_too() -> None:
    evidence = Evidence("som+chai@agency.go.th")
    evidence.note("agency.go.th", "TXT", "answered", ("v=spf1 exists:%{L-}._x.agency.go.th -all",))
    evidence.note("som%2bchai._x.agency.go.th", "A", "nxdomain")
    shown = evidence.answers()[0][1].name
    assert "som" not in shown
    assert "chai" not in shown


def test_without_a_macro_nothing_is_hidden() -> None:
    """Most agencies write from an address that is a word of their names."""
    evidence = Evidence("mail@agency.go.th")
    evidence.note("agency.go.th", "TXT", "answered", ("v=spf1 a:mail.agency.go.th -all",))
    evidence.note("mail.agency.go.th", "A", "answered", ("192.0.2.1",))
    assert evidence.answers()[0][1].name == "mail.agency.go.th"


def test_more_questions_than_fit_are_said_to_be_left_out() -> None:
    evidence = Evidence()
    for number in range(80):
        evidence.note(f"n{number}." + "x" * 240, "TXT", "nxdomain")
    answers, cut = evidence.answers()
    assert cut
    assert len(msgspec.json.encode(answers)) <= OCTETS
