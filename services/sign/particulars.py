"""The particulars of a letter, from everything that came with it: which source says what, and which one is believed.

A born-digital PDF is the letter; the Subject line is what a clerk typed; the mail's text may be either the letter or
a word around it; a scan's text is a machine's guess. A number read from a file never overrides the Subject line
silently.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from contracts import findings
from contracts.findings import Particular, Particulars, Reference, Source
from services.sign import letter_number, letter_text, subject_line
from services.sign.letter_text import Letter, Said
from services.sign.lines import Line, of_text
from services.sign.thai import for_matching, repair, tidy
from services.sign.warnings import warning

SCAN_FACTOR = 0.5
"""How much less a particular of a scan is trusted."""

_FILE_NAME = re.compile(
    r"ที่\s*(?P<letters>[ก-ฮ]{1,6}\.?)\s?(?P<code>[0-9๐-๙][0-9๐-๙.]{1,12})\s?[-_]\s?(?P<rest>ว?\s?[0-9๐-๙]{1,7})(?![0-9๐-๙])"
)
_SENT_ON = re.compile(r"(?:ส่ง|นำส่ง|จัดส่ง|แนบ)(?:สำเนา)?หนังสือ[^\n]{0,60}?$")


@dataclass(frozen=True)
class Text:
    """One text that came with the letter."""

    source: Source
    lines: Sequence[Line]

    @cached_property
    def letter(self) -> Letter:
        """It read as a letter; once, though findings are made anew after each file."""
        return letter_text.read(self.lines)


def read(
    subject: str | None, body: str, texts: Sequence[Text], names: Sequence[str] = ()
) -> tuple[Particulars, list[findings.Warning]]:
    """The particulars of a letter of Subject line, mail text, PDF texts and file names, each with its source."""
    line = subject_line.read(subject) if subject else subject_line.SubjectLine()
    letters = [(text.source, text.letter) for text in texts]
    body_lines = of_text(body)
    letters.append(("body", letter_text.read(body_lines)))
    # One text is the letter: the likeliest, a PDF before the body, the first before later ones, no scan before a text.
    source, letter = max(letters, key=lambda item: (item[0] != "ocr" and item[1].likeness >= 2, item[1].likeness))
    if letter.likeness < 2:
        source, letter = "body", Letter()
    number, warnings = _number(line, source, letter, body_lines, names)
    pick = _Picker(source, letter, line)
    return (
        Particulars(
            letter_number=number,
            letter_number_ascii=None
            if number is None
            else Particular(value=for_matching(number.value), source=number.source, confidence=number.confidence),
            letter_date=pick.one(lambda said: said.date) or _date_of_body(letter, body_lines),
            urgency=pick.one(lambda said: said.urgency),
            secrecy=pick.one(lambda said: said.secrecy),
            issuer=_particular(letter.issuer, source),
            subject=pick.one(lambda said: said.subject),
            addressee=_particular(letter.addressee, source),
            references=_references(source, letter, line),
            enclosures=tuple(item for said in letter.enclosures if (item := _particular(said, source))),
            telephones=_contacts(letters, source, lambda said: said.telephones),
            emails=_contacts(letters, source, lambda said: said.emails),
        ),
        warnings,
    )


class _Picker:
    """The letter's own word before the Subject line's, but a scan's after it."""

    def __init__(self, source: Source, letter: Letter, line: subject_line.SubjectLine) -> None:
        self._source, self._letter, self._line = source, letter, line

    def one(self, part: Callable[[Letter | subject_line.SubjectLine], Said | None]) -> Particular | None:
        told = [_particular(part(self._letter), self._source), _particular(part(self._line), "subject")]
        if self._source == "ocr":
            told.reverse()
        return told[0] or told[1]


def _number(
    line: subject_line.SubjectLine, source: Source, letter: Letter, body: Sequence[Line], names: Sequence[str]
) -> tuple[Particular | None, list[findings.Warning]]:
    """The letter's number. Two sources that agree are certain; otherwise the Subject line's stands, with a warning."""
    typed, read_there = _particular(line.number, "subject"), _particular(letter.number, source)
    if typed and read_there:
        if letter_number.match_key(typed.value) == letter_number.match_key(read_there.value):
            return Particular(
                value=read_there.value if source != "ocr" else typed.value,
                source=source if source != "ocr" else "subject",
                confidence=1.0,
            ), []
        doubt = Particular(value=typed.value, source="subject", confidence=min(typed.confidence, 0.6))
        return doubt, [warning("number_differs", subject=typed.value, letter=read_there.value)]
    if read_there:
        return read_there, [warning("number_from_scan")] if source == "ocr" else []
    return typed or _number_of_body(body) or _number_of_name(names), []


def _number_of_body(body: Sequence[Line]) -> Particular | None:
    """`ขอส่งหนังสือ … ที่ <number>`: the one number a mail's text says it sends."""
    found: dict[str, letter_number.Found] = {}
    for line in body[:60]:
        for item in letter_number.find(line.text):
            if not item.refers and _SENT_ON.search(line.text[: item.start]):
                found.setdefault(item.key, item)
    if len(found) != 1:
        return None
    return Particular(value=next(iter(found.values())).number, source="body", confidence=0.6)


def _date_of_body(letter: Letter, body: Sequence[Line]) -> Particular | None:
    """The date beside the one number that the mail's text says it sends."""
    if letter.likeness or _number_of_body(body) is None:
        return None
    for line in body[:60]:
        for item in letter_number.find(line.text):
            if not item.refers and _SENT_ON.search(line.text[: item.start]):
                said = letter_text.reference(line.text[item.start : item.end + 50])
                return Particular(value=said.date, source="body", confidence=0.6) if said.date else None
    return None


def _number_of_name(names: Sequence[str]) -> Particular | None:
    """A file name cannot hold a slash; only one that says `ที่` is believed, and not much."""
    for name in names:
        match = _FILE_NAME.search(repair(name))
        if match:
            value = tidy(f"{match.group('letters')} {match.group('code')}/{match.group('rest')}")
            return Particular(value=value, source="filename", confidence=0.4)
    return None


def _references(source: Source, letter: Letter, line: subject_line.SubjectLine) -> tuple[Reference, ...]:
    told = [(source, item) for item in letter.references] or [("subject", item) for item in line.references]
    return tuple(
        Reference(
            number=item.number,
            date=item.date,
            text=item.text[:1000],
            source=where,
            confidence=item.confidence * (SCAN_FACTOR if where == "ocr" else 1),
        )
        for where, item in told
        if item.text
    )


def _contacts(
    letters: Sequence[tuple[Source, Letter]], source: Source, part: Callable[[Letter], list[str]]
) -> tuple[Particular, ...]:
    """Those of the letter, then those of the mail's text; those of enclosures are nobody's who wrote."""
    found: dict[str, Particular] = {}
    for where, letter in letters:
        if where not in (source, "body") or (where == source and where != "body" and letter.likeness < 2):
            continue
        for value in part(letter):
            said = _particular(Said(value, 0.95), where)
            if said:
                found.setdefault(for_matching(value).replace(" ", "").lower(), said)
    return tuple(found.values())


def _particular(said: Said | None, source: Source) -> Particular | None:
    if said is None or not said.value.strip():
        return None
    return Particular(
        value=said.value, source=source, confidence=round(said.confidence * (SCAN_FACTOR if source == "ocr" else 1), 2)
    )
