# ruff: noqa: E501 - octets of files, which are read more easily as one line
"""Signatures in PDF files whose octets are real, and whose certificates, structures and lists mean harm."""

from functools import cache
from random import Random

from asn1crypto import cms, core, keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests import pki
from tests.hostile import pdfs


def der(tag: int, octets: bytes) -> bytes:
    """One value with its length in the fewest octets."""
    size = len(octets)
    if size < 128:
        return bytes((tag, size)) + octets
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + octets


@cache
def root() -> pki.Authority:
    """The authority of the campaign: it is in the trust store, so that everything is looked at to its end."""
    return pki.make_root("Campaign Root CA")


def anchor() -> bytes:
    """Its certificate."""
    return root().der


@cache
def signer() -> pki.Identity:
    return pki.make_signer(root(), rsa_key=False)


@cache
def signed(times: int = 1) -> bytes:
    """An honest file with so many signatures."""
    octets = pdfs.document()
    for number in range(times):
        octets = pki.sign_pdf(octets, signer(), field=f"Signature{number}")
    return octets


@cache
def stamped() -> bytes:
    return pki.sign_pdf(
        pdfs.document(), signer(), stamper=pki.make_signer(root(), "stamper", timestamping=True, rsa_key=True)
    )


@cache
def content() -> bytes:
    """The CMS of the honest file, without what fills its hole."""
    octets = signed()
    start = octets.index(b"/Contents <") + len(b"/Contents <")
    raw = bytes.fromhex(octets[start : octets.index(b">", start)].decode())
    return bytes(cms.ContentInfo.load(raw).dump())


def with_contents(contents: bytes) -> bytes:
    """A file whose signature's CMS is this."""
    octets = pdfs.fields(1, lambda _: pdfs.signature(contents, b"[0 0000000000 0000000000 0000000000]"))
    start = octets.index(b"/Contents<") + len(b"/Contents")
    end = octets.index(b">", start) + 1
    said = b"[0 %010d %010d %010d]" % (start, end, len(octets) - end)
    return octets.replace(b"[0 0000000000 0000000000 0000000000]", said)


def _indefinite(rng: Random) -> bytes:
    depth = rng.choice((50, 3_000, 200_000))
    tag = rng.choice((b"\x30\x80", b"\x24\x80", b"\xa0\x80", b"\x31\x80"))
    start = rng.choice((b"", b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80"))
    return with_contents(start + tag * depth + rng.choice((b"", b"\0\0" * depth)))


def _nested(rng: Random) -> bytes:
    octets = b"\x05\x00"
    for _ in range(rng.choice((100, 4_000))):
        octets = der(rng.choice((0x30, 0x31, 0xA0)), octets)
    return with_contents(octets)


def _lengths(rng: Random) -> bytes:
    octets = bytearray(content())
    for _ in range(rng.choice((1, 3, 20))):
        at = rng.randrange(len(octets) - 6)
        octets[at : at + 5] = rng.choice(
            (b"\x84\xff\xff\xff\xff", b"\x30\x84\x7f\xff\xff", b"\x30\x80\x30\x80\x30", b"\x88\xff\xff\xff\xff")
        )
    return with_contents(bytes(octets))


def _certificates(rng: Random) -> bytes:
    """A certificate many times over, and thousands of small values that say they are some."""
    made = cms.ContentInfo.load(content())
    signed_data = made["content"]
    one = signer().certificate.public_bytes(Encoding.DER)
    many = [asn1_x509.Certificate.load(one) for _ in range(rng.choice((200, 3_000)))]
    signed_data["certificates"] = cms.CertificateSet(many)
    return with_contents(made.dump())


def _infos(rng: Random) -> bytes:
    made = cms.ContentInfo.load(content())
    infos = made["content"]["signer_infos"]
    made["content"]["signer_infos"] = cms.SignerInfos([infos[0]] * rng.choice((0, 2, 500)))
    return with_contents(made.dump())


def _attributes(rng: Random) -> bytes:
    made = cms.ContentInfo.load(content())
    info = made["content"]["signer_infos"][0]
    extra = [
        cms.CMSAttribute({"type": f"1.2.3.{n}", "values": [core.OctetString(b"x" * 100)]})
        for n in range(rng.choice((500, 10_000)))
    ]
    key = rng.choice(("signed_attrs", "unsigned_attrs"))
    info[key] = cms.CMSAttributes([*(info[key] or []), *extra]) if key == "signed_attrs" else cms.CMSAttributes(extra)
    return with_contents(made.dump())


@cache
def _mesh(width: int, depth: int) -> bytes:
    """Authorities that certify each other crosswise: `width` to the power of `depth` ways lead up, none to an end."""
    levels = [[pki.make_root(f"L{level}") for _ in range(width)] for level in range(depth)]
    leaf = pki.make_signer(levels[0][0], "leaf")
    made = [asn1_x509.Certificate.load(leaf.certificate.public_bytes(Encoding.DER))]
    for level in range(depth - 1):
        for below in levels[level]:
            for above in levels[level + 1]:
                certificate = _issued(below, above)
                made.append(asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)))
    octets = pki.sign_pdf(pdfs.document(), leaf)
    start = octets.index(b"/Contents <") + len(b"/Contents <")
    raw = bytes.fromhex(octets[start : octets.index(b">", start)].decode())
    found = cms.ContentInfo.load(raw)
    found["content"]["certificates"] = cms.CertificateSet(made)
    return bytes(found.dump())


