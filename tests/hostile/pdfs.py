# ruff: noqa: E501 - octets of files, which are read more easily as one line
"""PDF files that mean harm: bombs, loops, depth, multitudes. Each is made from a random generator; the same seed makes
the same file."""

import zlib
from collections.abc import Callable
from random import Random
from typing import Final

Make = Callable[[Random], bytes]

_TEXT: Final = b"BT /F1 12 Tf 50 700 Td (letter) Tj ET"
_PAGE: Final = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
_FONT: Final = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
_SIGNED: Final = b"/Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached"


def stream(octets: bytes, extra: bytes = b"") -> bytes:
    """A stream object."""
    return b"<<" + extra + b"/Length %d>>stream\n" % len(octets) + octets + b"\nendstream"


def deflated(octets: bytes, extra: bytes = b"") -> bytes:
    """The same, packed."""
    return stream(zlib.compress(octets, 6), extra + b"/Filter/FlateDecode")


def zeros(megabytes: int, octet: bytes = b"\0") -> bytes:
    """So much of one octet, packed, without ever being there."""
    packer = zlib.compressobj(9)
    block = octet * 1_048_576
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()


def file(objects: dict[int, bytes], root: int = 1, trailer: bytes = b"") -> bytes:
    """A file of the objects, with the table that belongs to them."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places: dict[int, int] = {}
    for number, octets in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + octets + b"\nendobj\n"
    start = len(out)
    size = max(objects) + 1
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number in sorted(places):
        out += b"%d 1\n%010d 00000 n \n" % (number, places[number])
    out += b"trailer\n<</Size %d/Root %d 0 R" % (size, root) + trailer + b">>\nstartxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def document(changed: dict[int, bytes] | None = None, catalog: bytes = b"", trailer: bytes = b"") -> bytes:
    """A page of text, with objects changed or added."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R" + catalog + b">>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: _PAGE,
        4: stream(_TEXT),
        5: _FONT,
    }
    return file(objects | (changed or {}), trailer=trailer)


def fields(count: int, made: Callable[[int], bytes]) -> bytes:
    """A document with so many signature fields, each with the signature dictionary that is made for it."""
    objects = {10 + 2 * n: b"<</FT/Sig/T(s%d)/V %d 0 R>>" % (n, 11 + 2 * n) for n in range(count)}
    objects |= {11 + 2 * n: made(n) for n in range(count)}
    kids = b" ".join(b"%d 0 R" % (10 + 2 * n) for n in range(count))
    return document(objects, b"/AcroForm<</SigFlags 3/Fields[" + kids + b"]>>")


def signature(contents: bytes, ranges: bytes = b"[0 100 200 100]", extra: bytes = b"") -> bytes:
    """A signature dictionary."""
    return b"<<" + _SIGNED + extra + b"/ByteRange" + ranges + b"/Contents<" + contents.hex().encode() + b">>>"


# -- bombs --------------------------------------------------------------------------------------------------------------


def _flate_bomb(rng: Random) -> bytes:
    return document(
        {4: stream(zeros(rng.choice((50, 200, 400)), rng.choice((b"\0", b" ", b"q"))), b"/Filter/FlateDecode")}
    )


def _flate_twice(rng: Random) -> bytes:
    inner = zlib.compress(zeros(rng.choice((100, 600))), 9)
    return document({4: stream(inner, b"/Filter[/FlateDecode/FlateDecode]")})


def _filters(rng: Random) -> bytes:
    octets = _TEXT
    names = []
    for _ in range(rng.choice((50, 400))):
        octets = zlib.compress(octets, 1)
        names.append(b"/FlateDecode")
    return document({4: stream(octets, b"/Filter[" + b"".join(names) + b"]")})


def _run_lengths(rng: Random) -> bytes:
    kind = rng.choice((b"/RunLengthDecode", b"/LZWDecode", b"/ASCII85Decode", b"/ASCIIHexDecode"))
    octets = {b"/RunLengthDecode": b"\x81 " * 2_000_000, b"/ASCII85Decode": b"z" * 4_000_000 + b"~>"}.get(kind)
    return document({4: stream(octets or rng.randbytes(1_000_000), b"/Filter" + kind)})


def _object_stream_bomb(rng: Random) -> bytes:
    count = rng.choice((1_000, 1_000_000, 2_000_000_000))
    packed = zeros(rng.choice((20, 100)), b" ")
    objects = {6: stream(packed, b"/Type/ObjStm/N %d/First 10/Filter/FlateDecode" % count)}
    return document(objects, b"/AcroForm 7 0 R") + b"/ByteRange"


