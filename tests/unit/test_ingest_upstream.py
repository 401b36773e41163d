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
        # Exim with ports and keywords; what is behind `helo=` and `ident=` the client said.
        (
            "from [203.0.113.7]:4025 (helo=mail.x.test) by mx.a.test with esmtp (Exim 4.97)",
            "203.0.113.7",
            "mail.x.test",
        ),
        ("from [203.0.113.7] (helo=[198.51.100.1]) by mx.a.test with esmtp", "203.0.113.7", "[198.51.100.1]"),
        (
            "from mail.x.test ([203.0.113.7]:4025 helo=198.51.100.1 ident=198.51.100.2) by mx.a.test with esmtps",
            "203.0.113.7",
            "198.51.100.1",
        ),
        ("from mail.x.test ([2001:db8:9::7]:4025) by mx.a.test with esmtps (TLS1.3)", "2001:db8:9::7", "mail.x.test"),
        ("from [2001:db8:9::7] (port=4025 helo=x) by mx.a.test with esmtp", "2001:db8:9::7", "x"),
        # sendmail: a comment in the comment, and an ident answer.
        (
            "from [198.51.100.1] (mail.x.test [203.0.113.7] (may be forged)) by mx.a.test (8.17.1/8.17.1) with ESMTP",
            "203.0.113.7",
            "[198.51.100.1]",
        ),
        ("from x (root@mail.x.test [IPv6:2001:db8:9::7]) by mx.a.test (8.17.1) with ESMTPS", "2001:db8:9::7", "x"),
        # qmail, and those who write EHLO.
        ("from unknown (HELO [198.51.100.1]) (203.0.113.7) by mx.a.test with SMTP", "203.0.113.7", "[198.51.100.1]"),
        ("from unknown (HELO x) (ident@203.0.113.7) by mx.a.test with SMTP", "203.0.113.7", "x"),
        ("from mail.x.test (EHLO 198.51.100.1) ([203.0.113.7]) by mx.a.test with ESMTP", "203.0.113.7", "198.51.100.1"),
        # Exchange.
        (
            "from mail.x.test (2001:db8:9::7) by EX1.a.test (2001:db8:1::1) with Microsoft SMTP Server (version=TLS1_2,"
            " cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.1.2507.39 via Frontend Transport",
            "2001:db8:9::7",
            "mail.x.test",
        ),
        # Postfix with TLS, a name that is none, a mapped address (Courier).
        (
            "from mail.x.test (unknown [203.0.113.7]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
            " key-exchange X25519 server-signature RSA-PSS (2048 bits)) (No client certificate requested)"
            " by mx.a.test (Postfix) with ESMTPS id 4",
            "203.0.113.7",
            "mail.x.test",
        ),
        ("from x (x [::ffff:203.0.113.7]) by mx.a.test with ESMTP", "203.0.113.7", "x"),
        ("from x (x [203.0.113.7] (AS64500 X, TH)) by mx.a.test with ESMTPS", "203.0.113.7", "x"),
        ("from by (by.x.test [203.0.113.7]) by mx.a.test with ESMTP", "203.0.113.7", "by"),
        ("from x (198.51.100.1.x.test [203.0.113.7]) by mx.a.test with ESMTP", "203.0.113.7", "x"),
        # What is cut or broken names nobody.
        ("from x (x [203.0.113.7", "", "x"),
        ("from x (x [203.0.113.999]) by y", "", "x"),
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


def test_what_a_server_hands_itself_is_no_hop() -> None:
    """A content filter on the loopback, the roles of Exchange among themselves."""
    fields = [
        b"from EX1.a.test (10.1.1.1) by EX2.a.test (10.1.1.2) with SMTP; Fri, 20 Nov 2026 16:30:02 +0700",
        b"from EX1.a.test ([fe80::4d3:1a2b%12]) by EX1.a.test ([fe80::4d3:1a2b%12]) with mapi id 15.1; x",
        b"from EX1.a.test (::1) by EX1.a.test (::1) with Microsoft SMTP Server; Fri, 20 Nov 2026 16:30:01 +0700",
        b"from localhost (localhost [127.0.0.1]) by mx.a.test (Postfix) with ESMTP; Fri, 20 Nov 2026 16:30:00 +0700",
        b"from mail.x.test (mail.x.test [203.0.113.7]) by mx.a.test; Fri, 20 Nov 2026 16:29:59 +0700 (ICT)",
    ]
    found = hop_before(fields, OURS)
    assert (found.address, found.received_at) == ("203.0.113.7", "2026-11-20T16:29:59+07:00")


def test_a_field_of_brackets_without_end_costs_nothing() -> None:
    assert hop_before([b"from " + b"(" * 60_000 + b"[203.0.113.7]" + b")" * 60_000], OURS).address == ""


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