def _issued(below: pki.Authority, above: pki.Authority) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(below.certificate.subject)
        .issuer_name(above.certificate.subject)
        .public_key(below.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(below.certificate.not_valid_before_utc)
        .not_valid_after(below.certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(above.key, hashes.SHA256())


def _crossed(rng: Random) -> bytes:
    return with_contents(_mesh(*rng.choice(((2, 8), (3, 8), (4, 10)))))


def _store(rng: Random) -> bytes:
    """A security store with lists of any size, before a real signature."""
    rows = b"".join(
        der(0x30, der(2, n.to_bytes(4, "big")) + der(0x17, b"250101000000Z"))
        for n in range(rng.choice((1_000, 60_000)))
    )
    algorithm = der(0x30, bytes.fromhex("06082a8648ce3d040302"))
    name = root().certificate.subject.public_bytes()
    tbs = der(0x30, algorithm + name + der(0x17, b"250101000000Z") + der(0x17, b"350101000000Z") + der(0x30, rows))
    crl = der(0x30, tbs + algorithm + der(3, b"\0" + bytes(64)))
    count = rng.choice((1, 200))
    octets = pdfs.document(
        {20: pdfs.deflated(crl), 21: pdfs.stream(b"\x30\x03\x0a\x01\x00")},
        b"/DSS<</CRLs["
        + b"20 0 R " * count
        + b"]/OCSPs["
        + b"21 0 R " * 5_000
        + b"]/Certs["
        + b"21 0 R " * 5_000
        + b"]>>",
    )
    return pki.sign_pdf(octets, signer())


def _integer(value: int) -> bytes:
    return der(2, b"\0" + value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _long_keys(rng: Random) -> bytes:
    """An RSA key of absurd length or exponent in the signer's certificate."""
    bits = rng.choice((16_384, 65_536, 1_000_000))
    modulus = rng.getrandbits(bits) | 1 | 1 << (bits - 1)
    exponent = rng.choice((65_537, rng.getrandbits(bits) | 1))
    key = der(
        0x30,
        bytes.fromhex("300d06092a864886f70d0101010500")
        + der(3, b"\0" + der(0x30, _integer(modulus) + _integer(exponent))),
    )
    made = cms.ContentInfo.load(content())
    one = asn1_x509.Certificate.load(signer().certificate.public_bytes(Encoding.DER))
    one["tbs_certificate"]["subject_public_key_info"] = keys.PublicKeyInfo.load(key)
    made["content"]["certificates"] = cms.CertificateSet([one])
    info = made["content"]["signer_infos"][0]
    info["signature_algorithm"] = cms.SignedDigestAlgorithm({"algorithm": "sha256_rsa"})
    info["signature"] = core.OctetString(rng.randbytes(bits // 8))
    return with_contents(made.dump(force=True))


def _later(rng: Random) -> bytes:
    """Thousands of changes after a signature."""
    out = bytearray(signed())
    tail = out.rindex(b"startxref") + 9
    previous = int(out[tail : out.index(b"%%EOF", tail)].split()[0])
    size = 400
    for number in range(rng.choice((50, 1_500))):
        place = len(out)
        out += b"%d 0 obj\n<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>\nendobj\n" % (200 + number % 100)
        table = len(out)
        out += b"xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
            200 + number % 100,
            place,
            size,
            previous,
            table,
        )
        previous = table
    return bytes(out)


def _many_signed(rng: Random) -> bytes:
    return signed(rng.choice((5, 40)))


def _hole(rng: Random) -> bytes:
    return with_contents(content() + bytes(rng.choice((0, 4_000_000))))


def _one_cms_many_fields(rng: Random) -> bytes:
    contents = content()
    return pdfs.fields(
        rng.choice((40, 5_000)), lambda n: pdfs.signature(contents if n < 60 else b"0\0", b"[0 10 20 10]")
    )


def _changed(rng: Random) -> bytes:
    octets = bytearray(rng.choice((signed(), signed(3), stamped())))
    for _ in range(rng.choice((1, 2, 10, 200))):
        at = rng.randrange(len(octets))
        octets[at] = rng.choice((rng.randrange(256), octets[at] ^ (1 << rng.randrange(8)), 0, 0xFF, 0x30))
    return bytes(octets)


def _cut(rng: Random) -> bytes:
    octets = rng.choice((signed(), signed(3), stamped()))
    start = rng.choice((0, 0, rng.randrange(len(octets))))
    return b"%PDF-1.7\n" * bool(start) + octets[start : rng.randrange(start, len(octets))]


def _pieces(rng: Random) -> bytes:
    """Pieces of a real file moved, doubled, left out."""
    octets = rng.choice((signed(), signed(3), stamped()))
    cuts = sorted(rng.sample(range(len(octets)), 12))
    pieces = [octets[a:b] for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
    return (
        b"".join(rng.choices(pieces, k=14)) if rng.random() < 0.5 else b"".join(pieces[:1] + rng.sample(pieces[1:], 12))
    )


def every() -> dict[str, pdfs.Make]:
    """All kinds by their names."""
    made = (_indefinite, _nested, _lengths, _certificates, _infos, _attributes, _crossed, _store, _long_keys, _later, _many_signed,
            _hole, _one_cms_many_fields, _changed, _cut, _pieces)  # fmt: skip
    return {f"signature {one.__name__[1:]}": one for one in made}
