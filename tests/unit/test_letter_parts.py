"""Parts of a letter that only their place tells: signer, wish, mark, stamp; two letters, harmed text."""

import io

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from services.sign import acknowledgement, letter_text, page_marks, particulars, pdf_text, sara_am, signing_block
from services.sign.lines import of_text
from services.sign.particulars import Text
from tests.letters import letter_pdf, typst_pdf
from tests.letters import letter_text as real_letter

CLOSING = "\nขอแสดงความนับถือ\n\n"


@pytest.mark.parametrize(
    ("foot", "name", "position"),
    [
        (
            "(นายณัฐฐา พาชัยยุทธ)\nที่ปรึกษาการพัฒนาระบบราชการ ปฏิบัติราชการแทน\nเลขาธิการ ก.พ.ร.\n\nกองขับเคลื่อน\nโทร. ๐",
            "นายณัฐฐา พาชัยยุทธ",
            "ที่ปรึกษาการพัฒนาระบบราชการ ปฏิบัติราชการแทน เลขาธิการ ก.พ.ร.",
        ),
        ("พลตำรวจตรี\n(สมชาย ใจดี)\nผู้บังคับการ\n\nฝ่ายอำนวยการ", "สมชาย ใจดี", "ผู้บังคับการ"),
        ("(ลงชื่อ) ....................\n(นางสาวมาลี สุขใจ)\nอธิบดี", "นางสาวมาลี สุขใจ", "อธิบดี"),
        ("(ดร.วิชัย ก้าวหน้า)\nโทร. ๐ ๒๑๑๑ ๑๑๑๑", "ดร.วิชัย ก้าวหน้า", ""),
        ("(หนึ่งพันบาทถ้วน)", None, None),
        ("(สำเนาถูกต้อง)\n(ลายมือชื่อ)", None, None),
        ("(ฉบับที่ ๒)", None, None),
    ],
)
def test_the_name_in_brackets_and_what_stands_below(foot: str, name: str | None, position: str | None) -> None:
    found = signing_block.find(of_text(CLOSING + foot))
    assert (found and found.name, found and found.position) == (name, position)


def test_without_closing_words_only_a_title_makes_a_name() -> None:
    assert signing_block.find(of_text("ตามบัญชี\n(เอกสาร แนบท้าย)\n")) is None
    memorandum = of_text("จึงเรียนมาเพื่อโปรดอนุมัติ\n\n(นายสมชาย ใจดี)\nนิติกร\n\nอนุมัติ\n(นางมาลี ใหญ่กว่า)\nผู้อำนวยการ")
    found = signing_block.find(memorandum)
    assert found
    assert (found.name, found.position) == ("นายสมชาย ใจดี", "นิติกร")
    assert signing_block.find(memorandum, stamped=True) is None


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("โปรดแจ้งตอบรับทางไปรษณีย์อิเล็กทรอนิกส์ด้วย", "electronic"),
        ("ประสงค์ขอรับการตอบรับเป็นกระดาษ", "paper"),
        ("ประสงค์ให้แจ้งตอบรับทางอิเล็กทรอนิกส์ มิใช่เป็นกระดาษ", "electronic"),
        ("ขอให้แจ้งการได้รับหนังสือทางไปรษณีย์ลงทะเบียน", "paper"),
        ("ขอให้แจ้งเลขทะเบียนรับกลับมาทางไปรษณีย์อิเล็กทรอนิกส์ a@b.th", "electronic"),
        ("การตอบรับ: ( ) กระดาษ (/) อิเล็กทรอนิกส์", "electronic"),
        ("การตอบรับ: ☑ กระดาษ ☐ อิเล็กทรอนิกส์", "paper"),
        ("การตอบรับ: ( ) กระดาษ ( ) อิเล็กทรอนิกส์", None),
        ("ขอความกรุณายืนยันการรับหนังสือทาง e-mail หรือเป็นกระดาษ", None),
        ("ขอให้ส่งแบบตอบรับเข้าร่วมประชุมทางอีเมล a@b.th", None),
        ("โปรดตอบรับการเข้าร่วมทางอีเมล", None),
        ("โปรดส่งแบบตอบรับทางอีเมลภายในวันที่ ๒๐", None),
        ("ได้รับแจ้งทางอีเมลแล้วว่าหนังสือถึง", None),
    ],
)
def test_the_wanted_acknowledgement(text: str, wish: str | None) -> None:
    assert acknowledgement.read(text) == wish


