"""Mode behind: the hop before the agency's own server, in the hand of many servers."""

import pytest

from services.ingest.networks import contains
from services.ingest.upstream import hop_before

OURS = ("10.0.0.0/8", "2001:db8:1::/48")
TIME = "; Fri, 20 Nov 2026 16:29:58 +0700"


@pytest.mark.parametrize(
    ("field", "address", "helo"),
    [
        (
            "from mail.x.test (mail.x.test [203.0.113.7]) by mx.a.test (Postfix) with ESMTPS id 1",
            "203.0.113.7",
            "mail.x.test",
        ),
        (
            "from mail.x.test (203.0.113.7) by EX1.a.test (10.1.1.1) with Microsoft SMTP Server",
            "203.0.113.7",
            "mail.x.test",
        ),
        ("from unknown (HELO mail.x.test) (203.0.113.7) by 0 with SMTP", "203.0.113.7", "mail.x.test"),
        ("from [203.0.113.7] (helo=mail.x.test) by mx.a.test with esmtp (Exim 4.96)", "203.0.113.7", "mail.x.test"),
        ("from [198.51.100.1] (mail.x.test [203.0.113.7]) by mx.a.test (Postfix)", "203.0.113.7", "[198.51.100.1]"),
        ("from mail.x.test ([203.0.113.7]) by mx.a.test with ESMTP", "203.0.113.7", "mail.x.test"),
        ("from x (x [IPv6:2001:db8:9::7]) by mx.a.test with ESMTP", "2001:db8:9::7", "x"),
        ("from x.test by mx.a.test with ESMTP", "", "x.test"),
        ("by mx.a.test id 12", "", ""),
    ],
)
def test_the_forms_of_common_servers(field: str, address: str, helo: str) -> None:
    found = hop_before([(field + TIME).encode()], OURS)
    assert (found.address, found.helo, found.received_at) == (address, helo, "2026-11-20T16:29:58+07:00")


def test_the_agency_s_own_servers_are_skipped() -> None:
    fields = [
        b"from a (a [10.0.0.1]) by b; Fri, 20 Nov 2026 16:30:01 +0700",
        b"from c (c [2001:db8:1::5]) by a; Fri, 20 Nov 2026 16:30:00 +0700",
        b"from out (out [203.0.113.7]) by c; Fri, 20 Nov 2026 16:29:59 +0700",
        b"from forged (forged [198.51.100.1]) by out; Fri, 20 Nov 2026 10:00:00 +0700",
    ]
    found = hop_before(fields, OURS)
    assert (found.address, found.received_at) == ("203.0.113.7", "2026-11-20T16:29:59+07:00")


def test_who_names_only_itself_names_nobody() -> None:
    assert hop_before([b"from a (a [10.0.0.1]) by b; x"] * 20, OURS).address == ""
    assert hop_before([], OURS).address == ""


@pytest.mark.parametrize(
    "date", ["", "; no date", "; Fri, 99 Nov 2026 16:29:58 +0700", "; Fri, 20 Nov 99999 1:1:1 +0700"]
)
def test_a_time_that_is_none_is_left_empty(date: str) -> None:
    assert hop_before([f"from x (x [203.0.113.7]) by y{date}".encode()], OURS).received_at == ""


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        (("192.0.2.0/24",), "192.0.2.9", True),
        (("192.0.2.0/24",), "192.0.3.9", False),
        (("192.0.2.0/24",), "::ffff:192.0.2.9", True),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("nonsense", "192.0.2.0/24"), "192.0.2.9", True),
        (("192.0.2.0/24",), "", False),
    ],
)
def test_networks(networks: tuple[str, ...], address: str, inside: bool) -> None:
    assert contains(networks, address) is inside
