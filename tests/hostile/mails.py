# ruff: noqa: E501 - octets of files, which are read more easily as one line
"""Mails that mean harm: parts, headers, encodings, archives, senders; and the letters that go along with hostile files."""

import base64
import io
import zipfile
from collections.abc import Callable
from random import Random
from typing import Final

from tests.hostile import certificates, pdfs, words

Make = Callable[[Random], bytes]

HEAD: Final = "From: clerk@opdc.go.th\r\nTo: saraban@demo.example\r\nSubject: ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ทดสอบ\r\n".encode()


def with_file(
    octets: bytes, kind: bytes = b"application/pdf", name: bytes = b"a.pdf", encoding: bytes = b"base64"
) -> bytes:
    """A mail with one file."""
    body = base64.encodebytes(octets) if encoding == b"base64" else octets
    return (
        HEAD + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nletter\r\n--b\r\nContent-Type: '
        + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\nContent-Disposition: attachment; filename=\"" + name
        + b'"\r\n\r\n' + body + b"\r\n--b--\r\n"
    )  # fmt: skip


def _nested_parts(rng: Random) -> bytes:
    depth = rng.choice((20, 2_000, 20_000))
    same = rng.random() < 0.5
    out = bytearray(HEAD)
    for number in range(depth):
        mark = b"b" if same else b"b%d" % number
        out += b"Content-Type: multipart/mixed; boundary=" + mark + b"\r\n\r\n--" + mark + b"\r\n"
    return bytes(out) + b"Content-Type: text/plain\r\n\r\nx\r\n"


def _nested_letters(rng: Random) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * rng.choice((20, 5_000, 50_000)) + b"Subject: x\r\n\r\nx"


def _many_parts(rng: Random) -> bytes:
    part = rng.choice(
        (
            b"--b\r\n\r\nx\r\n",
            b"--b\r\n",
            b"--b\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7\r\n",
            b"--b\r\nContent-Type: text/html\r\n\r\n<p\r\n",
        )
    )
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * rng.choice((400, 20_000, 300_000))