def _xref_stream(rng: Random) -> bytes:
    widths = rng.choice(
        (b"[1 4 2]", b"[8 8 8]", b"[1 1000000 1]", b"[0 0 0]", b"[-1 4 2]", b"[1 2147483647 2]", b"[1]")
    )
    size = rng.choice((10, 1_000_000, 2_147_483_647, 10**15))
    index = rng.choice((b"", b"/Index[0 2147483647]", b"/Index[0 1 0 1 0 1]", b"/Index[-5 10]"))
    octets = zeros(rng.choice((1, 60)))
    head = document()
    start = len(head)
    said = b"/Type/XRef/Size %d/Root 1 0 R/W" % size + widths + index + b"/Filter/FlateDecode"
    return head + b"9 0 obj\n" + stream(octets, said) + b"\nendobj\nstartxref\n%d\n%%%%EOF\n/ByteRange" % start


def _xref_table(rng: Random) -> bytes:
    count = rng.choice((99_999_999, 500_000))
    rows = b"0000000009 00000 n \n" * (500_000 if count == 500_000 else 10)
    head = document()
    start = len(head)
    return (
        head
        + b"xref\n0 %d\n" % count
        + rows
        + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n/ByteRange" % (count, start)
    )


def _xref_loop(rng: Random) -> bytes:
    head = document()
    count = rng.choice((1, 2, 5_000))
    out, before = bytearray(head), len(head)
    first = before
    for number in range(count):
        place = len(out)
        previous = first if number else place
        key = rng.choice((b"/Prev", b"/XRefStm"))
        out += b"xref\n0 0\ntrailer\n<</Size 6/Root 1 0 R" + key + b" %d>>\n" % (previous if count < 9 else before)
        before = place
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n/ByteRange" % before


def _image(rng: Random) -> bytes:
    kind = rng.choice((b"/JBIG2Decode", b"/JPXDecode", b"/DCTDecode", b"/CCITTFaxDecode", b"/FlateDecode"))
    side = rng.choice((10_000, 65_535, 2_000_000_000))
    start = {
        b"/JBIG2Decode": b"\0\0\0\0\x30\0\1\0\0\0\x13" + side.to_bytes(4, "big") * 2 + bytes(11),
        b"/JPXDecode": bytes.fromhex(
            "ff4fff510029000000ffffffffffff0000000000000000ffffffffffff000000000000000000010701 01".replace(" ", "")
        ),
        b"/DCTDecode": bytes.fromhex("ffd8ffc0001108ffffffff03012200021101031101"),
        b"/CCITTFaxDecode": b"",
        b"/FlateDecode": zeros(100),
    }[kind]
    octets = start if kind == b"/FlateDecode" else start + rng.randbytes(rng.choice((100, 100_000)))
    said = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Width %d/Height %d/Filter" % (
        side,
        side,
    )
    pages = {3: _PAGE.replace(b"<</Font", b"<</XObject<</I 6 0 R>>/Font"), 6: stream(octets, said + kind)}
    return document(
        pages | {4: stream(b"q 500 0 0 500 0 0 cm /I Do Q " * rng.choice((1, 500)) + rng.choice((b"", _TEXT)))}
    )


# -- loops and depth ----------------------------------------------------------------------------------------------------


def _page_loop(rng: Random) -> bytes:
    kids = rng.choice((b"2 0 R", b"2 0 R 3 0 R 2 0 R", b"6 0 R"))
    count = rng.choice((1, -1, 2_147_483_647))
    tree = {2: b"<</Type/Pages/Kids[" + kids + b"]/Count %d/Parent 2 0 R>>" % count}
    return document(tree | {6: b"<</Type/Pages/Kids[2 0 R]/Parent 6 0 R/Count 9>>"})


def _page_depth(rng: Random) -> bytes:
    depth = rng.choice((500, 20_000))
    tree = {10 + n: b"<</Type/Pages/Parent %d 0 R/Kids[%d 0 R]/Count 1>>" % (9 + n, 11 + n) for n in range(depth)}
    return document(tree | {2: b"<</Type/Pages/Kids[10 0 R]/Count 1>>", 10 + depth: _PAGE})


def _pages(rng: Random) -> bytes:
    count = rng.choice((2_000, 100_000))
    return document({2: b"<</Type/Pages/Count %d/Kids[" % count + b"3 0 R " * count + b"]>>"})


