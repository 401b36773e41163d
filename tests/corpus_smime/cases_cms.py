"""Forms, algorithms, certificates and attributes: what the signature itself decides."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cryptography import x509

from tests.corpus_smime import mails
from tests.corpus_smime.case import PASSED, Case, Expected, failed
from tests.corpus_smime.mails import letter, opaque, text
from tests.corpus_smime.people import revocation_list
from tests.corpus_smime.signing import By, indefinite, signed
from tests.corpus_smime.world import DAY, World
from tests.pki import Identity

Make = Callable[[World], bytes]
SHA_256 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01"
"""Its object identifier."""
EN = "EN 319 102-1 clause"


def _by(who: str, **options: Any) -> Make:
    def make(world: World) -> bytes:
        identity: Identity = getattr(world, who)
        return letter(world.detached(who=identity, **options))

    return make


def _carrying(world: World, who: Identity, *lists: bytes, **options: object) -> bytes:
    """Signed by `who`, with these CRLs in it."""
    content = text()
    cms = signed(content, By(who=who, **options), crls=lists)  # type: ignore[arg-type]  # By says what fits
    return letter(mails.detached(content, cms))


def _hand(**options: object) -> Make:
    """A detached signature by the usual signer, made with these options of `signed`."""

    def make(world: World) -> bytes:
        content = text()
        return letter(mails.detached(content, signed(content, By(who=world.me), **options)))  # type: ignore[arg-type]  # the same

    return make


def _two(world: World, *, spoilt: bool) -> bytes:
    content = text()
    cms = signed(content, By(who=world.me), By(who=world.second, spoilt=spoilt))
    return letter(mails.detached(content, cms))


def _form(smime_type: str, kind: str = "application/pkcs7-mime", name: str = "smime.p7m") -> Make:
    return lambda world: letter(opaque(world.opaque(), smime_type, kind, name))


FORMS = (
    Case("detached", "multipart/signed", "RFC 8551 section 3.5.3", _by("me"), PASSED),
    Case(
        "detached-x",
        "multipart/signed; protocol and part named application/x-pkcs7-signature",
        "RFC 8551 section 3.2.1 (names before registration)",
        lambda world: letter(
            mails.detached(
                text(),
                world.cms(text()),
                protocol="application/x-pkcs7-signature",
                kind="application/x-pkcs7-signature",
            )
        ),
        PASSED,
    ),
    Case(
        "opaque",
        "application/pkcs7-mime; smime-type=signed-data",
        "RFC 8551 section 3.5.2",
        _form("signed-data"),
        PASSED,
    ),
    Case("opaque-untyped", "application/pkcs7-mime without smime-type", "RFC 8551 section 3.2.2", _form(""), PASSED),
    Case("opaque-x", "application/x-pkcs7-mime", "RFC 8551 section 3.2", _form("", "application/x-pkcs7-mime"), PASSED),
    Case(
        "opaque-by-name",
        "application/octet-stream; name=smime.p7m",
        "RFC 8551 section 3.10",
        _form("", "application/octet-stream"),
        PASSED,
    ),
    Case(
        "opaque-ber",
        "indefinite lengths, the content in pieces of 16 octets",
        "RFC 5652 section 5.2 (eContent may be BER)",
        lambda world: letter(opaque(indefinite(world.opaque()))),
        PASSED,
    ),
    Case(
        "opaque-wrong-type",
        "smime-type=enveloped-data on what is signed: the content decides",
        "RFC 8551 section 3.2.2 (smime-type is a hint)",
        _form("enveloped-data"),
        PASSED,
    ),
    Case("key-id", "the signer named by its key identifier", "RFC 5652 section 5.3", _by("me", by_key_id=True), PASSED),
    Case(
        "certificates-only",
        "certificates without a signature",
        "RFC 8551 section 3.8",
        lambda world: letter(opaque(signed(b"", certificates=[world.me]), "certs-only", name="smime.p7c")),
        (),
    ),
)

ALGORITHMS = (
    Case("rsa", "RSA 2048 PKCS #1 v1.5, SHA-256", "RFC 8551 section 2.2", _by("rsa"), PASSED),
    Case("rsa-pss", "RSASSA-PSS, SHA-256", "RFC 4056 section 2.2", _by("rsa", pss=True), PASSED),
    Case("sha-384", "ECDSA with SHA-384", "RFC 8551 section 2.1", _by("me", digest="sha384"), PASSED),
    Case("sha-512", "RSA with SHA-512", "RFC 8551 section 2.1", _by("rsa", digest="sha512"), PASSED),
    Case(
        "sha-1",
        "ECDSA with SHA-1",
        f"{EN} 5.2.8.4.1",
        _by("me", digest="sha1"),
        failed("CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),
    ),
    Case(
        "md5",
        "RSA with MD5",
        f"{EN} 5.2.8.4.1",
        _by("rsa", digest="md5"),
        failed("CRYPTO_CONSTRAINTS_FAILURE"),
    ),
    Case(
        "digest-unknown",
        "a digest's identifier that nobody knows",
        f"{EN} 5.2.8.4.1",
        lambda world: letter(mails.detached(text(), world.cms(text()).replace(SHA_256, SHA_256[:-1] + b"\x7f"))),
        failed("CRYPTO_CONSTRAINTS_FAILURE"),
        ("smime_irregular",),
    ),
    Case(
        "rsa-1024",
        "an RSA key of 1024 bits",
        f"{EN} 5.2.8.4.1",
        _by("short"),
        failed("CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),
    ),
)

CERTIFICATES = (
    Case("expired", "ended two days ago", f"{EN} 5.2.6.4", _by("expired"), failed("OUT_OF_BOUNDS_NO_POE")),
    Case("not-yet-valid", "begins in two days", f"{EN} 5.2.6.4", _by("future"), failed("OUT_OF_BOUNDS_NO_POE")),
    Case(
        "expired-stamped",
        "ended two days ago, time-stamped before: that it was not revoked then is not proven",
        f"{EN} 5.6.2.4",
        lambda world: _carrying(world, world.expired, stamper=world.stamper, stamped_at=world.now - 5 * DAY),
        failed("OUT_OF_BOUNDS_NO_POE"),
    ),
    Case(
        "expired-stamped-late",
        "time-stamped a day after it ended",
        f"{EN} 5.5.4 step 4",
        lambda world: _carrying(world, world.expired, stamper=world.stamper, stamped_at=world.now - DAY),
        failed("OUT_OF_BOUNDS_NO_POE"),
    ),
    Case(
        "early-stamped",
        "begins in two days, time-stamped today: proven to be too early",
        f"{EN} 5.5.4 step 4",
        lambda world: _carrying(world, world.future, stamper=world.stamper, stamped_at=world.now - DAY),
        failed("NOT_YET_VALID"),
    ),
    Case(
        "self-signed",
        "a certificate that signed itself",
        f"{EN} 5.2.6.4",
        _by("own"),
        failed("NO_CERTIFICATE_CHAIN_FOUND"),
    ),
    Case(
        "on-hold",
        "the CRL in the signature has it on hold",
        f"{EN} 5.2.6.4",
        lambda world: _carrying(
            world,
            world.declared,
            revocation_list(world.root, [world.declared], reason=x509.ReasonFlags.certificate_hold),
        ),
        failed("TRY_LATER"),
    ),
    Case(
        "status-stale",
        "the CRL in the signature is out of date",
        f"{EN} 5.2.5",
        lambda world: _carrying(world, world.declared, revocation_list(world.root, stale=True)),
        failed("TRY_LATER"),
    ),
    Case(
        "untrusted",
        "from an authority that is no anchor",
        f"{EN} 5.2.6.4",
        _by("stranger"),
        failed("NO_CERTIFICATE_CHAIN_FOUND"),
    ),
    Case(
        "untrusted-own-root",
        "the same with its root in the message: what a mail brings along is no anchor",
        f"{EN} 5.2.6.4",
        lambda world: letter(
            mails.detached(text(), signed(text(), By(who=world.stranger), chain=[world.stranger_root]))
        ),
        failed("NO_CERTIFICATE_CHAIN_FOUND"),
    ),
    Case(
        "chain",
        "below an intermediate authority that the message carries",
        "RFC 8551 section 2.3",
        lambda world: letter(mails.detached(text(), signed(text(), By(who=world.of_below), chain=[world.below]))),
        PASSED,
    ),
    Case(
        "chain-broken",
        "the same without the intermediate certificate",
        f"{EN} 5.2.6.4",
        _by("of_below"),
        failed("NO_CERTIFICATE_CHAIN_FOUND"),
    ),
    Case(
        "forged-issuer",
        "names an issuer that did not sign it",
        f"{EN} 5.2.6.4",
        _by("forged"),
        failed("NO_CERTIFICATE_CHAIN_FOUND"),
    ),
    Case(
        "no-certificate",
        "the signer's certificate is not in the message",
        f"{EN} 5.2.3.4",
        _hand(certificates=[]),
        failed("NO_SIGNING_CERTIFICATE_FOUND"),
    ),
    Case(
        "other-certificate",
        "another's certificate in the place of the signer's",
        f"{EN} 5.2.3.4",
        lambda world: letter(mails.detached(text(), signed(text(), By(who=world.me), certificates=[world.second]))),
        failed("NO_SIGNING_CERTIFICATE_FOUND"),
    ),
    Case(
        "usage-wrong",
        "key usage keyEncipherment alone",
        "RFC 8550 section 4.4.2",
        _by("for_keys"),
        failed("CHAIN_CONSTRAINTS_FAILURE"),
    ),
    Case("usage-absent", "no key usage extension", "RFC 8550 section 4.4.2", _by("without_usage"), PASSED),
    Case(
        "purpose-wrong",
        "extended key usage clientAuth alone",
        "RFC 8550 section 4.4.4",
        _by("for_clients"),
        failed("CHAIN_CONSTRAINTS_FAILURE"),
    ),
    Case("purpose-any", "extended key usage anyExtendedKeyUsage", "RFC 8550 section 4.4.4", _by("for_any"), PASSED),
    Case("purpose-absent", "no extended key usage", "RFC 8550 section 4.4.4", _by("without_purpose"), PASSED),
    Case(
        "not-revoked",
        "declares a CRL, and the signature carries a fresh one",
        f"{EN} 5.2.6.4",
        lambda world: _carrying(world, world.declared, revocation_list(world.root)),
        PASSED,
    ),
    Case(
        "revoked",
        "the CRL in the signature lists it",
        f"{EN} 5.2.6.4",
        lambda world: _carrying(world, world.declared, revocation_list(world.root, [world.declared])),
        failed("REVOKED_NO_POE"),
    ),
    Case(
        "revoked-later",
        "time-stamped before it was revoked",
        f"{EN} 5.5.4 step 4 a",
        lambda world: _carrying(
            world,
            world.declared,
            revocation_list(world.root, [world.declared]),
            stamper=world.stamper,
            stamped_at=world.now - timedelta(days=1),
        ),
        PASSED,
    ),
    Case(
        "revoked-before",
        "time-stamped after it was revoked",
        f"{EN} 5.5.4 step 4 a",
        lambda world: _carrying(
            world,
            world.declared,
            revocation_list(world.root, [world.declared], at=world.now - timedelta(days=2)),
            stamper=world.stamper,
            stamped_at=world.now - timedelta(days=1),
        ),
        failed("REVOKED_NO_POE"),
    ),
    Case(
        "status-unknown",
        "declares a CRL that nobody has",
        f"{EN} 5.2.6.4",
        _by("declared"),
        failed("CERTIFICATE_CHAIN_GENERAL_FAILURE"),
    ),
)

ATTRIBUTES = (
    Case("bare", "no signed attributes", "RFC 5652 section 5.3", _by("me", attributes=False), PASSED),
    Case(
        "bare-changed",
        "no signed attributes, the content changed: no digest stands in it that could differ",
        f"{EN} 5.2.7.4",
        lambda world: letter(mails.detached(text(), world.cms(text("other\r\n"), attributes=False))),
        failed("SIG_CRYPTO_FAILURE"),
    ),
    Case(
        "digest-wrong",
        "messageDigest of something else",
        f"{EN} 5.2.7.4",
        _by("me", message_digests=[hashlib.sha256(b"else").digest()]),
        failed("HASH_FAILURE"),
    ),
    Case(
        "digest-absent",
        "no messageDigest",
        "RFC 5652 section 5.3",
        _by("me", message_digests=[]),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "digest-twice",
        "messageDigest twice",
        "RFC 5652 section 11.2",
        _by("me", message_digests=[hashlib.sha256(text()).digest()] * 2),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "type-wrong",
        "content-type attribute is not the content's",
        "RFC 5652 section 11.1",
        _by("me", content_type="signed_data"),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "type-absent",
        "no content-type attribute",
        "RFC 5652 section 11.1",
        _by("me", content_type=None),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "value-wrong",
        "a bit of the signature turned",
        f"{EN} 5.2.7.4",
        _by("rsa", spoilt=True),
        failed("SIG_CRYPTO_FAILURE"),
    ),
    Case(
        "certid",
        "signing-certificate-v2 names the certificate",
        f"{EN} 5.2.3.4",
        lambda world: letter(world.detached(certid=world.me)),
        PASSED,
    ),
    Case(
        "certid-other",
        "signing-certificate-v2 names another",
        f"{EN} 5.2.3.4",
        lambda world: letter(world.detached(certid=world.second)),
        failed("NO_SIGNING_CERTIFICATE_FOUND"),
    ),
    Case(
        "protected-algorithm",
        "algorithm protection as it is",
        "RFC 6211 section 2",
        _by("me", protection="sha256"),
        PASSED,
    ),
    Case(
        "protected-algorithm-other",
        "algorithm protection names another digest",
        "RFC 6211 section 2",
        _by("me", protection="sha512"),
        failed("GENERIC"),
    ),
    Case(
        "stamped",
        "an RFC 3161 time-stamp over the signature",
        f"{EN} 5.5.4",
        lambda world: letter(world.detached(stamper=world.stamper, stamped_at=world.now - timedelta(hours=5))),
        PASSED,
    ),
    Case("two-signers", "two SignerInfos", "RFC 5652 section 5.1", lambda world: _two(world, spoilt=False), PASSED * 2),
    Case(
        "two-signers-one-bad",
        "two SignerInfos, the second one spoilt: each is judged for itself",
        f"RFC 5652 section 5.1, {EN} 5.2.7.4",
        lambda world: _two(world, spoilt=True),
        (Expected(), Expected("SIG_CRYPTO_FAILURE")),
    ),
    Case(
        "no-signer",
        "SignedData without a SignerInfo",
        f"{EN} 5.2.2.4",
        lambda world: letter(mails.detached(text(), signed(text(), certificates=[world.me]))),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "content-twice",
        "a detached signature that carries the content too",
        "RFC 8551 section 3.5.3.1",
        _hand(carries=text()),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "content-other",
        "a detached signature that carries and signs another content",
        "RFC 8551 section 3.5.3.1",
        lambda world: letter(mails.detached(text(), world.opaque(text("another\r\n")))),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "content-absent",
        "an opaque mail whose signature carries nothing",
        f"{EN} 5.1.3 table 6 (SIGNED_DATA_NOT_FOUND)",
        lambda world: letter(opaque(world.cms(text()))),
        failed("SIGNED_DATA_NOT_FOUND", "unknown"),
    ),
    Case(
        "no-cms",
        "the signature's part is something else",
        f"{EN} 5.2.2.4",
        lambda world: letter(mails.detached(text(), b"no signature at all")),
        failed("FORMAT_FAILURE"),
    ),
    Case(
        "cms-cut",
        "the signature's part ends in the middle",
        f"{EN} 5.2.2.4",
        lambda world: letter(mails.detached(text(), world.cms(text())[:400])),
        failed("FORMAT_FAILURE"),
    ),
)

CASES: tuple[Case, ...] = (*FORMS, *ALGORITHMS, *CERTIFICATES, *ATTRIBUTES)