def _boundaries(rng: Random) -> bytes:
    mark = rng.choice((b"", b"-", b"--", b"a" * 70_000, b" ", b"(", b"*" * 2_000, b"\xff", b"%%", b"\\"))
    lines = (b"--" + mark + rng.choice((b"", b"-", b"--x", b" " * 5_000, b"\t")) + b"\r\n") * rng.choice(
        (10, 20_000 // (1 + len(mark) // 100))
    )
    return HEAD + b'Content-Type: multipart/mixed; boundary="' + mark + b'"\r\n\r\n' + lines


def _many_headers(rng: Random) -> bytes:
    line = rng.choice(
        (
            b"X: y\r\n",
            b"Subject: x\r\n",
            b"From: a@b.th\r\n",
            b"Content-Type: a/b\r\n",
            b"Received: from a by b; c\r\n",
            b" folded\r\n",
            b"X:\r\n",
            b"\xff\xfe: x\r\n",
        )
    )
    return HEAD + line * rng.choice((1_000, 100_000)) + b"\r\nx"


def _long_header(rng: Random) -> bytes:
    name = rng.choice(
        (
            b"Subject",
            b"From",
            b"Content-Type",
            b"Content-Disposition",
            b"Received",
            b"DKIM-Signature",
            b"Content-Transfer-Encoding",
        )
    )
    fragment = rng.choice(
        (
            b"=?utf-8?b?4LiB?= ",
            b"=?a?q?",
            b"a=b; ",
            b'"',
            b"(",
            b"<",
            b"a@b.th, ",
            b"; filename*0*=",
            b"x*1*=%41;",
            b"\\",
            b",",
            b";",
            b"a: ;",
            b"%e0%b8%81",
            b"[",
            b"\r\n ",
        )
    )
    return (
        name
        + b": "
        + fragment * (rng.choice((10_000, 200_000, 3_000_000)) // len(fragment))
        + b"\r\n"
        + HEAD
        + b"\r\nx"
    )


def _continued(rng: Random) -> bytes:
    """RFC 2231 in thousands of pieces."""
    pieces = b"".join(
        b";\r\n filename*%d%s=%s" % (n, rng.choice((b"", b"*")), rng.choice((b"a", b"%e0%b8", b'"')))
        for n in range(rng.choice((300, 8_000)))
    )
    return (
        HEAD
        + b"Content-Disposition: attachment"
        + pieces
        + b"\r\nContent-Type: a/b"
        + pieces.replace(b"file", b"")
        + b"\r\n\r\nx"
    )


def _charset(rng: Random) -> bytes:
    label = rng.choice(
        (
            "punycode",
            "idna",
            "utf-7",
            "utf-16",
            "unicode_escape",
            "zlib",
            "rot13",
            "bz2",
            "hex",
            "uu",
            "undefined",
            "hz",
            "iso-2022-kr",
            "x" * 5_000,
            "utf-8\0",
            "../../x",
            "cp65001",
            "mbcs",
            "utf_32_be",
        )
    )
    fragment = rng.choice(
        (b"-a", b"a", b"+AAA-", b"\x1b$)C\x0e!!", b"~{", b"\\u0e01", b"\\N{x}", b"\xff\xfe", b"\0", b"x\x9c")
    )
    kind = rng.choice((b"text/plain", b"text/html"))
    return (
        HEAD
        + b"Content-Type: "
        + kind
        + b"; charset="
        + label.encode()
        + b"\r\n\r\n"
        + fragment * (1_000_000 // len(fragment))
    )


def _transfer(rng: Random) -> bytes:
    encoding, fragment = rng.choice((
        (b"base64", b"="), (b"base64", b"!"), (b"base64", b"AAAA="), (b"base64", b"A\r\n"), (b"base64", b"\xff"), (b"quoted-printable", b"="), (b"quoted-printable", b"=\r\n"),
        (b"quoted-printable", b"=zz"), (b"quoted-printable", b" "), (b"x-uuencode", b"begin 644 x\r\nM"), (b"x" * 100_000, b"x"), (b"gzip", b"\x1f\x8b"),
    ))  # fmt: skip
    return with_file(
        fragment * (rng.choice((1, 10)) * 1_000_000 // len(fragment)), b"application/pdf", b"a.pdf", encoding
    )


def _html(rng: Random) -> bytes:
    fragment = rng.choice(
        [one for one in words.FRAGMENTS if one[0] in "<&"]
        + [
            "<div",
            "<p a='",
            '<p a="',
            "<script>",
            "</script",
            "<table><tr><td>",
            "&#x41;",
            "&#99999999999;",
            "]]>",
            "<?",
        ]
    )
    return HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + (fragment * (700_000 // len(fragment))).encode()


def _text(rng: Random) -> bytes:
    first, second = rng.choice(words.FRAGMENTS), rng.choice(words.FRAGMENTS)
    text = rng.choice((first * 100_000, (first + second) * 50_000, ((first * 60)[:300] + "\n" + second) * 3_000))[
        :400_000
    ]
    said = text[:3_000].replace("\n", " ").replace("\r", " ")
    return (
        b"From: a@b.th\r\nSubject: "
        + said.encode()
        + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + text.encode()
    )


def _text_in_file(rng: Random) -> bytes:
    """The same, many files of it."""
    text = (rng.choice(words.FRAGMENTS) * 300)[:200].encode("cp874", "replace")
    for bad in (b"\\", b"(", b")"):
        text = text.replace(bad, b"-")
    shown = b"".join(b"1 0 0 1 9 %d Tm (%s) Tj " % (n % 800, text) for n in range(rng.choice((100, 900))))
    octets = pdfs.document({4: pdfs.deflated(b"BT /F1 3 Tf " + shown + b"ET")})
    part = b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(
        octets
    )
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * rng.choice((1, 20, 100)) + b"--b--"


def _zip(rng: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(rng.choice((1, 5_000))):
            archive.writestr(
                rng.choice(("mimetype", "word/a.xml", "../" * 500 + "x", "a" * 5_000, f"{number}")) + str(number or ""),
                bytes(rng.choice((0, 10, 3_000_000 if number == 0 else 9))),
            )
    octets = bytearray(out.getvalue())
    for _ in range(rng.choice((0, 0, 4, 40))):
        at = rng.randrange(len(octets))
        octets[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"PK\1\2", b"PK\5\6", b"\0\0\0\0"))
    return with_file(bytes(octets), b"application/zip", b"a.docx")


def _zip_header(rng: Random) -> bytes:
    """A directory of an archive that says what is not so."""
    entry = b"PK\1\2" + rng.randbytes(24) + b"\x08\0\0\0\0\0" + rng.randbytes(12) + b"mimetype"
    end = (
        b"PK\5\6"
        + b"\0\0\0\0"
        + b"\xff\xff" * 2
        + rng.choice((b"\xff" * 8, (len(entry) * 60_000).to_bytes(4, "little") + b"\4\0\0\0"))
        + b"\0\0"
    )
    return with_file(b"PK\3\4" + entry * rng.choice((1, 60_000)) + end, b"application/zip", b"a.odt")


def _compound(rng: Random) -> bytes:
    octets = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + rng.choice(
        (rng.randbytes(100_000), b"\xff" * 5_000_000, b"\0" * 512)
    )
    return with_file(octets, b"application/msword", b"a.doc")


def _winmail(rng: Random) -> bytes:
    octets = b"\x78\x9f\x3e\x22\1\0" + rng.choice(
        (rng.randbytes(5_000), b"\2\x0f\x80\6\0\xff\xff\xff\x7f", b"\1\6\x90\x08\0\0\0\0\0" * 50_000)
    )
    return with_file(octets, b"application/ms-tnef", b"winmail.dat")


def _names(rng: Random) -> bytes:
    name = rng.choice(
        (
            "\u202e" * 200 + "fdp.exe",
            "a" * 100_000,
            "../" * 5_000,
            "\0" * 500,
            "ก" * 3_000,
            "=?utf-8?b?" + "4LiB" * 5_000 + "?=",
            ".",
            "CON",
            "ที่ กก ๑-" * 500,
            "{{x}}#import",
            "x\u0301" * 5_000,
        )
    )
    return with_file(pdfs.document(), b"application/pdf", name.encode().replace(b'"', b""))


def _dkim(rng: Random) -> bytes:
    extra = rng.choice(
        (
            b"h=" + b"from:" * 20_000,
            b"h=from; l=0",
            b"h=from; c=" + b"relaxed/" * 9_000,
            b"h=from; l=" + b"9" * 5_000,
            b"h=from; x=" + b"9" * 4_400,
            b"h=from; i=" + b"@" * 9_000,
        )
    )
    line = b"DKIM-Signature: v=1; a=rsa-sha256; d=b.th; s=s; bh=" + b"A" * 44 + b"; b=AAAA; t=1; " + extra + b"\r\n"
    seal = b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=b.th; s=s; b=AAAA\r\nARC-Message-Signature: i=%d; a=rsa-sha256; d=b.th; s=s; h=from; bh=AAAA; b=AAAA\r\nARC-Authentication-Results: i=%d; x\r\n"
    arc = b"".join(seal % (n, n, n) for n in range(1, rng.choice((2, 51, 2_000))))
    body = rng.choice((b"x", b" " * 3_000_000, b"\r\n" * 2_000_000, b" \t" * 1_000_000 + b"x"))
    return line * rng.choice((1, 200)) + arc + HEAD + b"\r\n" + body


def _authors(rng: Random) -> bytes:
    fragment = rng.choice(
        (b"a@b.th, ", b"(", b'"', b"<", b"a: ", b"[", b"\\(", b"@", b"<@a,@b:c@d>,", b"=?utf-8?q?a@b?= <x@y>,", b". ")
    )
    return b"From: " + fragment * (rng.choice((5_000, 60_000)) // len(fragment)) + b"\r\nSubject: x\r\n\r\nx"


def _signed_mail(rng: Random) -> bytes:
    kind = rng.choice(
        (
            b"application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
            b"application/pkcs7-signature; name=smime.p7s",
        )
    )
    octets = rng.choice(
        (
            b"\x30\x80" * 50_000,
            certificates.content()[:700],
            rng.randbytes(2_000),
            certificates.der(0x30, b"\x30\0" * 400_000),
            certificates.content(),
        )
    )
    if b"signature" in kind:
        return (
            HEAD
            + b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: '
            + kind
            + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(octets)
            + b"--b--\r\n"
        )
    return (
        HEAD + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(octets)
    )


def _many_files(rng: Random) -> bytes:
    part = b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(
        rng.choice((certificates.signed(3), pdfs.document(), b"%PDF-"))
    )
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * rng.choice((25, 299)) + b"--b--"


def _octets(rng: Random) -> bytes:
    return rng.choice((b"", HEAD, b"Subject: x\r\n\r\n")) + rng.choice(
        (
            rng.randbytes(rng.choice((10, 5_000, 1_000_000))),
            b"\n" * 5_000_000,
            b"\r" * 3_000_000,
            b"\0" * 5_000_000,
            b"a" * 10_000_000,
            b":" * 1_000_000,
        )
    )


def _changed(rng: Random) -> bytes:
    octets = bytearray(with_file(certificates.signed()))
    for _ in range(rng.choice((1, 5, 100))):
        at = rng.randrange(min(len(octets), rng.choice((600, len(octets)))))
        octets[at] = rng.choice((rng.randrange(256), 10, 13, 0, 58, 61))
    return bytes(octets)


def _cut(rng: Random) -> bytes:
    octets = with_file(certificates.signed(3))
    return octets[: rng.randrange(len(octets))]


def every() -> dict[str, Make]:
    """All kinds by their names, those of files in a mail of one file."""
    own = (_nested_parts, _nested_letters, _many_parts, _boundaries, _many_headers, _long_header, _continued, _charset, _transfer, _html, _text,
           _text_in_file, _zip, _zip_header, _compound, _winmail, _names, _dkim, _authors, _signed_mail, _many_files, _octets, _changed, _cut)  # fmt: skip
    made: dict[str, Make] = {f"mail {one.__name__[1:]}": one for one in own}
    for name, file in {**pdfs.every(), **certificates.every()}.items():
        made[name] = lambda rng, file=file: with_file(file(rng))  # type: ignore[misc]  # the default holds the loop's value
    return made
