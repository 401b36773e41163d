"""Names of files as mail programs really write them, and what becomes of those that mislead."""
# ruff: noqa: E501 - a table: one mailer a line

import base64
import quopri
import random
import unicodedata
from urllib.parse import quote

import pytest

from services.sign import attachment_name, message
from services.sign.attachment_name import CHARACTERS, OCTETS, for_saving, read, safe

THAI = "หนังสือที่ นร ๑๒๐๐-ว๕๖ เรื่อง แนวปฏิบัติที่ดี.pdf"
SHORT = "บันทึกข้อความ.pdf"


def name_of(disposition: bytes, content_type: bytes = b"application/pdf") -> str:
    """The name of a part with these fields, by the whole way through the mail."""
    octets = (
        b"Subject: x\r\nContent-Type: " + content_type + b"\r\nContent-Disposition: " + disposition + b"\r\n\r\n%PDF-"
    )
    (part,) = message.read(octets).parts
    return part.name


def word(octets: bytes, label: str = "UTF-8") -> str:
    return f"=?{label}?B?{base64.b64encode(octets).decode()}?="


def q_word(octets: bytes, label: str = "UTF-8") -> str:
    said = "".join(chr(octet) if chr(octet).isalnum() and octet < 128 else f"={octet:02X}" for octet in octets)
    return f"=?{label}?Q?{said}?="


def in_words(text: str, size: int, label: str = "UTF-8", encoding: str = "utf-8", glue: str = "\r\n ") -> str:
    """Encoded words of `size` octets each, cut wherever that falls, in the middle of characters too."""
    octets = text.encode(encoding)
    return glue.join(word(octets[at : at + size], label) for at in range(0, len(octets), size))


def continued(text: str, size: int = 30, label: str = "utf-8", encoding: str = "utf-8") -> str:
    """RFC 2231 as Thunderbird writes it."""
    said = quote(text.encode(encoding), safe="")
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    # No percent sign is cut in two (the grammar forbids it); characters are.
    pieces = _whole(pieces)
    head = f"{label}''"
    return ";\r\n ".join(f"filename*{n}*={head if n == 0 else ''}{piece}" for n, piece in enumerate(pieces))


def _whole(pieces: list[str]) -> list[str]:
    joined = "".join(pieces)
    found: list[str] = []
    at = 0
    while at < len(joined):
        end = min(len(joined), at + 30)
        while end < len(joined) and "%" in joined[end - 2 : end]:
            end -= 1
        found.append(joined[at:end])
        at = end
    return found


