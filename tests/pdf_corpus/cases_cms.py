"""The container: attributes, digests, signature values, structure."""

from typing import Any

from tests.pdf_corpus import documents as d
from tests.pdf_corpus import octets
from tests.pdf_corpus.case import BROKEN, Case, World, failed, unclear


def plain(w: World, **options: Any) -> bytes:
    return w.maker.sign(d.plain(), w.who["Plain"], **options)


CASES = (
    Case("signature-value-changed", "5.2.7", lambda w: plain(w, flipped=True), (failed("SIG_CRYPTO_FAILURE"),)),
    Case("other-message-digest", "5.2.7", lambda w: plain(w, wrong_digest=True), (failed("HASH_FAILURE"),)),
    Case(
        "no-certificate-attribute",
        "5.2.8, EN 319 142-1 6.3",
        lambda w: plain(w, attribute="none"),
        (unclear("SIG_CONSTRAINTS_FAILURE", level=None),),
    ),
    Case(
        "attribute-of-another-certificate",
        "5.2.3.4",
        lambda w: plain(w, attribute="other"),
        (unclear("NO_SIGNING_CERTIFICATE_FOUND", level=None),),
    ),
    Case(
        "certificate-attribute-twice",
        "5.2.3.4, EN 319 122-1 5.2.2",
        lambda w: plain(w, attribute="twice"),
        (unclear("NO_SIGNING_CERTIFICATE_FOUND", level=None),),
    ),
    Case(
        "no-certificate",
        "5.2.3",
        lambda w: plain(w, certificates=False),
        (unclear("NO_SIGNING_CERTIFICATE_FOUND", level=None),),
    ),
    Case(
        "no-message-digest",
        "5.2.2, RFC 5652 11",
        lambda w: plain(w, without=frozenset({"message_digest"})),
        (failed("FORMAT_FAILURE"),),
    ),
    Case(
        "no-content-type",
        "5.2.2, RFC 5652 11",
        lambda w: plain(w, without=frozenset({"content_type"})),
        (failed("FORMAT_FAILURE"),),
    ),
    Case(
        "no-signed-attributes",
        "5.2.8, EN 319 142-1 6.3",
        lambda w: plain(w, bare=True),
        (unclear("SIG_CONSTRAINTS_FAILURE", level=None),),
    ),
    Case(
        "content-inside-a-detached-container",
        "5.2.2, EN 319 142-1 5.3",
        lambda w: plain(w, encapsulated=True),
        (failed("FORMAT_FAILURE"),),
    ),
    Case("two-signers-in-one-container", "5.2.2, EN 319 142-1 5.3", lambda w: plain(w, signers=2), (BROKEN,)),
    Case("no-signer-in-the-container", "5.2.2, EN 319 142-1 5.3", lambda w: plain(w, signers=0), (BROKEN,)),
    Case(
        "container-is-no-cms",
        "5.2.2",
        lambda w: octets.with_container(plain(w), b"<" + b"30030101ff" * 20 + b">"),
        (BROKEN,),
    ),
    Case(
        "container-of-zeros",
        "5.2.2",
        lambda w: octets.with_container(
            plain(w), b"<" + b"00" * ((octets.ranges(plain(w))[2] - octets.ranges(plain(w))[1]) // 2 - 1) + b">"
        ),
        (BROKEN,),
    ),
    Case("container-empty", "5.2.2", lambda w: octets.with_container(plain(w), b"<>"), (BROKEN,)),
    Case(
        "container-is-null",
        "5.2.2: universal signature forgery",
        lambda w: octets.with_container(plain(w), b"null"),
        (BROKEN,),
    ),
    Case(
        "container-is-a-number",
        "5.2.2: universal signature forgery",
        lambda w: octets.with_container(plain(w), b"0"),
        (BROKEN,),
    ),
    Case(
        "container-cut",
        "5.2.2",
        lambda w: octets.with_container(plain(w), octets.container(plain(w))[:401] + b">"),
        (BROKEN,),
    ),
    Case(
        "container-of-another-file",
        "5.2.7",
        lambda w: octets.with_container(
            plain(w), octets.container(w.maker.sign(d.plain(("Another letter",)), w.who["Plain"]))
        ),
        (failed("HASH_FAILURE"),),
    ),
)
