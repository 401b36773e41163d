"""Certificates: trust, validity, revocation, usage, algorithms; and what a time-stamp proves about them."""

from typing import Any

from tests.pdf_corpus import documents as d
from tests.pdf_corpus.authorities import Fault
from tests.pdf_corpus.case import Case, World, at, failed, passed, unclear

LATER = "earlier revision"


def plain(w: World, name: str, **options: Any) -> bytes:
    return w.maker.sign(d.plain(), w.who[name], **options)


def long(
    w: World,
    name: str,
    signed: float,
    *,
    stamp: str | None = "TSA",
    asked: float | None = None,
    archived: float | None = None,
    archive: str = "TSA",
    fault: Fault = "",
    kinds: str = "ocsp crl",
    **options: Any,
) -> bytes:
    """Signed on a day; its revocation data asked for on another; time-stamped for the archive on a third."""
    pdf = w.maker.at(signed).sign(d.plain(), w.who[name], stamp=stamp, **options)
    if asked is not None:
        w.maker.at(asked)
        w.maker.desk.fault = fault
        stampers = {each for each in (stamp, archive if archived is not None else None) if each}
        pdf = w.maker.add_dss(pdf, w.who[name], *(w.who[each] for each in sorted(stampers)), kinds=kinds)
        w.maker.desk.fault = ""
    if archived is not None:
        pdf = w.maker.at(archived).stamp(pdf, archive)
    return pdf


def now(w: World, name: str, **options: Any) -> bytes:
    """Signed now, with revocation data of now."""
    return long(w, name, 0, asked=0, **options)


def held(w: World, name: str, day: float) -> bytes:
    """With a content time-stamp of that day: it was signed no sooner."""
    pdf = w.maker.at(day).sign(d.plain(), w.who[name], content_stamp="TSA")
    return w.maker.at(0).add_dss(pdf, w.who[name], w.who["TSA"])


