"""The written letters ask for what they hold, and their score can fail."""

import re

import pypdfium2

from contracts.findings import Particular, Particulars, Reference
from tests.written_letters import makers
from tests.written_letters.corpus import STYLES, WrittenLetter, letters
from tests.written_letters.paper import lines, mail_text
from tests.written_letters.score import SCALARS, Score, bare

LETTER = WrittenLetter(
    id="one",
    mail="ขอเชิญประชุม",
    paper=lines("ที่ กค ๑/๒ || กรมหนึ่ง\nเรื่อง | ขอ เชิญ"),
    expect={"number": "กค ๑/๒", "subject": "ขอ เชิญ", "enclosures": ["แผนที่"], "emails": ["a@b.th"]},
    line={},
    tolerated={"telephones": ["1111"]},
)


def _particular(value: str) -> Particular:
    return Particular(value=value, source="pdf", confidence=1)


def _values(letter: WrittenLetter, expected: dict[str, object]) -> list[str]:
    """The expected texts, but for those that are written otherwise: dates, and what is put together of two lines."""
    found: list[str] = []
    for name, value in expected.items():
        if name in SCALARS and name not in ("date", "acknowledgement", "number_ascii") and value is not True:
            found.append(str(value if isinstance(value, str) else value[0]))  # type: ignore[index] # a list of texts
        elif name in ("enclosures", "telephones", "emails"):
            found += value  # type: ignore[arg-type] # a list of texts
        elif name == "references":
            found += [str(one.get("number") or one.get("text") or "") for one in value]  # type: ignore[attr-defined]
    return found


def test_what_is_asked_for_stands_in_the_letter() -> None:
    for letter in letters():
        paper = bare(mail_text(letter.paper, "tabs")) if letter.paper else bare(letter.body or "")
        for value in _values(letter, letter.expected("shaped")):
            assert bare(value) in paper or bare(value).replace("พันตำรวจเอก", "").replace("พันเอก", "") in paper, (
                letter.id,
                value,
            )
        for name, value in letter.line.items():
            if value is not True and name != "date":
                for one in value if isinstance(value, list) else [value]:
                    # Where a Subject line was a file's name, _ is a space.
                    assert bare(one) in bare(letter.mail.replace("_", " ")), (letter.id, one)


def _once(text: str) -> str:
    """Without repetitions: PDFium reads a shaped cluster twice where the font moved its marks."""
    return re.sub(r"(.{1,4}?)\1+", r"\1", text)


def test_both_makers_put_the_whole_letter_into_the_file() -> None:
    letter = next(letter for letter in letters() if letter.id == "external-dla-circular")
    for octets in (makers.shaped(letter.paper), makers.unshaped(letter.paper)):
        pages = pypdfium2.PdfDocument(octets)
        text = _once(bare("".join(page.get_textpage().get_text_range() for page in pages)))
        for line in letter.paper:
            for word in (*line.text.split(), *line.label.split()):
                assert _once(bare(word)) in text, word


def test_each_damage_does_harm_of_its_own() -> None:
    paper = lines("เรื่อง | " + "สำนักงานที่น้ำท่วมนี้ขอเชิญประชุม" * 4)
    files = {makers.unshaped(paper, damage) for damage in (None, *makers.DAMAGES)}
    assert len(files) == len(makers.DAMAGES) + 1
    assert makers.unshaped(paper) in files  # the same letter, the same octets


def test_each_style_pastes_another_text() -> None:
    paper = lines("ที่ กค ๑/๒ || กรมหนึ่ง\n^ ๑ มกราคม ๒๕๖๙\nเรื่อง | " + "ขอเชิญประชุม " * 9)
    assert len({mail_text(paper, style) for style in STYLES}) == len(STYLES)


def test_a_right_reading_is_right() -> None:
    score = Score()
    read = Particulars(
        letter_number=_particular("กค ๑/๒"),
        letter_number_ascii=_particular("กค 1/2"),
        subject=_particular("ขอเชิญ"),
        enclosures=(_particular("แผนที่"),),
        emails=(_particular("a@b.th"),),
        telephones=(_particular("๑๑๑๑"),),
    )
    score.add(LETTER, "shaped", read)
    assert not score.misses
    assert score.spaces["subject", "shaped"] == 1
    assert score.share("number") == score.share("subject") == score.share("enclosures") == 1


def test_a_wrong_reading_is_a_miss_and_one_out_of_nothing_an_invention() -> None:
    score = Score()
    read = Particulars(
        letter_number=_particular("กค ๑/ ๒"),
        letter_number_ascii=_particular("กค 1/2"),
        letter_date=_particular("2026-01-01"),
        subject=_particular("ขอเชิญ"),
        enclosures=(_particular("แผนที่จึงเรียนมา"), _particular("รายชื่อ")),
        references=(Reference(number="กค ๓", date=None, text="กค ๓", source="pdf", confidence=1),),
    )
    score.add(LETTER, "shaped", read)
    found = {(miss.field, miss.invented) for miss in score.misses}
    assert found == {
        ("number", False),
        ("date", True),
        ("enclosures", False),
        ("enclosures", True),
        ("references", True),
        ("emails", False),
    }
    assert score.share("number") == 0


def test_the_senders_own_subject_line_is_no_invention() -> None:
    score = Score()
    score.add(LETTER, "subject", Particulars(subject=_particular("ขอเชิญประชุม")))
    assert not score.misses
    score.add(LETTER, "subject", Particulars(subject=_particular("ขอเชิญ")))
    assert [miss.field for miss in score.invented] == ["subject"]
