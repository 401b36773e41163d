"""Transfer encodings, nesting, what relays and mailing lists do, what forgers do, and what is encrypted."""

from collections.abc import Callable

from tests.corpus_smime import mails
from tests.corpus_smime.case import PASSED, Case, Expected, failed
from tests.corpus_smime.mails import LETTER, changed, detached, entity, file, forwarded, letter, multipart, opaque, text
from tests.corpus_smime.signing import By, compressed, enveloped, signed
from tests.corpus_smime.world import World
from tests.letters import letter_pdf

Make = Callable[[World], bytes]
EXACT = "RFC 8551 section 3.1.1"
LIST_HEADER = ("List-Id: <all.lists.example>", "Precedence: list", *changed(Subject="[all] test letter"))
FOOTER = text("_____\r\nall mailing list\r\nhttps://lists.example/all\r\n", "7bit")
LONG = text("Please pay to another account.\r\n" * 100, "7bit")
PAY = text("Please pay to another account.\r\n", "7bit")
PART = (Expected(coverage="earlier revision"),)
HIDDEN = (Expected(coverage="changed afterwards"),)


def mixed(*parts: bytes, kind: str = "multipart/mixed", parameters: str = "", boundary: str = "outer") -> bytes:
    """Parts side by side, in a mail."""
    return letter(multipart(kind, parts, boundary, parameters))


def _encoded(encoding: str, said: str = LETTER) -> Case:
    content = text(said, encoding)
    return Case(
        f"encoding-{encoding}",
        f"the text in {encoding}",
        "RFC 8551 section 3.1.2",
        lambda world: letter(world.detached(content)),
        PASSED,
    )


def _relayed(old: bytes, new: bytes, content: bytes) -> Make:
    """Signed and then changed on the way, outside the signature's part too if it is there."""

    def make(world: World) -> bytes:
        octets = letter(world.detached(content))
        assert old in octets
        return octets.replace(old, new, 1)

    return make


def _nested(world: World) -> bytes:
    inner = world.detached(who=world.second)
    return letter(detached(inner, world.cms(inner), boundary="around"))


def _mixed_nest(world: World) -> bytes:
    inner = opaque(world.opaque(who=world.second))
    return letter(detached(inner, world.cms(inner)))


def _list_signs(world: World) -> bytes:
    inner = multipart("multipart/mixed", [world.detached(), FOOTER], "outer")
    return letter(detached(inner, world.cms(inner, world.second), boundary="around"), LIST_HEADER)


def _with_pdf(world: World) -> bytes:
    return multipart(
        "multipart/mixed", [text("ตามไฟล์แนบ\r\n"), file("letter.pdf", letter_pdf("ที่ นร ๑๒๐๐/ว๕๖"))], "files"
    )


def _taken_apart(world: World, content: bytes | None = None) -> bytes:
    return letter(
        multipart("multipart/mixed", [text(), mails.signature(world.cms(content or text())), FOOTER], "outer"),
        LIST_HEADER,
    )


def _beside(world: World, content: bytes) -> bytes:
    return mails.signature(world.cms(content), name="order.bin.p7s")


def _chained(world: World) -> bytes:
    inner = mixed(text("and again\r\n"), forwarded(letter(world.detached()), "second.eml"), boundary="middle")
    return mixed(text("see below\r\n"), forwarded(inner, "first.eml"))


def _wrapped(**fields: str | None) -> Make:
    """The whole mail inside the signature (RFC 8551 section 3.1), under a header with these fields changed."""

    def make(world: World) -> bytes:
        inner = forwarded(letter(text()))
        return letter(detached(inner, world.cms(inner)), changed(**fields))

    return make


def _marked(mark: str = 'hp="clear"', **fields: str | None) -> Make:
    """Header fields on the signed entity (RFC 9788), under a header with these fields changed."""

    def make(world: World) -> bytes:
        inner = entity(
            [
                *mails.HEADER[:4],
                f"Content-Type: text/plain; charset=utf-8; {mark}",
                "Content-Transfer-Encoding: 8bit",
            ],
            LETTER.encode(),
        )
        return letter(detached(inner, world.cms(inner)), changed(**fields))

    return make