MARKED = """
#set page(paper: "a4", margin: (left: 3cm, right: 2cm, y: 2cm))
#set text(font: "Sarabun", size: 16pt, lang: "th")
TOP
ที่ มท ๐๘๐๘/ว ๑

๑๒ มกราคม ๒๕๖๙

เรื่อง  ก

เรียน  ผู้ว่าราชการจังหวัด

#v(3cm)
MIDDLE

#v(6cm)
BOTTOM
"""


def secrecy_of(top: str = "", middle: str = "", bottom: str = "", subject: str = "หนังสือ") -> tuple[str, str] | None:
    pdf = typst_pdf(MARKED.replace("TOP", top).replace("MIDDLE", middle).replace("BOTTOM", bottom))
    found, _ = particulars.read(subject, "", [Text("pdf", pdf_text.read(pdf).lines)])
    return (found.secrecy.value, found.secrecy.source) if found.secrecy else None


def test_a_mark_is_a_mark_by_its_place() -> None:
    assert secrecy_of(top="#align(center)[ลับ]") == ("ลับ", "pdf")
    assert secrecy_of(bottom="#place(bottom + center)[ลับมาก]") == ("ลับมาก", "pdf")
    # The last word of a paragraph that was broken, a cell of a table, the word in a sentence.
    assert secrecy_of(middle="เอกสารนี้เป็นความ \\ ลับ") is None
    assert secrecy_of(middle="#table(columns: 2, [ชั้น], [จำนวน], [ลับ], [๓], [ลับมาก], [๑])") is None
    assert secrecy_of(bottom="#place(bottom + left)[ลับ]") is None
    assert secrecy_of(middle="นายอำเภอลับแล ความลับทางการค้า ลับที่สุดของที่สุด") is None


def test_the_graver_of_two_marks_holds() -> None:
    assert secrecy_of(top="#align(center)[ลับที่สุด]", subject="ลับ หนังสือ") == ("ลับที่สุด", "pdf")
    assert secrecy_of(top="#align(center)[ลับ]", subject="ลับมาก หนังสือ") == ("ลับมาก", "subject")


