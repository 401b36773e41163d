"""Which URLs and addresses may be asked: the rules against server-side request forgery, one by one."""

from ipaddress import ip_address

import pytest

from services.sign.fetch_addresses import Hosts, Target, public, target
from services.sign.fetch_questions import URL_OCTETS, NotFetchedError

NOBODY = Hosts(())

PUBLIC = ["8.8.8.8", "1.1.1.1", "122.155.0.1", "2001:4860:4860::8888", "2606:4700::1111", "2400:cb00::1"]
OTHER = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "ff02::1", "5f00::1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_asked(text: str) -> None:
    assert public(ip_address(text))


@pytest.mark.parametrize("text", OTHER)
def test_no_other_address_is(text: str) -> None:
    assert not public(ip_address(text))


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://crl.example.go.th/a.crl", Target(False, "crl.example.go.th", 80, "/a.crl", False)),
        ("HTTP://CRL.Example.go.th.", Target(False, "crl.example.go.th", 80, "/", False)),
        ("https://ocsp.example:443?x=1", Target(True, "ocsp.example", 443, "/?x=1", False)),
        ("http://ocsp.example:443/", Target(False, "ocsp.example", 443, "/", False)),
        ("http://8.8.8.8/%41;b#c", Target(False, "8.8.8.8", 80, "/%41;b", False)),
        ("http://[2606:4700::1111]/", Target(False, "2606:4700::1111", 80, "/", False)),
    ],
)
def test_urls_of_http_are_read(url: str, found: Target) -> None:
    assert target(url, NOBODY) == found


@pytest.mark.parametrize(
    "url",
    [
        "", "crl.example", "//crl.example/a", "file:///etc/passwd", "FILE://localhost/etc/passwd", "ftp://crl.example/",
        "gopher://127.0.0.1:25/_HELO", "ldap://crl.example/cn=x", "data:text/plain,x", "jar:http://crl.example!/",
        "http:///a", "http://", "http://user@crl.example/", "http://user:pass@crl.example/", "http://:@crl.example/",
        "http://crl.example:25/", "http://crl.example:22/", "http://crl.example:8080/", "http://crl.example:0/",
        "http://crl.example:99999/", "http://crl.example:x/", "http://crl.example:-80/", "http://a b/",
        "http://crl.example/a b", "http://crl.example/\r\nHost: x", "http://crl.example\\@127.0.0.1/", "http://ก.ไทย/",
        "http://crl.example/ก", "http://crl%2eexample/", "http://[::1", "http://[fe80::1%25eth0]/", "http://[crl.example]/",
        "http://crl..example/", "http://-crl.example/", "http://" + "a" * 64 + ".example/", "http://crl.example/\x00",
        "http://crl.example/" + "a" * URL_OCTETS,
    ],
)  # fmt: skip
def test_nothing_else_is_a_url(url: str) -> None:
    with pytest.raises(NotFetchedError) as refused:
        target(url, NOBODY)
    assert refused.value.cause == "address"


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.example"])
def test_other_spellings_of_an_address_are_names(host: str) -> None:
    """They are asked of the DNS, which has no such name; no C library gets to read them."""
    assert target(f"http://{host}/", NOBODY).host == host


def test_what_the_operator_names_is_named_with_its_port_alone() -> None:
    hosts = Hosts(["OCSP.internal", "crl.internal:8080", "[fd00::1]:81", "10.0.0.7"])
    assert target("http://ocsp.internal/", hosts).named
    assert target("https://ocsp.internal/", hosts).named
    assert target("http://crl.internal:8080/", hosts).named
    assert target("http://[fd00::1]:81/", hosts).named
    assert target("http://10.0.0.7/", hosts).named
    assert not target("http://crl.internal/", hosts).named
    assert not target("http://x.ocsp.internal/", hosts).named
    for url in ("http://ocsp.internal:8080/", "http://crl.internal:81/", "http://10.0.0.7:22/"):
        with pytest.raises(NotFetchedError):
            target(url, hosts)


@pytest.mark.parametrize(
    "entry", ["", "http://crl.internal/", "crl.internal:x", "crl.internal:99999", "a b", "*.internal"]
)
def test_an_entry_of_another_form_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=r"HOST"):
        Hosts([entry])