RELAYS = (
    *(_encoded(encoding) for encoding in ("quoted-printable", "base64", "8bit", "binary")),
    _encoded("7bit", "plain words\r\n"),
    Case(
        "bare-newlines",
        "the copy has LF alone at line ends: canonicalised, the digest fits",
        EXACT,
        lambda world: letter(world.detached()).replace(b"\r\n", b"\n"),
        PASSED,
    ),
    Case(
        "bare-newlines-opaque",
        "LF alone in what an S/MIME file carries, signed with CRLF: these octets are the content, none is made of them",
        "RFC 5652 section 5.4",
        lambda world: letter(opaque(signed(text(), By(who=world.me), carries=text().replace(b"\r\n", b"\n")))),
        failed("HASH_FAILURE"),
    ),
    Case(
        "blank-kept",
        "spaces at line ends: they are content",
        EXACT,
        lambda world: letter(world.detached(text("one  \r\ntwo \t\r\n", "7bit"))),
        PASSED,
    ),
    Case(
        "blank-stripped",
        "the same with the spaces at line ends taken away",
        EXACT,
        _relayed(b"one  \r\ntwo \t\r\n", b"one\r\ntwo\r\n", text("one  \r\ntwo \t\r\n", "7bit")),
        failed("HASH_FAILURE"),
    ),
    Case(
        "from-escaped",
        "a line's From became >From",
        "RFC 8551 section 3.1.3",
        _relayed(b"\r\nFrom here", b"\r\n>From here", text("x\r\nFrom here\r\n", "7bit")),
        failed("HASH_FAILURE"),
    ),
    Case(
        "encoded-anew",
        "a relay made quoted-printable of 8bit inside the signed part",
        "RFC 8551 section 3.1.3",
        lambda world: letter(world.detached(text(encoding="8bit"))).replace(text(encoding="8bit"), text(), 1),
        failed("HASH_FAILURE"),
    ),
    Case(
        "relay-header",
        "trace fields, a list's fields and a prefix before the subject",
        "RFC 8551 section 3.1 (the outer header is not signed)",
        lambda world: letter(
            world.detached(), ("Received: from a by b; Mon, 01 Jun 2026 09:00:01 +0700", *LIST_HEADER)
        ),
        PASSED,
    ),
    Case(
        "around",
        "text before the first and after the last boundary: no reader shows it",
        "RFC 2046 section 5.1.1",
        lambda world: letter(detached(text(), world.cms(text()), around="This is an S/MIME signed message\r\n")),
        PASSED,
    ),
    Case(
        "list-footer",
        "a mailing list put it into multipart/mixed and added a footer",
        "RFC 1847 section 2.1, RFC 8551 section 3.5.3",
        lambda world: letter(multipart("multipart/mixed", [world.detached(), FOOTER], "outer"), LIST_HEADER),
        PART,
        ("smime_footer",),
    ),
    Case(
        "list-wrapped",
        "put into multipart/mixed with nothing beside it",
        "RFC 1847 section 2.1",
        lambda world: mixed(world.detached()),
        PASSED,
    ),
    Case(
        "blank-beside",
        "an empty text before it: nothing is shown",
        "RFC 1847 section 2.1",
        lambda world: mixed(text("\r\n", "7bit"), world.detached()),
        PASSED,
    ),
    Case(
        "list-signs",
        "a mailing list signed it again, with its footer",
        "RFC 2634 section 1.1",
        _list_signs,
        (Expected(), Expected(coverage="earlier revision")),
        ("smime_footer",),
    ),
    Case(
        "taken-apart",
        "multipart/signed became multipart/mixed on the way, with a footer; the digest still fits",
        "RFC 1847 section 2.1",
        _taken_apart,
        PART,
        ("smime_footer", "smime_irregular"),
    ),
    Case("signed-in-signed", "multipart/signed in multipart/signed", "RFC 2634 section 1.1", _nested, PASSED * 2),
    Case(
        "opaque-in-signed",
        "application/pkcs7-mime in multipart/signed",
        "RFC 2634 section 1.1",
        _mixed_nest,
        PASSED * 2,
    ),
    Case(
        "triple-wrapped",
        "signed, encrypted, signed: the outer signature is judged, the rest cannot be read",
        "RFC 2634 section 1.1",
        lambda world: letter(world.detached(opaque(enveloped(), "enveloped-data"))),
        PASSED,
        ("attachment_encrypted", "smime_encrypted"),
    ),
    Case(
        "forwarded",
        "attached to a mail that is not signed",
        "RFC 8551 section 3.1",
        lambda world: mixed(text("see below\r\n"), forwarded(letter(world.detached()), "letter.eml")),
        (Expected(part="letter.eml"),),
    ),
    Case(
        "forwarded-opaque",
        "the same with an opaque one",
        "RFC 8551 section 3.1",
        lambda world: mixed(text("see below\r\n"), forwarded(letter(opaque(world.opaque())), "letter.eml")),
        (Expected(part="letter.eml"),),
    ),
    Case(
        "forwarded-twice",
        "attached to one that is attached",
        "RFC 8551 section 3.1",
        _chained,
        (Expected(part="first.eml / second.eml"),),
    ),
    Case(
        "forwarded-changed",
        "attached, its text changed",
        "EN 319 102-1 clause 5.2.7.4",
        lambda world: mixed(text("see below\r\n"), forwarded(letter(detached(PAY, world.cms(text()))), "letter.eml")),
        (Expected("HASH_FAILURE", part="letter.eml"),),
    ),
    Case(
        "files",
        "text and a PDF file, signed together",
        "RFC 8551 section 3.5.3",
        lambda world: letter(world.detached(_with_pdf(world))),
        PASSED,
        files=("letter.pdf", "smime.p7s"),
    ),
    Case(
        "opaque-files",
        "the same inside an S/MIME file: what is in it is read like any mail's",
        "RFC 8551 section 3.5.2",
        lambda world: letter(opaque(world.opaque(_with_pdf(world)))),
        PASSED,
        files=("smime.p7m", "letter.pdf"),
    ),
    Case(
        "file-alone",
        "a signed file attached to an unsigned mail: the signature speaks of the file",
        "RFC 5652 section 5",
        lambda world: mixed(
            text("ตามไฟล์แนบ\r\n"),
            file("order.pdf.p7m", world.opaque(letter_pdf("ที่ นร ๑๒๐๐/ว๕๖")), "application/pkcs7-mime"),
        ),
        (Expected(part="order.pdf.p7m"),),
        files=("order.pdf.p7m", "order.pdf"),
    ),
)
FILES = (
    Case(
        "file-beside",
        "a file and a detached signature over it, each attached to an unsigned mail",
        "RFC 5652 section 5",
        lambda world: mixed(
            text("ตามไฟล์แนบ\r\n"),
            file("order.bin", b"\x00\x01", "application/octet-stream"),
            _beside(world, b"\x00\x01"),
        ),
        (Expected(part="order.bin"),),
        files=("order.bin", "order.bin.p7s"),
    ),
    Case(
        "file-beside-other",
        "the same, the file another",
        "EN 319 102-1 clause 5.1.3 table 6 (SIGNED_DATA_NOT_FOUND)",
        lambda world: mixed(
            text("ตามไฟล์แนบ\r\n"),
            file("order.bin", b"\x00\x02", "application/octet-stream"),
            _beside(world, b"\x00\x01"),
        ),
        (Expected("SIGNED_DATA_NOT_FOUND", "unknown", "order.bin"),),
    ),
)

