import io

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from services.sign import letter_text, pdf_text
from tests.letters import letter_pdf, typst_pdf
from tests.letters import letter_text as real_letter

PAGE = """
#set page(paper: "a4", margin: (left: 3cm, right: 2cm, y: 2cm))
#set text(font: "Sarabun", size: 16pt, lang: "th")
#set par(leading: 0.5em, spacing: 0.6em)
"""
CIRCULAR = (
    PAGE
    + """
#align(center)[ลับ]
ด่วนที่สุด

#grid(columns: (1fr, 1fr), [ที่ มท ๐๘๐๘.๒/ว(พ) ๐๑๒๓], [กรมส่งเสริมการปกครองท้องถิ่น \\ ถนนนครราชสีมา เขตดุสิต กทม. ๑๐๓๐๐])
#align(center)[๑๒ มกราคม ๒๕๖๙]
#grid(columns: (1.6cm, 1fr), row-gutter: 6pt, [เรื่อง],
  [การซักซ้อมแนวทางการปฏิบัติเกี่ยวกับการรับส่งหนังสือราชการทางไปรษณีย์อิเล็กทรอนิกส์ขององค์กรปกครองส่วนท้องถิ่น],
  [เรียน], [ผู้ว่าราชการจังหวัด ทุกจังหวัด])
#grid(columns: (1.6cm, 1fr), [อ้างถึง], [๑. หนังสือสำนักงาน ก.พ.ร. ที่ นร ๑๒๐๐/ว ๗๕ ลงวันที่ ๒๓ ธันวาคม ๒๕๖๘ \\
  ๒. หนังสือกรมส่งเสริมการปกครองท้องถิ่น ด่วนที่สุด ที่ มท ๐๘๐๘.๒/ว ๙๙ ลงวันที่ ๕ มกราคม ๒๕๖๙])
#grid(columns: (3.4cm, 1fr), [สิ่งที่ส่งมาด้วย], [๑. สำเนาหนังสือสำนักงาน ก.พ.ร. จำนวน ๑ ชุด \\ ๒. แบบรายงานผล จำนวน ๑ ฉบับ])
#v(6pt)
#h(2.5cm)ตามหนังสือที่อ้างถึง กรมส่งเสริมการปกครองท้องถิ่นได้แจ้งให้จังหวัดทราบและถือปฏิบัติ ความละเอียดแจ้งแล้ว นั้น

#align(center)[ขอแสดงความนับถือ #v(1cm) (นายสมชาย ใจดี) \\ อธิบดี]
โทร. ๐ ๒๒๔๑ ๙๐๐๐ ต่อ ๑๒๑๒ โทรสาร ๐ ๒๒๔๑ ๙๐๐๑ \\
ไปรษณีย์อิเล็กทรอนิกส์ saraban\\@dla.go.th
"""
)
MEMORANDUM = (
    PAGE
    + """
#align(center)[#text(size: 24pt)[บันทึกข้อความ]]
ส่วนราชการ สำนักงานเลขานุการกรม ฝ่ายสารบรรณ โทร. ๐ ๒๑๔๑ ๗๐๐๐ ต่อ ๑๒ \\
#grid(columns: (1fr, 1fr), [ที่ ศธ ๐๒๐๑.๒/๐๐๔๕], [วันที่ ๓ กุมภาพันธ์ ๒๕๖๙])
เรื่อง ขออนุมัติเดินทางไปราชการ

เรียน ผู้อำนวยการสำนักงานเลขานุการกรม

#h(2.5cm)ด้วยฝ่ายสารบรรณมีความประสงค์
"""
)
STAMPED = (
    PAGE
    + """
ที่ สธ (สปสช) ๕.๓๐/ว. ๑๒๓๔

ถึง สำนักงานสาธารณสุขจังหวัดเชียงใหม่

#h(2.5cm)สำนักงานหลักประกันสุขภาพแห่งชาติขอส่งเอกสารมาเพื่อทราบ

#align(center)[สำนักงานหลักประกันสุขภาพแห่งชาติ \\ ๘ เมษายน ๒๕๖๙]
โทร. ๐ ๒๑๔๑ ๔๐๐๐
"""
)


def value(said: letter_text.Said | None) -> str | None:
    return said and said.value


@pytest.mark.parametrize("name", ["opdc-w56", "opdc-w75"])
def test_a_pdf_says_what_its_text_says(name: str) -> None:
    """Extraction doubles clusters and loses spaces; the particulars are the same as those of the text itself."""
    from services.sign.lines import of_text

    text = real_letter(name)
    assert letter_text.read(pdf_text.read(letter_pdf(text)).lines) == letter_text.read(of_text(text))