SHAPES: list[tuple[str, bytes, bytes, str]] = [
    # who writes so, Content-Disposition, Content-Type, the name
    ("RFC 2231, one piece", f"attachment; filename*=utf-8''{quote(THAI)}".encode(), b"", THAI),
    ("RFC 2231, language", f"attachment; filename*=UTF-8'th'{quote(THAI)}".encode(), b"", THAI),
    ("Thunderbird: continuations", f"attachment;\r\n {continued(THAI)}".encode(), b"", THAI),
    ("continuations, windows-874", f"attachment; {continued(THAI, label='windows-874', encoding='cp874')}".encode(), b"", THAI),
    ("continuations, TIS-620", f"attachment; {continued(SHORT, label='TIS-620', encoding='cp874')}".encode(), b"", SHORT),
    ("continuations out of order", b"attachment; filename*1*=%81.pdf; filename*0*=utf-8''%E0%B8", b"", "ก.pdf"),
    ("the last segment plain", b"attachment; filename*0*=utf-8''%E0%B8%81; filename*1=\".pdf\"", b"", "ก.pdf"),
    ("continuations without octets", b'attachment; filename*0="letter of "; filename*1="today.pdf"', b"", "letter of today.pdf"),
    ("numbered from 1", b"attachment; filename*1*=utf-8''%E0%B8%81; filename*2*=.pdf", b"", "ก.pdf"),
    ("a hole", b"attachment; filename*0*=utf-8''%E0%B8%81.pdf; filename*2*=.exe", b"", "ก.pdf"),
    ("quotes where none belong", f"attachment; filename*=\"utf-8''{quote(SHORT)}\"".encode(), b"", SHORT),
    ("quotes behind the apostrophes", f"attachment; filename*=utf-8''\"{quote(SHORT)}\"".encode(), b"", SHORT),
    ("no character set", f"attachment; filename*={quote(SHORT)}".encode(), b"", SHORT),
    ("a character set nobody knows", f"attachment; filename*=x-thai''{quote(SHORT)}".encode(), b"", SHORT),
    ("both, as browsers' mailers do", f"attachment; filename=\"______.pdf\"; filename*=utf-8''{quote(THAI)}".encode(), b"", THAI),
    ("both, the plain one in words", f'attachment; filename="{word(THAI.encode())}"; filename*=utf-8\'\'{quote(THAI)}'.encode(), b"", THAI),
    ("Outlook: words in the parameter", f'attachment;\r\n\tfilename="{word(THAI.encode())}"'.encode(), b"", THAI),
    ("Outlook: name= and filename=", f'attachment;\r\n\tfilename="{word(SHORT.encode())}"'.encode(),
     f'application/pdf;\r\n\tname="{word(SHORT.encode())}"'.encode(), SHORT),
    ("Exchange: filename= lost its letters", b'attachment; filename="????????.pdf"', f'application/pdf; name="{word(SHORT.encode())}"'.encode(), SHORT),
    ("only name=", b"attachment", f'application/pdf; name="{word(SHORT.encode())}"'.encode(), SHORT),
    ("name=, in octets without label", b"attachment", b'application/pdf; name="' + SHORT.encode("cp874") + b'"', SHORT),
    ("several words, folded", f'attachment; filename="{in_words(THAI, 45)}"'.encode(), b"", THAI),
    ("several words, cut inside characters", f'attachment; filename="{in_words(THAI, 44)}"'.encode(), b"", THAI),
    ("several words, one line", f'attachment; filename="{in_words(THAI, 40, glue=" ")}"'.encode(), b"", THAI),
    ("several words, nothing between", f'attachment; filename="{in_words(THAI, 41, glue="")}"'.encode(), b"", THAI),
    ("several words, each in quotes", f'attachment; filename="{in_words(THAI, 41, glue=chr(34) + " " + chr(34))}"'.encode(), b"", THAI),
    ("words without quotes", f"attachment; filename={in_words(THAI, 43)}; size=12".encode(), b"", THAI),
    ("words of TIS-620", f'attachment; filename="{in_words(THAI, 30, "TIS-620", "cp874")}"'.encode(), b"", THAI),
    ("words of windows-874", f'attachment; filename="{in_words(THAI, 30, "windows-874", "cp874")}"'.encode(), b"", THAI),
    ("words of ISO-8859-11, Q", f'attachment; filename="{q_word(SHORT.encode("cp874"), "ISO-8859-11")}"'.encode(), b"", SHORT),
    ("words that say Latin-1 and are TIS-620", f'attachment; filename="{word(SHORT.encode("cp874"), "iso-8859-1")}"'.encode(), b"", SHORT),
    ("words that say us-ascii and are UTF-8", f'attachment; filename="{word(SHORT.encode(), "us-ascii")}"'.encode(), b"", SHORT),
    ("words that say x-unknown", f'attachment; filename="{word(SHORT.encode("cp874"), "x-unknown")}"'.encode(), b"", SHORT),
    ("true Latin-1", f'attachment; filename="{word("Résumé.pdf".encode("latin-1"), "iso-8859-1")}"'.encode(), b"", "Résumé.pdf"),
    ("base64 of all, cut anywhere", b'attachment; filename="=?UTF-8?B?4LiB4LiC?=\r\n =?UTF-8?B?4LiD4?= =?UTF-8?B?LiELnBkZg==?="', b"", "กขฃค.pdf"),
    ("a word folded in its middle", b'attachment; filename="=?UTF-8?B?4LiB4L\r\n iCLnBkZg==?="', b"", "กข.pdf"),
    ("a word without its end", f'attachment; filename="{word(b"letter.pdf")[:-2]}"'.encode(), b"", "letter.pdf"),
    ("the ending behind the word", f'attachment; filename="{word("ก".encode())}.pdf"'.encode(), b"", "ก.pdf"),
    ("Q with spaces in it", b'attachment; filename="=?utf-8?Q?my letter=E0=B8=81.pdf?="', b"", "my letterก.pdf"),
    ("Q with underscores", b'attachment; filename="=?utf-8?Q?my_letter.pdf?="', b"", "my letter.pdf"),
    ("Q cut inside a character", b'attachment; filename="=?utf-8?Q?=E0=B8?= =?utf-8?Q?=81.pdf?="', b"", "ก.pdf"),
    ("B and Q mixed", f'attachment; filename="{word("ก".encode())} =?UTF-8?Q?=E0=B8=82.pdf?="'.encode(), b"", "กข.pdf"),
    ("words with a language", f'attachment; filename="=?UTF-8*th?B?{base64.b64encode(SHORT.encode()).decode()}?="'.encode(), b"", SHORT),
    ("words inside RFC 2231", f"attachment; filename*=utf-8''{quote(word(SHORT.encode()))}".encode(), b"", SHORT),
    ("words cut over continuations", f'attachment; filename*0="{word(SHORT.encode())[:20]}"; filename*1="{word(SHORT.encode())[20:]}"'.encode(), b"", SHORT),
    ("raw UTF-8", f'attachment; filename="{THAI}"'.encode(), b"", THAI),
    ("raw UTF-8 without quotes", f"attachment; filename={SHORT}".encode(), b"", SHORT),
    ("raw TIS-620", b'attachment; filename="' + THAI.encode("cp874") + b'"', b"", THAI),
    ("raw TIS-620, beside a field in UTF-8", b'attachment; filename="' + SHORT.encode("cp874") + b'"\r\nX-Note: ' + "ไทย".encode(), b"", SHORT),
    ("raw UTF-8, beside a field in TIS-620", f'attachment; filename="{SHORT}"'.encode() + b"\r\nX-Note: " + "ไทย".encode("cp874"), b"", SHORT),
    ("percent without the asterisk", f'attachment; filename="{quote(SHORT)}"'.encode(), b"", SHORT),
    ("a percent sign that is one", b'attachment; filename="100%25 done.pdf"', b"", "100%25 done.pdf"),
    ("UTF-8 read as Latin-1", f'attachment; filename="{SHORT.encode().decode("latin-1")}"'.encode(), b"", SHORT),
    ("references of a web form", b'attachment; filename="&#3585;&#3586;.pdf"', b"", "กข.pdf"),
    ("decomposed, as a Mac has it", f'attachment; filename="{unicodedata.normalize("NFD", "Résumé.pdf")}"'.encode(), b"", "Résumé.pdf"),
    ("a quote inside", b'attachment; filename="the "new" letter.pdf"; size=1', b"", 'the "new" letter.pdf'),
    ("an escaped quote inside", rb'attachment; filename="the \"new\" letter.pdf"; size=1', b"", 'the "new" letter.pdf'),
    ("no closing quote", b'attachment; filename="letter.pdf', b"", "letter.pdf"),
    ("a semicolon inside", b'attachment; filename="a;b.pdf"', b"", "a;b.pdf"),
    ("spaces around", b'attachment ; filename = "letter.pdf" ; size=1', b"", "letter.pdf"),
    ("upper case", b'ATTACHMENT; FILENAME="letter.pdf"', b"", "letter.pdf"),
    ("a path of Windows, not escaped", rb'attachment; filename="C:\Users\x\letter.pdf"', b"", "letter.pdf"),
    ("a path of Unix", b'attachment; filename="/tmp/../letter.pdf"', b"", "letter.pdf"),
    ("a folded quoted name", b'attachment; filename="a long\r\n name.pdf"', b"", "a long name.pdf"),
    ("no-break spaces", 'attachment; filename="ก\u00a0ข.pdf"'.encode(), b"", "ก ข.pdf"),
    ("zero width spaces between words", 'attachment; filename="ก\u200bข.pdf"'.encode(), b"", "กข.pdf"),
    ("leading dots", b'attachment; filename="...letter.pdf"', b"", "letter.pdf"),
    ("dots and spaces at the end", b'attachment; filename="letter.exe . . "', b"", "letter.exe"),
    ("nothing but dots", b'attachment; filename=".."', b"", "part-1.pdf"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("disposition", "content_type", "name"), [shape[1:] for shape in SHAPES], ids=[s[0] for s in SHAPES]
)
def test_what_mailers_really_send(disposition: bytes, content_type: bytes, name: str) -> None:
    assert name_of(disposition, content_type or b"application/pdf") == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    ("disposition", "content_type", "name", "tricks"),
    [
        ('attachment; filename="letter\u202efdp.exe"', "", "letterfdp.exe", {"reordered"}),
        ('attachment; filename="letter\u2066fdp.exe"', "", "letterfdp.exe", {"reordered"}),
        (f"attachment; filename*=utf-8''{quote(chr(0x202E) + 'fdp.exe')}", "", "fdp.exe", {"reordered"}),
        (f'attachment; filename="letter.pdf{" " * 60}.exe"', "", "letter.pdf .exe", {"padded"}),
        (f'attachment; filename="letter.pdf{chr(0x2800) * 60}.exe"', "", "letter.pdf .exe", {"padded"}),
        (f'attachment; filename="letter.pdf{chr(0x3000) * 60}.exe"', "", "letter.pdf .exe", {"padded"}),
        ('attachment; filename="a.exe"', 'application/pdf; name="a.pdf"', "a.exe", {"differs"}),
        ("attachment; filename=\"a.pdf\"; filename*=utf-8''a.exe", "", "a.exe", {"differs"}),
        ('attachment; filename="a.pdf"; filename="a.exe"', "", "a.pdf", {"differs"}),
        ('attachment; filename="หนังสือ.PDF"', 'application/pdf; name="x.pdf"', "หนังสือ.PDF", set()),
        ('attachment; filename="นร ๐๒๐๑.๒"', 'application/pdf; name="นร ๐๒๐๑.๓"', "นร ๐๒๐๑.๒", set()),
        ('attachment; filename="a  b   c.pdf"', "", "a b c.pdf", set()),
    ],
)
def test_names_that_mislead(disposition: str, content_type: str, name: str, tricks: set[str]) -> None:
    found = read(disposition, content_type)
    assert (found.text, set(found.tricks)) == (name, tricks)