PROTECTED_HEADERS = (
    Case("wrapped", "the whole mail inside the signature", "RFC 8551 section 3.1", _wrapped(), PASSED),
    Case(
        "wrapped-list",
        "the same, the subject with a list's prefix",
        "RFC 8551 section 3.1",
        _wrapped(Subject="[all] Re: test letter"),
        PASSED,
    ),
    Case(
        "wrapped-subject",
        "the same under another subject",
        "RFC 8551 section 3.1",
        _wrapped(Subject="another letter"),
        PASSED,
        ("smime_headers_differ",),
    ),
    Case("marked", "header fields on the signed part", "RFC 9788 section 2.1", _marked(), PASSED),
    Case(
        "marked-before-9788",
        "the same as its forerunner marked it, under another subject",
        "RFC 9788 section 4.10 (protected-headers)",
        _marked(mark='protected-headers="v1"', Subject="another letter"),
        PASSED,
        ("smime_headers_differ",),
    ),
    Case(
        "marked-date",
        "the same under another date",
        "RFC 9788 section 2.1",
        _marked(Date="Tue, 02 Jun 2026 09:00:00 +0700"),
        PASSED,
        ("smime_headers_differ",),
    ),
    Case(
        "marked-from",
        "the same from another address",
        "RFC 9788 section 2.1, RFC 8550 section 3",
        _marked(From_="boss@dga.example"),
        PASSED,
        ("smime_from_differs", "smime_headers_differ"),
    ),
)