def test_a_circular_in_the_form_of_the_rule() -> None:
    letter = letter_text.read(pdf_text.read(typst_pdf(CIRCULAR)).lines)
    assert value(letter.number) == "มท ๐๘๐๘.๒/ว(พ) ๐๑๒๓"
    assert value(letter.date) == "2026-01-12"
    assert value(letter.urgency) == "ด่วนที่สุด"
    assert value(letter.secrecy) == "ลับ"
    assert value(letter.issuer) == "กรมส่งเสริมการปกครองท้องถิ่น"
    assert value(letter.subject) == (
        "การซักซ้อมแนวทางการปฏิบัติเกี่ยวกับการรับส่งหนังสือราชการทางไปรษณีย์อิเล็กทรอนิกส์ขององค์กรปกครองส่วนท้องถิ่น"
    )
    assert value(letter.addressee) == "ผู้ว่าราชการจังหวัด ทุกจังหวัด"
    assert [(item.number, item.date) for item in letter.references] == [
        ("นร ๑๒๐๐/ว ๗๕", "2025-12-23"),
        ("มท ๐๘๐๘.๒/ว ๙๙", "2026-01-05"),
    ]
    assert [item.value for item in letter.enclosures] == [
        "สำเนาหนังสือสำนักงาน ก.พ.ร. จำนวน ๑ ชุด",
        "แบบรายงานผล จำนวน ๑ ฉบับ",
    ]
    assert letter.telephones == ["๐ ๒๒๔๑ ๙๐๐๐ ต่อ ๑๒๑๒"]
    assert letter.emails == ["saraban@dla.go.th"]


def test_a_memorandum() -> None:
    letter = letter_text.read(pdf_text.read(typst_pdf(MEMORANDUM)).lines)
    assert value(letter.number) == "ศธ ๐๒๐๑.๒/๐๐๔๕"
    assert value(letter.date) == "2026-02-03"
    assert value(letter.issuer) == "สำนักงานเลขานุการกรม ฝ่ายสารบรรณ"
    assert value(letter.subject) == "ขออนุมัติเดินทางไปราชการ"
    assert value(letter.addressee) == "ผู้อำนวยการสำนักงานเลขานุการกรม"
    assert letter.telephones == ["๐ ๒๑๔๑ ๗๐๐๐ ต่อ ๑๒"]


def test_a_stamped_letter_has_its_agency_and_date_below() -> None:
    letter = letter_text.read(pdf_text.read(typst_pdf(STAMPED)).lines)
    assert value(letter.number) == "สธ (สปสช) ๕.๓๐/ว. ๑๒๓๔"
    assert value(letter.date) == "2026-04-08"
    assert value(letter.issuer) == "สำนักงานหลักประกันสุขภาพแห่งชาติ"
    assert value(letter.addressee) == "สำนักงานสาธารณสุขจังหวัดเชียงใหม่"
    assert letter.subject is None


def test_a_space_that_extraction_loses_is_put_back() -> None:
    text = "\n".join(line.text for line in pdf_text.read(letter_pdf("ไปรษณีย์อิเล็กทรอนิกส์ saraban@opdc.go.th")).lines)
    assert text == "ไปรษณีย์อิเล็กทรอนิกส์ saraban@opdc.go.th"


def test_pages_and_characters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_text, "PAGES", 1)
    found = pdf_text.read(letter_pdf(real_letter("opdc-w56")))
    assert found.cut
    assert found.pages > 1
    assert not any("แนวปฏิบัติที่ดีในการใช้ไปรษณีย์อิเล็กทรอนิกส์ ตามพระราช" in line.text for line in found.lines)


def test_a_damaged_file_says_so() -> None:
    with pytest.raises(pdf_text.UnreadablePdfError) as caught:
        pdf_text.read(b"%PDF-1.7\nno more")
    assert not caught.value.encrypted


def scanned(pdf: bytes) -> bytes:
    """The PDF as a scanner with character recognition writes it: a picture, and text that is not painted."""
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        for item in page.get_objects():
            if item.type == pdfium.FPDF_PAGEOBJ_TEXT:
                pdfium.FPDFTextObj_SetTextRenderMode(item.raw, pdfium.FPDF_TEXTRENDERMODE_INVISIBLE)
        picture = pypdfium2.PdfImage.new(document)
        picture.set_bitmap(pypdfium2.PdfBitmap.new_native(8, 8, pdfium.FPDFBitmap_BGR))
        picture.set_matrix(pypdfium2.PdfMatrix().scale(page.get_width(), page.get_height()))
        page.insert_obj(picture)
        page.gen_content()
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_scan_is_told_from_a_text() -> None:
    pdf = letter_pdf("ที่ นร ๑๒๐๐/ว๕๖")
    assert not pdf_text.read(pdf).scanned
    assert pdf_text.read(scanned(pdf)).scanned