def test_a_name_is_bounded_and_no_mark_is_parted_from_its_consonant() -> None:
    long = "ที่" * 300 + ".pdf"
    shown = safe(long).text
    assert len(shown) <= CHARACTERS
    assert shown.endswith("ที่.pdf")
    (saved,) = for_saving([shown])
    assert len(saved.encode()) <= OCTETS
    assert saved.endswith("ที่.pdf")
    assert len(saved.encode()) > OCTETS - 9


def test_names_to_save_under() -> None:
    given = [
        "a.pdf",
        "A.PDF",
        "a.pdf",
        "con.txt",
        "COM1",
        "lpt¹.x",
        "console.txt",
        'x<>:"|?*.pdf',
        "a (2).pdf",
        "",
        "x" * 300,
    ]
    saved = for_saving(given)
    assert saved[:9] == [
        "a.pdf", "A (2).PDF", "a (3).pdf", "_con.txt", "_COM1", "_lpt¹.x", "console.txt", "x_______.pdf", "a (2) (2).pdf",
    ]  # fmt: skip
    assert saved[9] == "file"
    assert len({name.casefold() for name in saved}) == len(given)
    assert all(0 < len(name.encode()) <= OCTETS for name in saved)
    many = for_saving(["ก" * 200 + ".pdf"] * 50)
    assert len(set(many)) == 50
    assert all(len(name.encode()) <= OCTETS and name.endswith(".pdf") for name in many)