def _deep(rng: Random) -> bytes:
    depth = rng.choice((200, 5_000, 500_000))
    opened, closed = rng.choice(((b"[", b"]"), (b"<</A ", b">>"), (b"(", b")"), (b"<<", b""), (b"[", b"")))
    octets = opened * depth + closed * depth
    where = rng.choice(("catalog", "content", "field", "info"))
    if where == "content":
        return document({4: stream(octets)})
    if where == "field":
        return document({6: b"<</FT/Sig/V " + octets + b">>"}, b"/AcroForm<</Fields[6 0 R]>>") + b"/ByteRange"
    return document({6: octets}, b"/X " + (octets if where == "catalog" else b"6 0 R")) + b"/ByteRange"


def _reference_loop(rng: Random) -> bytes:
    length = rng.choice((b"4 0 R", b"6 0 R"))
    objects = {
        6: b"7 0 R",
        7: b"6 0 R",
        4: b"<</Length " + length + b"/Filter 6 0 R/DecodeParms 7 0 R>>stream\nx\nendstream",
    }
    return document(objects, b"/AcroForm 6 0 R/DSS 7 0 R/Perms 6 0 R") + b"/ByteRange"


def _forms(rng: Random) -> bytes:
    """Each form draws the next one ten times over; or itself."""
    levels, width = rng.choice(((1, 10), (9, 10), (25, 2), (400, 1)))
    loop = levels == 1
    objects = {
        10 + n: stream(
            b"/F Do " * width,
            b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>" % (10 if loop else 11 + n),
        )
        for n in range(levels)
    }
    objects[10 + levels] = stream(_TEXT, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F1 5 0 R>>>>")
    page = {3: _PAGE.replace(b"<</Font", b"<</XObject<</F 10 0 R>>/Font"), 4: stream(b"/F Do")}
    return document(objects | page)


def _glyphs(rng: Random) -> bytes:
    """A font whose letters are drawn by the font."""
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 0/LastChar 255/Widths 8 0 R/CharProcs<</a 6 0 R>>/Encoding<</Differences[0"
        + b"/a" * 256
        + b"]>>/Resources<</Font<</F1 5 0 R>>>>>>"
    )
    drawn = stream(b"BT /F1 9 Tf (" + b"a" * rng.choice((10, 500)) + b") Tj ET")
    return document({5: font, 6: drawn, 8: b"[" + b"9 " * 256 + b"]", 4: stream(b"BT /F1 9 Tf (aaaaaaaa) Tj ET")})


def _field_tree(rng: Random) -> bytes:
    depth = rng.choice((1, 100, 5_000))
    objects = {
        10 + n: b"<</FT/Sig/T(a)/Kids[%d 0 R %d 0 R]/Parent %d 0 R>>" % (11 + n, 11 + n, 10 + n) for n in range(depth)
    }
    objects[10 + depth] = rng.choice((b"<</FT/Sig/T(a)/Kids[10 0 R]>>", b"<</FT/Sig/T(a)/V 11 0 R>>"))
    return document(objects, b"/AcroForm<</Fields[10 0 R]>>") + b"/ByteRange"


# -- multitudes ---------------------------------------------------------------------------------------------------------


def _objects(rng: Random) -> bytes:
    count = rng.choice((20_000, 200_000, 1_000_000))
    return document({10 + n: b"null" for n in range(count)}) + rng.choice((b"", b"/ByteRange"))


def _operators(rng: Random) -> bytes:
    one = rng.choice(
        (b"q ", b"0 0 m 9 9 l S ", b"BT ET ", b"/F1 9 Tf ", b"BI /W 1 /H 1 /BPC 8 /CS /G ID x EI ", b"/x BMC ", b"W n ")
    )
    return document({4: deflated(one * (rng.choice((2, 12)) * 1_000_000 // len(one)))})


def _characters(rng: Random) -> bytes:
    count = rng.choice((15_000, 200_000, 3_000_000))
    line = rng.choice((b"(%s) Tj", b"[%s] TJ", b"1 0 0 1 9 9 Tm (%s) Tj"))
    shown = {b"[%s] TJ": b"(a) 900 (b) -900 " * (count // 2)}.get(line, b"ab  " * (count // 4))
    return document({4: deflated(b"BT /F1 1 Tf 9 9 Td " + line.replace(b"%s", shown) + b" ET")})


def _marks(rng: Random) -> bytes:
    """Thai text of nothing but marks, each where it likes."""
    codes = "".join(f"<{n:02x}> <0e{rng.choice((0x31, 0x34, 0x47, 0x48, 0x4D, 0x33, 0x32)):02x}>\n" for n in range(100))
    mapped = f"begincmap 1 begincodespacerange <00> <ff> endcodespacerange 100 beginbfchar\n{codes}endbfchar endcmap".encode()
    shown = bytes(rng.randrange(65, 100) for _ in range(rng.choice((5_000, 20_000)))).replace(b"\\", b"A")
    return document(
        {
            5: _FONT[:-2] + b"/ToUnicode 6 0 R>>",
            6: stream(mapped),
            4: deflated(b"BT /F1 9 Tf 9 9 Td (" + shown + b") Tj ET"),
        }
    )


def _map(rng: Random) -> bytes:
    ranges = b"<0000> <ffff> <0e01>\n" * rng.choice((1, 1_000, 100_000))
    mapped = b"/CIDInit/ProcSet findresource begin begincmap\n1 beginbfrange\n" + ranges + b"endbfrange\nendcmap"
    font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/ToUnicode 6 0 R/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/BaseFont/X/W[0 65535 500]>>]>>"
    return document({5: font, 6: deflated(mapped), 4: stream(b"BT /F1 9 Tf 9 9 Td <" + b"0001" * 5_000 + b"> Tj ET")})


def _revisions(rng: Random) -> bytes:
    out = bytearray(document())
    previous = out.rindex(b"xref\n0 1")
    for _ in range(rng.choice((100, 3_000))):
        place = len(out)
        out += b"4 0 obj\n" + stream(_TEXT) + b"\nendobj\n"
        table = len(out)
        out += b"xref\n4 1\n%010d 00000 n \ntrailer\n<</Size 6/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
            place,
            previous,
            table,
        )
        previous = table
    return bytes(out) + b"/ByteRange"


def _encrypted(rng: Random) -> bytes:
    said = rng.choice((
        b"/V 5/R 6/Length 256", b"/V 4/R 4/Length 128", b"/V 1/R 2", b"/V 2/R 3/Length 4294967295", b"/V 99/R 99", b"/V 5/R 5/Length -1",
    ))  # fmt: skip
    keys = b"".join(
        b"/%s<%s>" % (key, rng.randbytes(rng.choice((0, 32, 48, 127, 5_000))).hex().encode())
        for key in (b"O", b"U", b"OE", b"UE", b"Perms")
    )
    cf = b"/CF<</StdCF<</CFM/AESV3/Length 32>>>>/StmF/StdCF/StrF/StdCF"
    return (
        document({9: b"<</Filter/Standard/P -1" + said + keys + cf + b">>"}, trailer=b"/Encrypt 9 0 R/ID[<00><00>]")
        + b"/ByteRange"
    )


def _byte_ranges(rng: Random) -> bytes:
    numbers = (0, 1, -1, 100, 2**31, 2**63, 10**30, -(2**40))
    ranges = b"[" + b" ".join(b"%d" % rng.choice(numbers) for _ in range(rng.choice((0, 2, 4, 4, 4, 2_000)))) + b"]"
    return fields(rng.choice((1, 40)), lambda _: signature(rng.randbytes(64), ranges))


def _names(rng: Random) -> bytes:
    """A catalog full of what a reader might follow."""
    links = b"/Dests 1 0 R/Names<</EmbeddedFiles<</Kids[1 0 R 1 0 R]>>>>/Outlines 1 0 R/StructTreeRoot 1 0 R/OCProperties 1 0 R/Metadata 1 0 R"
    return (
        document(
            {4: stream(_TEXT + b"/P <</MCID 0>> BDC " * rng.choice((1, 50_000)))},
            links + b"/AcroForm<</XFA 4 0 R/Fields 1 0 R>>",
        )
        + b"/ByteRange"
    )


def _numbers(rng: Random) -> bytes:
    number = rng.choice(
        (b"9" * 100_000, b"-" * 100_000, b"." * 50_000, b"0" * 200_000 + b"1", b"1e999999999", b"4" * 4_400)
    )
    return (
        document({4: stream(number + b" 0 Td " + _TEXT), 2: b"<</Type/Pages/Kids[3 0 R]/Count " + number + b">>"})
        + b"/ByteRange"
    )


def _garbage(rng: Random) -> bytes:
    words = (b"<<", b">>", b"[", b"]", b"(", b")", b"obj", b"endobj", b"stream", b"endstream", b"xref", b"trailer", b"startxref", b"/ByteRange", b"/Sig", b"/ObjStm",
             b"R", b"0", b"1", b"%", b"\n", b" ", b"/Kids", b"/Root", b"<", b">", b"null", b"%%EOF", b"\r", b"\0")  # fmt: skip
    return b"%PDF-1.7\n" + b" ".join(rng.choices(words, k=rng.choice((200, 20_000, 200_000))))


def every() -> dict[str, Make]:
    """All kinds by their names."""
    own = {name[1:]: made for name, made in globals().items() if name.startswith("_") and callable(made)}
    return {f"pdf {name}": made for name, made in own.items()}