FORGERIES = (
    Case(
        "changed",
        "the text changed",
        "EN 319 102-1 clause 5.2.7.4",
        lambda world: letter(detached(PAY, world.cms(text()))),
        failed("HASH_FAILURE"),
    ),
    Case(
        "changed-header",
        "the signed part's media type changed",
        f"EN 319 102-1 clause 5.2.7.4, {EXACT}",
        _relayed(b"Content-Type: text/plain; charset=utf-8\r\n", b"Content-Type: text/html; charset=utf-8\r\n", text()),
        failed("HASH_FAILURE"),
    ),
    Case(
        "changed-opaque",
        "the content inside the S/MIME file changed",
        "EN 319 102-1 clause 5.2.7.4",
        lambda world: letter(opaque(signed(text(), By(who=world.me), carries=PAY))),
        failed("HASH_FAILURE"),
    ),
    Case(
        "changed-file",
        "an attached file of a signed mail exchanged",
        "EN 319 102-1 clause 5.2.7.4",
        lambda world: letter(
            detached(
                multipart(
                    "multipart/mixed", [text("x\r\n"), file("a.bin", b"new", "application/octet-stream")], "files"
                ),
                world.cms(
                    multipart(
                        "multipart/mixed", [text("x\r\n"), file("a.bin", b"old", "application/octet-stream")], "files"
                    )
                ),
            )
        ),
        failed("HASH_FAILURE"),
    ),
    Case(
        "unsigned-first",
        "a text that nobody signed is shown before the signed part",
        "RFC 1847 section 2.1",
        lambda world: mixed(PAY, world.detached()),
        HIDDEN,
        ("smime_unsigned_content",),
    ),
    Case(
        "alternative",
        "multipart/alternative with the signed part as the form that is not shown",
        "RFC 2046 section 5.1.4",
        lambda world: mixed(
            world.detached(), text("<p>Please pay</p>", kind="text/html"), kind="multipart/alternative"
        ),
        HIDDEN,
        ("smime_unsigned_content",),
    ),
    Case(
        "related",
        "multipart/related that shows an HTML of its own, the signed part beside it",
        "RFC 2387 section 3.2",
        lambda world: mixed(
            text("<p>Please pay</p>", kind="text/html"),
            world.detached(),
            kind="multipart/related",
            parameters='; type="text/html"',
        ),
        HIDDEN,
        ("smime_unsigned_content",),
    ),
    Case(
        "file-added",
        "an unsigned file added below the signed part",
        "RFC 1847 section 2.1",
        lambda world: mixed(world.detached(), file("invoice.bin", b"\x01\x02", "application/octet-stream")),
        HIDDEN,
        ("smime_unsigned_content",),
    ),
    Case(
        "long-footer",
        "a text below the signed part that is no footer any more",
        "RFC 1847 section 2.1",
        lambda world: mixed(world.detached(), LONG),
        HIDDEN,
        ("smime_unsigned_content",),
    ),
    Case(
        "two-types",
        "a second Content-Type, by which another reader might show the mail as HTML",
        "RFC 2045 section 3 (each field once)",
        lambda world: letter(world.detached().replace(b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n", 1)),
        PASSED,
        ("smime_irregular",),
    ),
    Case(
        "third-part",
        "a third part in multipart/signed",
        "RFC 1847 section 2.1 (exactly two parts)",
        lambda world: letter(
            detached(text(), world.cms(text()), more=[file("x.bin", b"\x01", "application/octet-stream")])
        ),
        HIDDEN,
        ("smime_irregular", "smime_unsigned_content"),
    ),
    Case(
        "second-signature",
        "a second signature's part in multipart/signed",
        "RFC 1847 section 2.1 (exactly two parts)",
        lambda world: letter(
            detached(text(), world.cms(text(), world.stranger), more=[mails.signature(world.cms(text()), name="b.p7s")])
        ),
        failed("NO_CERTIFICATE_CHAIN_FOUND", "changed afterwards"),
        ("smime_irregular", "smime_unsigned_content"),
    ),
    Case(
        "protocol-pgp",
        "protocol=application/pgp-signature around an S/MIME signature",
        "RFC 1847 section 2.1 (protocol is the second part's type)",
        lambda world: letter(detached(text(), world.cms(text()), protocol="application/pgp-signature")),
        failed("FORMAT_FAILURE"),
        ("pgp_not_checked", "smime_irregular"),
    ),
    Case(
        "protocol-absent",
        "multipart/signed without protocol",
        "RFC 1847 section 2.1",
        lambda world: letter(detached(text(), world.cms(text()), protocol=None)),
        PASSED,
        ("smime_irregular",),
    ),
    Case(
        "micalg-other",
        "micalg names another digest: nothing rests on it",
        "RFC 8551 section 3.5.3.2",
        lambda world: letter(detached(text(), world.cms(text()), micalg="md5")),
        PASSED,
        ("smime_irregular",),
    ),
    Case(
        "micalg-unknown",
        "micalg is no name that is known",
        "RFC 8551 section 3.5.3.2",
        lambda world: letter(detached(text(), world.cms(text()), micalg="sha3-999")),
        PASSED,
    ),
    Case(
        "swapped",
        "the signature before what it signs",
        "RFC 1847 section 2.1",
        lambda world: letter(
            multipart(
                "multipart/signed",
                [mails.signature(world.cms(text())), text()],
                "signed",
                '; protocol="application/pkcs7-signature"; micalg=sha-256',
            )
        ),
        failed("FORMAT_FAILURE", "unknown"),
        ("smime_irregular",),
    ),
    Case(
        "cut",
        "the mail ends before the signature",
        "RFC 1847 section 2.1",
        lambda world: letter(world.detached()).partition(b"\r\n--signed\r\nContent-Type: application/pkcs7")[0],
        failed("FORMAT_FAILURE", "unknown"),
        ("smime_irregular",),
    ),
    Case(
        "one-part-only",
        "the signature covers an attachment, and the text that says what to do is unsigned",
        "RFC 1847 section 2.1",
        lambda world: mixed(PAY, world.detached(_with_pdf(world)), FOOTER),
        HIDDEN,
        ("smime_unsigned_content",),
    ),
    Case(
        "stray",
        "a signature beside a text that it does not fit",
        "EN 319 102-1 clause 5.1.3 table 6 (SIGNED_DATA_NOT_FOUND)",
        lambda world: _taken_apart(world, text("something else\r\n")),
        failed("SIGNED_DATA_NOT_FOUND", "unknown"),
        ("smime_footer", "smime_irregular"),
    ),
    Case(
        "stray-first",
        "a signature before everything else",
        "EN 319 102-1 clause 5.1.3 table 6 (SIGNED_DATA_NOT_FOUND)",
        lambda world: mixed(mails.signature(world.cms(text())), PAY),
        failed("SIGNED_DATA_NOT_FOUND", "unknown"),
        ("smime_irregular",),
    ),
    Case(
        "empty-signed",
        "an empty signed part in front, the text outside of it",
        "RFC 1847 section 2.1",
        lambda world: mixed(world.detached(text("", "7bit")), LONG),
        HIDDEN,
        ("smime_unsigned_content",),
    ),
    Case(
        "same-boundary",
        "a part inside uses the outer boundary: the signature is not the second part",
        "RFC 2046 section 5.1.2",
        lambda world: letter(
            detached(
                multipart("multipart/mixed", [text(), PAY], "signed"),
                world.cms(multipart("multipart/mixed", [text(), PAY], "signed")),
            )
        ),
        failed("FORMAT_FAILURE", "unknown"),
        ("smime_irregular",),
    ),
)

ENCRYPTED = (
    Case(
        "enveloped",
        "enveloped-data",
        "RFC 8551 section 3.3",
        lambda world: letter(opaque(enveloped(), "enveloped-data")),
        (),
        ("attachment_encrypted", "smime_encrypted"),
    ),
    Case(
        "auth-enveloped",
        "authEnveloped-data",
        "RFC 8551 section 3.4",
        lambda world: letter(opaque(enveloped("authenticated_enveloped_data"), "authEnveloped-data")),
        (),
        ("attachment_encrypted", "smime_encrypted"),
    ),
    Case(
        "enveloped-by-name",
        "application/octet-stream; name=smime.p7m",
        "RFC 8551 section 3.10",
        lambda world: letter(opaque(enveloped(), "", "application/octet-stream")),
        (),
        ("attachment_encrypted", "smime_encrypted"),
    ),
    Case(
        "encrypted-in-signed-file",
        "an S/MIME file that carries an encrypted one",
        "RFC 2634 section 1.1",
        lambda world: letter(opaque(world.opaque(opaque(enveloped(), "enveloped-data")))),
        PASSED,
        ("attachment_encrypted", "smime_encrypted"),
    ),
    Case(
        "compressed",
        "compressed-data: of a kind that is not opened",
        "RFC 8551 section 3.6",
        lambda world: letter(opaque(compressed(text()), "compressed-data", name="smime.p7z")),
        (),
        ("smime_not_checked",),
    ),
    Case(
        "no-smime-file",
        "application/pkcs7-mime that is no CMS",
        "RFC 5652 section 3",
        lambda world: letter(opaque(b"nothing of the kind")),
        (),
        ("smime_not_checked",),
    ),
)

CASES: tuple[Case, ...] = (*RELAYS, *FILES, *PROTECTED_HEADERS, *FORGERIES, *ENCRYPTED)