def test_any_field_gives_a_safe_name() -> None:
    chance = random.Random(20_690_601)
    pieces = [
        '"',
        ";",
        "=",
        "*",
        "\\",
        "=?",
        "?=",
        "?B?",
        "?Q?",
        "utf-8",
        "''",
        "%E0",
        "%",
        "filename",
        "*0*",
        "ก",
        "ี่",
        "\u202e",
        "/",
        " ",
        "\r\n ",
        "=E0=B8",
        ".exe",
        "\ud800",
        "\x00",
        "&#3585;",
    ]
    for _ in range(20_000):
        field = "attachment; filename" + "".join(chance.choices(pieces, k=chance.randint(1, 25)))
        name = read(field, field.replace("filename", "name")).text
        assert name == safe(name).text
        assert not set(name) & set("/\\\x00\u202e")
        assert name.isprintable()
        name.encode()


@pytest.mark.parametrize(
    "piece", ['\\"', '" ', "\\\\", "=?a?B?", "=?a?Q?=E0", "%E0", ";a=", "a*0*=;", "\u202e", "&#3585", "=?a?B?4LiB?= "]
)
def test_time_grows_with_the_length_only(piece: str) -> None:
    import time

    def seconds(count: int) -> float:
        begun = time.process_time()
        read('attachment; filename="' + piece * count, "")
        return time.process_time() - begun

    seconds(2_000)
    assert seconds(200_000) < 60 * (seconds(20_000) + 0.01)


def test_quoted_printable_is_what_the_library_writes() -> None:
    octets = quopri.encodestring(SHORT.encode(), header=True).decode().replace("=\n", "")
    assert name_of(f'attachment; filename="=?utf-8?q?{octets}?="'.encode()) == SHORT


def test_the_module_says_what_is_an_ending() -> None:
    assert [attachment_name.ending(name) for name in ("a.pdf", ".pdf", "a", "a.tar.gz", "a.")] == [
        ".pdf",
        "",
        "",
        ".gz",
        "",
    ]
