"""What is wrong in an agency is said in a sentence, before it is kept."""

import msgspec
import pytest

from contracts.directory import Agency, problems

GOOD = {
    "id": "demo",
    "name": "เทศบาลตำบลตัวอย่าง",
    "domains": [{"name": "demo.localhost"}],
    "addresses": ["saraban@demo.localhost"],
}


def agency(**changes: object) -> Agency:
    return msgspec.convert(GOOD | changes, Agency)


def test_a_plain_agency_has_no_problem() -> None:
    assert problems(agency()) == []


def test_a_full_agency_has_none_either() -> None:
    full = agency(
        domains=[{"name": "demo.localhost"}, {"name": "ตัวอย่าง.ไทย", "mode": "behind", "upstreams": ["192.0.2.0/24"]}],
        addresses=["saraban@demo.localhost", "Clerk@Demo.Localhost", "สารบรรณ@ตัวอย่าง.ไทย"],
        officers=[{"id": "a", "name": "ก", "position": "ข"}],
        roster=[{"officer": "a", "weekdays": [0, 1]}],
        first={"received/2569": 8432},
        number_format="ทต ร/{year_th}/{number_th:0>5}",
        hours={"opens": "08:00", "closes": "16:00"},
    )
    assert problems(full) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"addresses": ["saraban@other.test"]},
            "addresses: 'saraban@other.test' is not on one of the agency's domains",
        ),
        ({"addresses": ["saraban"]}, "addresses: 'saraban' is not on one of the agency's domains"),
        ({"addresses": ["@demo.localhost"]}, "addresses: '@demo.localhost' is not on one of the agency's domains"),
        (
            {"domains": [{"name": "demo.localhost", "mode": "behind"}]},
            "domains: 'demo.localhost' is in mode behind, but names no upstream networks",
        ),
        (
            {"domains": [{"name": "demo.localhost", "mode": "shared"}]},
            "domains: 'demo.localhost': mode shared and next_hop go together",
        ),
        ({"roster": [{"officer": "nobody"}]}, "roster: nobody is called 'nobody'"),
        ({"first": {"received": 5}}, "first: 'received' is not <series>/<Buddhist year>"),
        ({"first": {"sent/2569": 5}}, "first: 'sent/2569' is not <series>/<Buddhist year>"),
        ({"hours": {"opens": "16:30", "closes": "16:30"}}, "hours: opens must be before closes"),
        (
            {"number_format": "{number}/{month}"},
            "number_format: '{number}/{month}' uses a name other than number, year, number_th, year_th",
        ),
        (
            {"number_format": "{number"},
            "number_format: '{number' uses a name other than number, year, number_th, year_th",
        ),
        (
            {"number_format": "{number.real}"},
            "number_format: '{number.real}' uses a name other than number, year, number_th, year_th",
        ),
        (
            {"number_format": "{number}{}"},
            "number_format: '{number}{}' uses a name other than number, year, number_th, year_th",
        ),
        ({"first": {"received/๒๕๖๙": 5}}, "first: 'received/๒๕๖๙' is not <series>/<Buddhist year>"),
        ({"hours": {"weekdays": []}}, "hours: no working day; nothing would ever be deemed received"),
        ({"overlay": {"closed": {"2026-02-30": "?"}}}, "overlay: '2026-02-30' is no day of the calendar"),
        ({"overlay": {"open": {"2569-05-01": "?"}}}, "overlay: '2569-05-01' is no day of the calendar"),
        (
            {"overlay": {"open": {"2026-05-01": "a"}, "closed": {"2026-05-01": "b"}}},
            "overlay: '2026-05-01' is both closed and open",
        ),
        (
            {"domains": [{"name": "demo.localhost", "mode": "behind", "upstreams": ["192.0.2.1/24"]}]},
            "domains: 'demo.localhost': '192.0.2.1/24' is no network such as 192.0.2.0/24",
        ),
        ({"domains": [{"name": "demo.localhost"}] * 2}, "domains: 'demo.localhost' is there twice"),
        ({"addresses": ["a@demo.localhost", "A@demo.localhost"]}, "addresses: 'a@demo.localhost' is there twice"),
        ({"mailboxes": [{"address": "office"}]}, "mailboxes: 'office' is no address"),
        ({"registrar": "someone"}, "registrar: 'someone' is no address"),
        (
            {"officers": [{"id": "a", "name": "ก", "position": "ข", "valid_until": "2026-13-01"}]},
            "officers: '2026-13-01' is no day of the calendar",
        ),
        ({"officers": [{"id": "a", "name": "ก", "position": "ข"}] * 2}, "officers: 'a' is there twice"),
        ({"number_format": "{year}"}, "number_format: has no {number} or {number_th}"),
    ],
)
def test_each_mistake_has_its_sentence(changes: dict[str, object], sentence: str) -> None:
    assert sentence in problems(agency(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "blue"},
        {"id": "has.dot"},
        {"domains": []},
        {"addresses": []},
        {"name": ""},
        {"hours": {"opens": "8:30"}},
        {"domains": [{"name": "demo localhost"}]},
        {"first": {"received/2569": 0}},
    ],
)
def test_what_is_no_agency_is_refused_when_it_is_read(changes: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        agency(**changes)


def test_token_addresses_live_on_the_return_domain_or_the_first() -> None:
    assert agency().bounce_domain == "demo.localhost"
    assert agency(return_domain="bounce.example.org").bounce_domain == "bounce.example.org"


def test_a_book_begins_where_the_directory_says_or_at_one() -> None:
    found = agency(first={"received/2569": 8432})
    assert found.first_number("received", 2569) == 8432
    assert found.first_number("received", 2570) == 1
    assert found.first_number("general", 2569) == 1