def stamped(pdf: bytes, text: str) -> bytes:
    """The PDF with a stamp over its page, as a viewer's stamp tool makes it."""
    document = pypdfium2.PdfDocument(pdf)
    page = document[0]  # held: a page that is let go is gone
    annotation = pdfium.FPDFPage_CreateAnnot(page.raw, pdfium.FPDF_ANNOT_STAMP)
    wide = (text + "\0").encode("utf-16-le")
    pdfium.FPDFAnnot_SetStringValue(
        annotation, b"Contents", (pdfium.FPDF_WCHAR * (len(wide) // 2)).from_buffer_copy(wide)
    )
    pdfium.FPDFPage_CloseAnnot(annotation)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_stamp_laid_over_the_page_is_read() -> None:
    pdf = letter_pdf(real_letter("opdc-w56"))
    found, _ = particulars.read(None, "", [Text("pdf", pdf_text.read(stamped(pdf, "ลับมาก")).lines)])
    assert found.secrecy
    assert (found.secrecy.value, found.secrecy.confidence) == ("ลับมาก", 0.95)
    other = pypdfium2.PdfDocument(stamped(pdf, "ลับแล\nเมืองน่าอยู่"))
    page = other[0]
    assert page_marks.stamps(page) == []


def test_a_mark_above_a_mails_text() -> None:
    found, _ = particulars.read("หนังสือ", "ลับ\n\nเรียน ผู้อำนวยการ\nขอส่งเอกสาร", [])
    assert found.secrecy
    assert found.secrecy.value == "ลับ"
    listed, _ = particulars.read("หนังสือ", "ลับ\nลับมาก\nลับที่สุด\nคือชั้นความลับ", [])
    assert listed.secrecy is None


FIRST = """ที่ ชร ๐๐๒๓/ว ๙๑๑
ศาลากลางจังหวัดเชียงราย

เรื่อง ซักซ้อม
เรียน นายอำเภอ ทุกอำเภอ

ขอส่งสำเนาหนังสือมาเพื่อทราบ
"""
SECOND = """
ด่วนที่สุด
ที่ มท ๐๘๑๐/ว ๖๐๐๑
กรมส่งเสริมการปกครองท้องถิ่น
๔ ธันวาคม ๒๕๖๘
เรื่อง อีกเรื่อง
เรียน ผู้ว่าราชการจังหวัด
อ้างถึง หนังสือกรม ที่ มท ๐๘๑๐/ว ๕๕๐๐ ลงวันที่ ๑ พฤศจิกายน ๒๕๖๘
สิ่งที่ส่งมาด้วย แบบรายงาน

ขอแสดงความนับถือ

(นายสมชาย ใจดี)
อธิบดี
โทร. ๐ ๒๒๔๑ ๙๐๐๐
other@dla.go.th
"""


def test_the_second_letter_of_a_file_is_no_source_of_the_first() -> None:
    letter = letter_text.read(of_text(FIRST + SECOND))
    assert letter.number
    assert letter.number.value == "ชร ๐๐๒๓/ว ๙๑๑"
    assert letter.date is letter.urgency is letter.signer is None
    assert not any((letter.references, letter.enclosures, letter.telephones, letter.emails))


def test_the_stamp_of_another_receiver_is_not_the_letters() -> None:
    head = "เทศบาลเมืองท่า\nเลขรับ ๔๔๑๒/๒๕๖๘\nวันที่ ๑๘ ก.ย. ๒๕๖๘\nเวลา ๑๐.๔๕ น.\n"
    letter = letter_text.read(of_text(head + "ที่ รง ๐๕๐๙/ว ๑๘๘๐\nกรมแรงงาน\n๑๖ กันยายน ๒๕๖๘\nเรื่อง ก\nเรียน ข"))
    assert letter.date
    assert letter.issuer
    assert (letter.date.value, letter.issuer.value) == ("2025-09-16", "กรมแรงงาน")


def test_a_line_of_an_address_is_no_issuer() -> None:
    letter = letter_text.read(of_text("ที่ นม ๘๓๒๐๑/๗๖๔\nหมู่บ้านสวนหลวง\nอำเภอสีคิ้ว นม ๓๐๑๔๐\nเรื่อง ก\nเรียน ข"))
    assert letter.number
    assert letter.issuer is None


def test_sara_am_in_the_place_of_sara_aa() -> None:
    text = "สำนักงานอำเภอ จังหวัดลำปาง ขอความอนุเคราะห์จัดทำรายงานการดำเนินงาน จำนวน ๒ รายการ ตามหน้าที่ ภายในวันที่ ๑ มกราคม"
    harmed = text.replace("า", "ำ")
    assert sara_am.is_confused(harmed)
    assert sara_am.repair(harmed) == text
    for name in ("opdc-w56", "opdc-w75"):
        assert not sara_am.is_confused(real_letter(name))
        assert sara_am.repair(real_letter(name).replace("า", "ำ")) == real_letter(name)


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: text.replace("ี่", "่ี").replace("ิ่", "่ิ"),
        lambda text: text.replace("ที่", "ท ี่").replace("เรื่อง", "เร ื่อง"),
        lambda text: text.replace("ำ", "ํา"),
        lambda text: text.replace("ั", "ัั").replace("่", "่่"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("พฤศจิกายน", "พฤศจิ กายน").replace("ธันวาคม", "ธัน วาคม"),
        lambda text: text.replace(" ", "\u00a0"),
    ],
)
@pytest.mark.parametrize("name", ["opdc-w56", "opdc-w75"])
def test_a_harmed_letter_says_what_the_whole_one_says(name: str, harm) -> None:  # type: ignore[no-untyped-def]
    whole, harmed = (letter_text.read(of_text(text)) for text in (real_letter(name), harm(real_letter(name))))
    for part in ("number", "date", "issuer", "subject", "addressee", "signer", "telephones", "emails"):
        assert getattr(harmed, part) == getattr(whole, part), part
