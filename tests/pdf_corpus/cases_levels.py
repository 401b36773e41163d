"""Baseline levels and kinds of signatures."""

from typing import Any

from pyhanko.pdf_utils.writer import copy_into_new_writer

from tests.pdf_corpus import documents as d
from tests.pdf_corpus.case import NOT_CHECKED, Case, World, at, failed, passed, unclear
from tests.pdf_corpus.making import reader


def lt(w: World, name: str = "Signer", *, stamp: str = "Checked-TSA", **options: Any) -> bytes:
    """A signature with time-stamp and all revocation data."""
    signed = w.maker.sign(d.plain(), w.who[name], stamp=stamp, **options)
    return w.maker.add_dss(signed, w.who[name], w.who[stamp])


def lta(w: World, name: str = "Signer", **options: Any) -> bytes:
    """The same with an archive time-stamp."""
    return w.maker.stamp(lt(w, name, **options))


def encrypted(w: World, user: str, *, after: bool) -> bytes:
    """A signed file that is encrypted, with an empty password or another."""
    import io

    writer: Any = copy_into_new_writer(reader(d.plain()))
    writer.encrypt(owner_pass="owner", user_pass=user, pdf_mac=False)
    out = io.BytesIO()
    writer.write(out)
    if not after:
        return out.getvalue()
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    from tests.pdf_corpus.making import Form

    opened: Any = IncrementalPdfFileWriter(io.BytesIO(out.getvalue()))
    opened.encrypt(user)
    return w.maker.sign_into(opened, w.who["Plain"], Form())


