"""winmail.dat: what lies in it, by its names, and that no broken one does harm."""

import random
import struct
import time
from email.message import EmailMessage

import pytest

from contracts.values import sha256_hex
from services.sign import message, tnef, trust
from services.sign.examine import examine_mail
from services.sign.message import Part
from services.sign.tnef import DEPTH, FILES
from tests.letters import letter_pdf, letter_text
from tests.pki import make_root, make_signer, sign_pdf
from tests.tnef_files import File, winmail

LONG = "หนังสือที่ นร ๑๒๐๐-ว๕๖ เรื่อง แนวปฏิบัติที่ดี.pdf"
SHORT = "หนังสื~1.PDF".encode("cp874")
PDF = b"%PDF-1.7 a letter"


def mail(octets: bytes, kind: str = "ms-tnef", name: str = "winmail.dat") -> bytes:
    made = EmailMessage()
    made["From"], made["Subject"] = "clerk@opdc.go.th", "ส่งหนังสือ"
    made.set_content("ขอส่งหนังสือตามไฟล์แนบ\n")
    made.add_attachment(octets, maintype="application", subtype=kind, filename=name)
    return made.as_bytes()


@pytest.mark.parametrize(
    ("file", "code_page", "name"),
    [
        (File(SHORT, PDF, long_name=LONG), 874, LONG),
        (File(SHORT, PDF, long_name_ansi=LONG.encode("cp874")), 874, LONG),
        (File(LONG.encode("cp874"), PDF), 874, LONG),
        (File(LONG.encode("cp874"), PDF), 1252, LONG),
        (File(LONG.encode("cp874"), PDF), 0, LONG),
        (File(LONG.encode(), PDF), 65001, LONG),
        (File("Résumé.pdf".encode("cp1252"), PDF), 1252, "Résumé.pdf"),
        (File(b"..\\..\\letter.pdf", PDF), 874, "letter.pdf"),
        (File(b"", PDF), 874, "part-1"),
        (File(b"", PDF, long_name="letter\u202efdp.exe"), 874, "letterfdp.exe"),
    ],
)
@pytest.mark.parametrize(("kind", "outer"), [("ms-tnef", "winmail.dat"), ("octet-stream", "ATT00001.bin")])
def test_its_files_are_attachments_of_the_letter(file: File, code_page: int, name: str, kind: str, outer: str) -> None:
    octets = winmail([file], code_page)
    taken = message.read(mail(octets, kind, outer))
    assert [(part.name, part.octets, part.inside) for part in taken.parts] == [(outer, octets, ""), (name, PDF, outer)]
    assert taken.unopened == []
    assert taken.parts[1].tricks == ({"reordered"} if "fdp" in name else frozenset())


def test_what_outlook_forwards_is_opened_too() -> None:
    inner = winmail([File(SHORT, PDF, long_name=LONG)])
    opened = tnef.read(winmail([File(b"x", None, long_name="ส่งต่อ", message=inner), File(b"b.txt", b"b")]), "w")
    assert [(part.name, part.inside) for part in opened.parts] == [
        ("ส่งต่อ.tnef", "w"),
        (LONG, "ส่งต่อ.tnef"),
        ("b.txt", "w"),
    ]
    assert opened.parts[0].octets == inner


def test_number_and_depth_are_bounded() -> None:
    opened = tnef.read(winmail([File(b"a.txt", b"x")] * 500), "w")
    assert (len(opened.parts), opened.broken) == (FILES, f"> {FILES}")
    deep = winmail([File(b"run.exe", b"x")])
    for _ in range(50):
        deep = winmail([File(b"m", None, message=deep)])
    opened = tnef.read(deep, "w")
    assert (len(opened.parts), opened.broken) == (DEPTH, f"> {DEPTH} levels")
    many = [Part("application/ms-tnef", f"{n}.dat", winmail([File(b"a.txt", b"x")] * 90)) for n in range(5)]
    parts, unopened = tnef.with_contents(many)
    assert len(parts) == len(many) + FILES
    assert [name for name, _ in unopened] == ["1.dat", "2.dat", "3.dat", "4.dat"]


def test_what_stands_before_the_break_is_kept_and_the_break_is_said() -> None:
    whole = winmail([File(b"a.txt", b"first"), File(b"b.txt", b"second" * 100)])
    cut = whole[: whole.index(b"second") + 50]
    found = examine_mail(mail(cut), trust=trust.load(None), now_ns=time.time_ns(), software="test")
    assert [(file.name, file.inside) for file in found.attachments][1:2] == [("a.txt", "winmail.dat")]
    assert [said.code for said in found.warnings if said.code == "tnef_not_read"] == ["tnef_not_read"]


def test_a_signed_pdf_in_it_is_judged_and_read() -> None:
    root = make_root()
    pdf = sign_pdf(letter_pdf(letter_text("opdc-w56")), make_signer(root))
    octets = winmail([File(SHORT, pdf, long_name=LONG)])
    found = examine_mail(mail(octets), trust=trust.of([root.der]), now_ns=time.time_ns(), software="test")
    assert [(file.name, file.sha256, file.media_type, file.inside) for file in found.attachments] == [
        ("winmail.dat", sha256_hex(octets), "application/vnd.ms-tnef", ""),
        (LONG, sha256_hex(pdf), "application/pdf", "winmail.dat"),
    ]
    assert [(verdict.part, verdict.indication) for verdict in found.signatures] == [(LONG, "TOTAL-PASSED")]
    assert found.particulars.letter_number is not None
    assert found.particulars.letter_number.value == "นร ๑๒๐๐/ว๕๖"


def test_a_program_in_it_is_warned_of() -> None:
    octets = mail(winmail([File(b"letter.pdf.exe", b"MZ" + bytes(100))]))
    found = examine_mail(octets, trust=trust.load(None), now_ns=time.time_ns(), software="test")
    assert {said.code for said in found.warnings} >= {"attachment_executable", "name_double_ending"}


def test_no_broken_one_does_harm() -> None:
    chance = random.Random(20_690_604)
    inner = winmail([File(SHORT, PDF, long_name=LONG)])
    shapes = [
        winmail([File(SHORT, PDF, long_name=LONG, media_type=b"application/pdf"), File(b"b.txt", b"b" * 50)]),
        winmail([File(b"x", None, long_name="ส่งต่อ", message=inner)]),
    ]
    for _ in range(6_000):
        octets = bytearray(chance.choice(shapes))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(4, len(octets))
            if chance.random() < 0.4:
                octets[at : at + 4] = struct.pack(
                    "<I", chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, chance.getrandbits(32)))
                )
            else:
                octets[at] = chance.randrange(256)
        cut = bytes(octets[: chance.randint(4, len(octets))]) if chance.random() < 0.3 else bytes(octets)
        opened = tnef.read(cut, "w")
        assert len(opened.parts) <= FILES
        assert all(part.name == part.name.strip() and "/" not in part.name for part in opened.parts)
        # What is taken out lies in it: nothing is made larger.
        assert sum(len(part.octets) for part in opened.parts) <= DEPTH * len(cut)


@pytest.mark.parametrize("count", [2_000, 0xFFFFFFFF])
def test_a_count_is_not_believed(count: int) -> None:
    octets = bytearray(winmail([File(b"a.txt", b"x", long_name="b.txt")]))
    at = octets.index(struct.pack("<I", 0x00069005)) + 8
    octets[at : at + 4] = struct.pack("<I", count)
    opened = tnef.read(bytes(octets), "w")
    assert [part.octets for part in opened.parts] == [b"x"]
    assert opened.broken