TRUST = (
    Case(
        "self-signed",
        "5.2.6.4: no chain to an anchor",
        lambda w: plain(w, "Self-Signed"),
        (unclear("NO_CERTIFICATE_CHAIN_FOUND"),),
    ),
    Case("untrusted", "5.2.6.4", lambda w: plain(w, "Stranger"), (unclear("NO_CERTIFICATE_CHAIN_FOUND"),)),
    Case(
        "issuer-not-in-the-file",
        "5.2.6.4",
        lambda w: plain(w, "Signer", leave_out_issuers=True),
        (unclear("NO_CERTIFICATE_CHAIN_FOUND"),),
    ),
    Case(
        "issuer-only-in-the-store",
        "5.2.6.4",
        lambda w: w.maker.add_dss(plain(w, "Signer", leave_out_issuers=True), w.who["Signer"]),
        (passed(LATER, "2/3"),),
    ),
    Case(
        "issuer-is-no-authority",
        "5.2.6.4, RFC 5280 6.1.4 (k)",
        lambda w: plain(w, "Of-No-CA"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE"),),
    ),
    Case(
        "issuer-may-not-sign-certificates",
        "5.2.6.4, RFC 5280 6.1.4 (n)",
        lambda w: plain(w, "Of-CA-Without-Usage"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE"),),
    ),
    Case(
        "path-too-long",
        "5.2.6.4, RFC 5280 6.1.4 (l)",
        lambda w: plain(w, "Too-Deep"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE"),),
    ),
    Case(
        "outside-name-constraints",
        "5.2.6.4, RFC 5280 6.1.3 (b)",
        lambda w: plain(w, "Outside-Constraint"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE"),),
    ),
    Case(
        "unknown-critical-extension",
        "5.2.6.4, RFC 5280 6.1.5 (f)",
        lambda w: plain(w, "Unknown-Critical"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE"),),
    ),
    Case(
        "issuer-expired",
        "5.2.6.4",
        lambda w: plain(w, "Of-Expired-CA"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE"),),
    ),
)

USAGE = (
    Case(
        "usage-encipherment",
        "5.2.6.4: chain constraints",
        lambda w: plain(w, "Encipherer"),
        (unclear("CHAIN_CONSTRAINTS_FAILURE"),),
    ),
    Case(
        "usage-crl-signing",
        "5.2.6.4: chain constraints",
        lambda w: plain(w, "CRL-Usage"),
        (unclear("CHAIN_CONSTRAINTS_FAILURE"),),
    ),
    Case(
        "usage-not-stated",
        "5.2.6.4: chain constraints, EN 319 412-2 4.3.2",
        lambda w: plain(w, "No-Usage"),
        (unclear("CHAIN_CONSTRAINTS_FAILURE"),),
    ),
    Case(
        "extended-usage-server",
        "5.2.6.4: chain constraints",
        lambda w: plain(w, "Server"),
        (unclear("CHAIN_CONSTRAINTS_FAILURE"),),
    ),
    Case(
        "extended-usage-time-stamping",
        "5.2.6.4: chain constraints",
        lambda w: now(w, "TSA"),
        (unclear("CHAIN_CONSTRAINTS_FAILURE", LATER, "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "extended-usage-server-expired-but-proven",
        "5.2.6.4 with 5.6.2.4: time changes no usage",
        lambda w: long(w, "Expired-Server", -500, asked=-500, archived=-499),
        (unclear("CHAIN_CONSTRAINTS_FAILURE", LATER, "2/4", "B-LTA", "timestamp"), at("4/4")),
    ),
    Case(
        "extended-usage-server-revoked-after-the-stamp",
        "5.2.6.4 with 5.5.4: time changes no usage",
        lambda w: long(w, "Revoked-Server", -60, asked=0),
        (unclear("CHAIN_CONSTRAINTS_FAILURE", LATER, "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "archive-stamp-of-no-authority-proven-by-a-later-one",
        "5.2.6.4 with 5.6.2.2, RFC 3161 2.3: time changes no usage",
        lambda w: w.maker.at(-10).stamp(
            w.maker.at(-30).add_dss(
                long(w, "Expired", -500, asked=-500, archived=-499, archive="Expired-TSA-Without-Usage"), w.who["TSA"]
            ),
            name="Stamp2",
        ),
        (
            passed(LATER, "2/6", "B-LTA", "timestamp"),
            unclear("CHAIN_CONSTRAINTS_FAILURE", LATER, "4/6", None),
            at("6/6"),
        ),
    ),
    Case("extended-usage-mail", "5.2.6.4", lambda w: plain(w, "Mail"), (passed(),)),
    Case("extended-usage-document", "5.2.6.4, RFC 9336", lambda w: plain(w, "Document"), (passed(),)),
)

VALIDITY = (
    Case(
        "expired-without-revocation-data",
        "5.2.6.4",
        lambda w: plain(w, "Expired-Plain"),
        (unclear("OUT_OF_BOUNDS_NO_POE"),),
    ),
    Case(
        "expired-not-revoked",
        "5.2.6.4",
        lambda w: long(w, "Expired", -500, stamp=None, asked=-400),
        (unclear("OUT_OF_BOUNDS_NOT_REVOKED", LATER, "2/3"),),
    ),
    Case(
        "expired-revoked-answer-forged",
        "5.2.6.4",
        lambda w: long(w, "Expired", -500, stamp=None, asked=-400, fault="forged"),
        (unclear("OUT_OF_BOUNDS_NO_POE", LATER, "2/3"),),
    ),
    Case(
        "expired-proven-by-archive",
        "5.6.2.4",
        lambda w: long(w, "Expired", -500, asked=-500, archived=-499),
        (passed(LATER, "2/4", "B-LTA", "timestamp"), at("4/4")),
    ),
    Case(
        "expired-proven-by-document-time-stamp-alone",
        "5.6.2.4, EN 319 142-1 6.3",
        lambda w: long(w, "Expired", -500, stamp=None, asked=-500, archived=-499),
        (passed(LATER, "2/4", "B-LTA", "timestamp"), at("4/4")),
    ),
    Case(
        "expired-stamped-but-answers-unproven",
        "5.6.2.4: the verdict of now stands",
        lambda w: long(w, "Expired", -500, asked=-500),
        (unclear("OUT_OF_BOUNDS_NOT_REVOKED", LATER, "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "expired-proven-but-answered-by-the-root-itself",
        "5.6.2.4; deviation ROOT-ANSWERS",
        lambda w: long(w, "Of-Answering-CA", -500, asked=-500, archived=-499),
        (unclear("OUT_OF_BOUNDS_NOT_REVOKED", LATER, "2/4", "B-LTA", "timestamp"), at("4/4")),
    ),
    Case(
        "expired-stamped-after-expiry",
        "5.5.4",
        lambda w: long(w, "Expired", -50, asked=-400, archived=-49),
        (unclear("OUT_OF_BOUNDS_NOT_REVOKED", LATER, "2/4", "B-LTA", "timestamp"), at("4/4")),
    ),
    Case(
        "expired-before-content-stamp",
        "5.3.4 step 4: proven to be too late",
        lambda w: held(w, "Expired", -50),
        (failed("EXPIRED", LATER, "2/3"),),
    ),
    Case("not-yet-valid", "5.2.6.4", lambda w: plain(w, "Not-Yet-Plain"), (unclear("OUT_OF_BOUNDS_NO_POE"),)),
    Case(
        "signed-before-valid",
        "5.5.4: proven to be too early",
        lambda w: long(w, "Not-Yet", -10, asked=0),
        (failed("NOT_YET_VALID", LATER, "2/3", "timestamp"),),
    ),
    Case(
        "certificate-younger-than-the-proof",
        "5.6.2.4",
        lambda w: long(w, "Young", -50, asked=0),
        (passed(LATER, "2/3", "B-LT", "timestamp"),),
    ),
)

REVOCATION = (
    Case("revoked", "5.2.6.4", lambda w: now(w, "Revoked", stamp=None), (unclear("REVOKED_NO_POE", LATER, "2/3"),)),
    Case(
        "revoked-by-list",
        "5.2.6.4",
        lambda w: now(w, "Revoked-By-CRL", stamp=None),
        (unclear("REVOKED_NO_POE", LATER, "2/3"),),
    ),
    Case(
        "revoked-superseded",
        "5.2.6.4",
        lambda w: now(w, "Superseded", stamp=None),
        (unclear("REVOKED_NO_POE", LATER, "2/3"),),
    ),
    Case(
        "revoked-before-the-stamp",
        "5.5.4",
        lambda w: now(w, "Revoked"),
        (unclear("REVOKED_NO_POE", LATER, "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "revoked-after-the-stamp",
        "5.5.4",
        lambda w: long(w, "Revoked", -60, asked=0),
        (passed(LATER, "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "revoked-after-the-archive-stamp",
        "5.6.2.4",
        lambda w: w.maker.at(0).add_dss(
            long(w, "Revoked", -60, asked=-60, archived=-59), w.who["Revoked"], w.who["TSA"]
        ),
        (passed(LATER, "2/5", "B-LTA", "timestamp"), passed(LATER, "4/5", None, "timestamp")),
    ),
    Case(
        "revoked-proven-by-document-time-stamp-alone",
        "5.6.2.4",
        lambda w: w.maker.at(0).add_dss(
            long(w, "Revoked", -60, stamp=None, asked=-60, archived=-59), w.who["Revoked"], w.who["TSA"]
        ),
        (passed(LATER, "2/5", "B-LTA", "timestamp"), passed(LATER, "4/5", None, "timestamp")),
    ),
    Case(
        "revoked-before-content-stamp",
        "5.3.4 step 3: proven to be too late",
        lambda w: held(w, "Revoked", -10),
        (failed("REVOKED", LATER, "2/3"),),
    ),
    Case(
        "on-hold",
        "5.2.6.4: it may come back",
        lambda w: now(w, "On-Hold", stamp=None),
        (unclear("TRY_LATER", LATER, "2/3"),),
    ),
    Case(
        "issuer-revoked",
        "5.2.6.4",
        lambda w: now(w, "Of-Revoked-CA", stamp=None),
        (unclear("REVOKED_CA_NO_POE", LATER, "2/3"),),
    ),
    Case(
        "issuer-revoked-after-the-archive-stamp",
        "5.6.2.4",
        lambda w: w.maker.at(0).add_dss(
            long(w, "Of-Revoked-CA", -60, asked=-60, archived=-59), w.who["Of-Revoked-CA"], w.who["TSA"]
        ),
        (passed(LATER, "2/5", "B-LTA", "timestamp"), passed(LATER, "4/5", None, "timestamp")),
    ),
    Case(
        "answer-stale",
        "5.2.5: not fresh",
        lambda w: now(w, "OCSP-Signer", stamp=None, fault="stale"),
        (unclear("TRY_LATER", LATER, "2/3"),),
    ),
    Case(
        "list-stale",
        "5.2.5: not fresh",
        lambda w: now(w, "CRL-Signer", stamp=None, fault="stale"),
        (unclear("TRY_LATER", LATER, "2/3"),),
    ),
    Case(
        "answer-unknown",
        "5.2.6.4, RFC 6960 2.2",
        lambda w: now(w, "OCSP-Signer", stamp=None, fault="unknown"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE", LATER, "2/3"),),
    ),
    Case(
        "answer-forged",
        "5.2.6.4, RFC 6960 4.2.2.2",
        lambda w: now(w, "OCSP-Signer", stamp=None, fault="forged"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE", LATER, "2/3"),),
    ),
    Case(
        "list-forged",
        "5.2.6.4, RFC 5280 6.3.3 (g)",
        lambda w: now(w, "CRL-Signer", stamp=None, fault="forged"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE", LATER, "2/3"),),
    ),
    Case(
        "answer-of-the-future",
        "5.2.5",
        lambda w: now(w, "OCSP-Signer", stamp=None, fault="not yet"),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE", LATER, "2/3"),),
    ),
)

STAMPS = (
    Case(
        "stamp-nobody-trusts",
        "5.5.4: no evidence either way",
        lambda w: plain(w, "Plain", stamp="Stranger-TSA"),
        (passed(level="B-T"),),
    ),
    Case(
        "stamp-nobody-trusts-on-an-expired-one",
        "5.5.4",
        lambda w: long(w, "Expired-Plain", -500, stamp="Stranger-TSA"),
        (unclear("OUT_OF_BOUNDS_NO_POE", level="B-T"),),
    ),
    Case(
        "stamp-of-something-else",
        "5.4, EN 319 122-1 5.3",
        lambda w: plain(w, "Plain", stamp="TSA", wrong_imprint=True),
        (passed(),),
    ),
    Case(
        "stamp-without-usage",
        "5.4, RFC 3161 2.3",
        lambda w: now(w, "Plain", stamp="TSA-Without-Usage"),
        (passed(LATER, "2/3", "B-LT"),),
    ),
    Case(
        "stamp-of-a-revoked-authority",
        "5.4",
        lambda w: now(w, "Plain", stamp="Revoked-TSA"),
        (passed(LATER, "2/3", "B-LT"),),
    ),
    Case(
        "stamp-of-an-expired-authority",
        "5.5.4",
        lambda w: long(w, "Plain", -60, stamp="Expired-TSA", asked=-60),
        (passed(LATER, "2/3", "B-LT"),),
    ),
    Case(
        "archive-stamp-of-an-expired-authority",
        "5.6.2.2",
        lambda w: long(w, "Expired", -500, asked=-500, archived=-499, archive="Expired-TSA"),
        (
            unclear("OUT_OF_BOUNDS_NOT_REVOKED", LATER, "2/4", "B-LTA", "timestamp"),
            unclear("OUT_OF_BOUNDS_NO_POE", "whole", "4/4", None),
        ),
    ),
    Case(
        "archive-stamp-proven-by-a-later-one",
        "5.6.2.2",
        lambda w: w.maker.at(-30).stamp(
            w.maker.at(-30).add_dss(
                long(w, "Expired", -500, asked=-500, archived=-499, archive="Expired-TSA"),
                w.who["Expired-TSA"],
                w.who["TSA"],
            ),
            name="Stamp2",
        ),
        (
            passed(LATER, "2/6", "B-LTA", "timestamp"),
            passed(LATER, "4/6", None, "timestamp"),
            at("6/6"),
        ),
    ),
)

ALGORITHMS = (
    Case("md5", "5.2.8.4", lambda w: plain(w, "RSA-Plain", digest="md5"), (unclear("CRYPTO_CONSTRAINTS_FAILURE"),)),
    Case(
        "sha1", "5.2.8.4", lambda w: plain(w, "Plain", digest="sha1"), (unclear("CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),)
    ),
    Case("rsa-1024", "5.2.8.4", lambda w: plain(w, "RSA-1024"), (unclear("CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),)),
    Case(
        "certificate-signed-with-sha1",
        "5.2.6.4: chain constraints",
        lambda w: plain(w, "SHA1-Certificate"),
        (unclear("CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),),
    ),
    Case(
        "sha1-stamped-now",
        "5.5.4",
        lambda w: now(w, "Signer", digest="sha1"),
        (unclear("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", LATER, "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "sha1-proven-to-be-old",
        "5.6.2.4: proven from when it was good",
        lambda w: long(w, "Old", -5800, asked=-5800, archived=-5799, digest="sha1"),
        (passed(LATER, "2/4", "B-LTA", "timestamp"), at("4/4")),
    ),
    Case(
        "certificate-attribute-by-sha1",
        "5.2.3.4, EN 319 122-1 5.2.2.2",
        lambda w: plain(w, "Plain", attribute="v1"),
        (passed(),),
    ),
)


CASES = (*TRUST, *USAGE, *VALIDITY, *REVOCATION, *STAMPS, *ALGORITHMS)