CASES = (
    Case("b-b", "5.3.4", lambda w: w.maker.sign(d.plain(), w.who["Plain"]), (passed(),)),
    Case("b-b-xref-streams", "5.3.4", lambda w: w.maker.sign(d.plain(xref_streams=True), w.who["Plain"]), (passed(),)),
    Case(
        "b-b-revocation-not-carried",
        "5.2.6.4: the path cannot be validated",
        lambda w: w.maker.sign(d.plain(), w.who["Signer"]),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE"),),
    ),
    Case(
        "b-t",
        "5.5.4",
        lambda w: w.maker.sign(d.plain(), w.who["Plain"], stamp="TSA"),
        (passed("whole", "2/2", "B-T", "timestamp"),),
    ),
    Case(
        "b-t-with-store-of-the-authority",
        "5.5.4",
        lambda w: w.maker.add_dss(w.maker.sign(d.plain(), w.who["Plain"], stamp="TSA"), w.who["TSA"]),
        (passed("earlier revision", "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "b-t-by-document-time-stamp",
        "5.6.3, EN 319 142-1 6.3",
        lambda w: w.maker.stamp(w.maker.add_dss(w.maker.sign(d.plain(), w.who["Plain"]), w.who["TSA"])),
        (passed("earlier revision", "2/4", "B-LTA", "timestamp"), at("4/4")),
    ),
    Case("b-lt", "5.6.3", lt, (passed("earlier revision", "2/3", "B-LT", "timestamp"),)),
    Case(
        "b-lt-by-lists",
        "5.6.3",
        lambda w: lt(w, "CRL-Signer"),
        (passed("earlier revision", "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "b-lt-by-answers",
        "5.6.3",
        lambda w: lt(w, "OCSP-Signer"),
        (passed("earlier revision", "2/3", "B-LT", "timestamp"),),
    ),
    Case(
        "b-lt-without-the-signers-answer",
        "5.2.6.4, EN 319 142-1 6.3",
        lambda w: w.maker.add_dss(w.maker.sign(d.plain(), w.who["Signer"], stamp="TSA"), w.who["TSA"]),
        (unclear("CERTIFICATE_CHAIN_GENERAL_FAILURE", "earlier revision", "2/3", "B-T", "timestamp"),),
    ),
    Case(
        "b-lt-without-the-authoritys-list",
        "5.2.6.4, EN 319 142-1 6.3",
        lambda w: w.maker.add_dss(w.maker.sign(d.plain(), w.who["Plain"], stamp="Checked-TSA"), w.who["Plain"]),
        (passed("earlier revision", "2/3", "B-T"),),
    ),
    Case("b-lta", "5.6.3", lta, (passed("earlier revision", "2/4", "B-LTA", "timestamp"), at("4/4"))),
    Case(
        "b-lta-twice",
        "5.6.3",
        lambda w: w.maker.stamp(w.maker.add_dss(lta(w), w.who["TSA"]), name="Stamp2"),
        (
            passed("earlier revision", "2/6", "B-LTA", "timestamp"),
            passed("earlier revision", "4/6", None, "timestamp"),
            at("6/6"),
        ),
    ),
    Case(
        "archive-stamp-before-the-store",
        "EN 319 142-1 6.3 (k)",
        lambda w: w.maker.add_dss(
            w.maker.stamp(w.maker.sign(d.plain(), w.who["Signer"], stamp="TSA")), w.who["Signer"], w.who["TSA"]
        ),
        (passed("earlier revision", "2/4", "B-LT", "timestamp"), passed("earlier revision", "3/4", None, "timestamp")),
    ),
    Case(
        "document-time-stamp-alone",
        "5.4",
        lambda w: w.maker.stamp(w.maker.add_dss(d.plain(), w.who["TSA"])),
        (at("3/3"),),
    ),
    Case(
        "document-time-stamp-of-other-octets",
        "5.4",
        lambda w: w.maker.stamp(w.maker.add_dss(d.plain(), w.who["TSA"]), broken=True),
        (failed("HASH_FAILURE", revision="3/3"),),
    ),
    Case(
        "document-time-stamp-nobody-trusts",
        "5.4",
        lambda w: w.maker.stamp(d.plain(), "Stranger-TSA"),
        (unclear("NO_CERTIFICATE_CHAIN_FOUND", level=None),),
    ),
    Case(
        "document-time-stamp-without-usage",
        "5.4, RFC 3161 2.3",
        lambda w: w.maker.stamp(w.maker.add_dss(d.plain(), w.who["TSA-Without-Usage"]), "TSA-Without-Usage"),
        (unclear("CHAIN_CONSTRAINTS_FAILURE", revision="3/3", level=None),),
    ),
    Case(
        "pkcs7-detached",
        "5.3.4",
        lambda w: w.maker.sign(d.plain(), w.who["Plain"], subfilter="/adbe.pkcs7.detached"),
        (passed(level=None),),
    ),
    Case(
        "pkcs7-detached-without-certificate-attribute",
        "5.2.8: ISO 32000-1 asks for none",
        lambda w: w.maker.sign(d.plain(), w.who["Plain"], subfilter="/adbe.pkcs7.detached", attribute="none"),
        (passed(level=None),),
    ),
    Case(
        "pkcs7-detached-with-revocation",
        "5.2.6.4",
        lambda w: w.maker.sign(d.plain(), w.who["Signer"], subfilter="/adbe.pkcs7.detached", revocation=True),
        (passed(level=None),),
    ),
    Case(
        "pkcs7-sha1",
        "5.2.8.4: the document's digest is SHA-1",
        lambda w: w.maker.sign(
            d.plain(), w.who["Plain"], subfilter="/adbe.pkcs7.sha1", embed_digest="sha1", encapsulated=True
        ),
        (unclear("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", level=None),),
    ),
    Case(
        "pkcs7-sha1-other-octets",
        "5.2.7",
        lambda w: w.maker.sign(
            d.plain(),
            w.who["Plain"],
            subfilter="/adbe.pkcs7.sha1",
            embed_digest="sha1",
            encapsulated=True,
            wrong_digest=True,
        ),
        (failed("HASH_FAILURE"),),
    ),
    Case(
        "x509-rsa-sha1",
        "5.2.2: not one of the standard's formats",
        lambda w: w.maker.sign(d.plain(), w.who["Plain"], subfilter="/adbe.x509.rsa_sha1"),
        (NOT_CHECKED,),
    ),
    Case(
        "unknown-sub-filter",
        "5.2.2",
        lambda w: w.maker.sign(d.plain(), w.who["Plain"], subfilter="/example.unknown"),
        (NOT_CHECKED,),
    ),
    Case(
        "no-sub-filter",
        "5.2.2",
        lambda w: w.maker.sign(d.plain(), w.who["Plain"], change=lambda placed: placed.pop("/SubFilter")),
        (NOT_CHECKED,),
    ),
    Case(
        "rsa",
        "5.3.4",
        lambda w: w.maker.add_dss(w.maker.sign(d.plain(), w.who["RSA-Signer"]), w.who["RSA-Signer"]),
        (passed("earlier revision", "2/3"),),
    ),
    Case(
        "rsa-pss",
        "5.3.4",
        lambda w: w.maker.add_dss(w.maker.sign(d.plain(), w.who["RSA-Signer"], pss=True), w.who["RSA-Signer"]),
        (passed("earlier revision", "2/3"),),
    ),
    Case("sha512", "5.3.4", lambda w: w.maker.sign(d.plain(), w.who["Plain"], digest="sha512"), (passed(),)),
    Case("p384-sha384", "5.3.4", lambda w: w.maker.sign(d.plain(), w.who["P384-Signer"], digest="sha384"), (passed(),)),
    Case(
        "two-signatures",
        "5.3.4",
        lambda w: w.maker.sign(w.maker.sign(d.plain(), w.who["Plain"]), w.who["Plain-Second"], field="Second"),
        (passed("earlier revision", "2/3"), passed("whole", "3/3")),
    ),
    Case(
        "five-signatures",
        "5.3.4",
        lambda w: five(w),
        (
            *(passed("earlier revision", f"{number}/6") for number in range(2, 6)),
            passed("whole", "6/6"),
        ),
    ),
    Case("encrypted-empty-password", "5.3.4", lambda w: encrypted(w, "", after=True), (passed(),)),
    Case(
        "encrypted-with-password",
        "5.2.2: nothing can be read",
        lambda w: encrypted(w, "secret", after=True),
        (NOT_CHECKED,),
    ),
    Case("unsigned", "no signature", lambda _: d.plain(), ()),
)


def five(w: World) -> bytes:
    pdf = d.plain()
    for number in range(1, 6):
        pdf = w.maker.sign(pdf, w.who["Plain"], field=f"Signature{number}")
    return pdf
