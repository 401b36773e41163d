"""The particulars of a letter, from everything that came with it: which source says what, and which one is believed.

A born-digital PDF is the letter; the Subject line is what a clerk typed; the mail's text may be either the letter or
a word around it; a scan's text is a machine's guess. A number read from a file never overrides the Subject line
silently.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from contracts import findings
from contracts.findings import Particular, Particulars, Reference, Source
from services.sign import letter_number, letter_text, secrecy, subject_line
from services.sign.letter_text import Letter, Said
from services.sign.lines import Line, of_text
from services.sign.quoted import MAILS, Inner, split
from services.sign.thai import for_matching, repair, tidy
from services.sign.warnings import warning

SCAN_FACTOR = 0.45
"""How much less a particular of a scan is trusted: never so much that it is shown as the letter's own word (0.5)."""

_FILE_NAME = re.compile(
    r"ที่\s*(?P<letters>[ก-ฮ]{1,6}\.?)\s?(?P<code>[0-9๐-๙][0-9๐-๙.]{1,12})\s?[-_]\s?(?P<rest>ว?\s?[0-9๐-๙]{1,7})(?![0-9๐-๙])"
)
NAMED: Final = 0.9
"""Confidence of a Subject line that says เรื่อง."""
_NAMED = re.compile(r"เรื่อง\s*[:.]?\s*")
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


class _Written(NamedTuple):
    """The text of a mail: what its sender wrote, and the mails quoted in it."""

    own: Text
    mails: tuple[Inner, ...]
    quoted: tuple[Text, ...]


# Findings are made anew after each file of a letter, and its texts would be read again each time.
@lru_cache(maxsize=1)
def _written(body: str) -> _Written:
    own, mails = split(body)
    return _Written(Text("body", of_text(own)), tuple(mails), tuple(Text("body", of_text(mail.text)) for mail in mails))


@lru_cache(maxsize=MAILS)
def _text_of(mail: str) -> Text:
    return Text("body", of_text(mail))


@dataclass(frozen=True)
class _Candidate:
    """One text as a letter."""

    source: Source
    letter: Letter
    own: bool = False
    """It is what the sender of the mail wrote himself."""


def read(
    subject: str | None, body: str, texts: Sequence[Text], names: Sequence[str] = (), sent_on: Sequence[Inner] = ()
) -> tuple[Particulars, list[findings.Warning]]:
    """The particulars of a letter of Subject line, mail text, PDF texts, file names and the mails inside the mail."""
    line = subject_line.read(subject) if subject else subject_line.SubjectLine()
    written = _written(body)
    # What somebody answers to is another letter; what he sends on is this one.
    inner = [_text_of(mail.text) for mail in sent_on] + ([] if line.reply else list(written.quoted))
    subjects = [mail.subject for mail in (*sent_on, *(() if line.reply else written.mails))]
    body_lines = written.own.lines
    own = _Candidate("body", written.own.letter, own=True)
    letters = [_Candidate(text.source, text.letter) for text in texts]
    letters += [own, *(_Candidate("body", text.letter) for text in inner)]
    chosen = _chosen(letters, line)
    source, letter = chosen.source, chosen.letter
    below = _below_subject([subject_line.read(subject) for subject in subjects if subject])
    number, warnings = _number(line, source, letter, body_lines, names)
    if number is None and below.number is not None:
        number = _particular(below.number, "body")
    pick = _Picker(source, letter, line, below)
    return (
        Particulars(
            letter_number=number,
            letter_number_ascii=None
            if number is None
            else Particular(value=for_matching(number.value), source=number.source, confidence=number.confidence),
            letter_date=pick.one(lambda said: said.date) or _date_of_body(letter, body_lines),
            urgency=pick.one(lambda said: said.urgency),
            secrecy=secrecy.gravest(
                [
                    pick.one(lambda said: said.secrecy),
                    _particular(line.secrecy, "subject"),
                    *(secrecy.of_page(text.lines, text.source) for text in texts),
                    secrecy.of_body(body_lines),
                    *(secrecy.of_body(text.lines) for text in inner),
                ]
            ),
            issuer=_particular(letter.issuer, source),
            subject=_named_in_body(letter, line, body_lines) or pick.one(lambda said: said.subject),
            addressee=_particular(letter.addressee, source),
            references=_references(source, letter, line),
            enclosures=tuple(item for said in letter.enclosures if (item := _particular(said, source))),
            signer=_particular(letter.signer, source),
            signer_position=_particular(letter.signer_position, source),
            telephones=_contacts([chosen, own], lambda said: said.telephones),
            emails=_contacts([chosen, own], lambda said: said.emails),
            acknowledgement=_particular(letter.acknowledgement, source)
            or _particular(own.letter.acknowledgement, "body"),
        ),
        warnings,
    )


def _chosen(letters: Sequence[_Candidate], line: subject_line.SubjectLine) -> _Candidate:
    """One text is the letter: what the Subject line speaks of, no scan before a text, a whole letter before a part of
    one, and the first of several: a PDF before the body, later files are enclosures."""
    typed = letter_number.match_key(line.number.value) if line.number else None

    def worth(item: _Candidate) -> tuple[bool, bool, int]:
        found = item.letter.number
        agrees = typed is not None and found is not None and letter_number.match_key(found.value) == typed
        return (
            item.letter.likeness >= 2 and agrees,
            item.letter.likeness >= 2 and item.source != "ocr",
            min(item.letter.likeness, 3),
        )

    best = max(letters, key=worth)
    return best if best.letter.likeness >= 2 else _Candidate("body", Letter(), own=True)


def _below_subject(lines: Sequence[subject_line.SubjectLine]) -> subject_line.SubjectLine:
    """The Subject line of the mail that was sent on: the first that has a number."""
    for line in lines:
        if line.number is not None and not line.reply:
            return line
    return subject_line.SubjectLine()


class _Picker:
    """The letter's own word before the Subject line's, but a scan's after it; last that of the mail sent on."""

    def __init__(
        self, source: Source, letter: Letter, line: subject_line.SubjectLine, below: subject_line.SubjectLine
    ) -> None:
        self._source, self._letter, self._line, self._below = source, letter, line, below

    def one(self, part: Callable[[Letter | subject_line.SubjectLine], Said | None]) -> Particular | None:
        told = [_particular(part(self._letter), self._source), _particular(part(self._line), "subject")]
        if self._source == "ocr":
            told.reverse()
        return told[0] or told[1] or _particular(part(self._below), "body")


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


def _named_in_body(letter: Letter, line: subject_line.SubjectLine, body: Sequence[Line]) -> Particular | None:
    """`ขอส่งหนังสือ … ที่ <number> … เรื่อง <subject>`: where neither a letter nor the Subject line names it."""
    if letter.likeness or _number_of_body(body) is None or (line.subject and line.subject.confidence >= NAMED):
        return None
    for row in body[:60]:
        for item in letter_number.find(row.text):
            if not item.refers and _SENT_ON.search(row.text[: item.start]):
                said = _NAMED.search(row.text, item.end, item.end + 60)
                subject = tidy(row.text[said.end() :])[:1000] if said else ""
                return Particular(value=subject, source="body", confidence=0.6) if subject else None
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
    own = letter_number.match_key(letter.number.value) if letter.number else None
    typed = [item for item in line.references if not item.number or letter_number.match_key(item.number) != own]
    told = [(source, item) for item in letter.references] or [("subject", item) for item in typed]
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


def _contacts(letters: Sequence[_Candidate], part: Callable[[Letter], list[str]]) -> tuple[Particular, ...]:
    """Those of the letter, then those of the mail's own text; those of enclosures are nobody's who wrote."""
    found: dict[str, Particular] = {}
    for item in letters:
        for value in part(item.letter):
            said = _particular(Said(value, 0.95), item.source)
            if said:
                found.setdefault(for_matching(value).replace(" ", "").lower(), said)
    return tuple(found.values())


def _particular(said: Said | None, source: Source) -> Particular | None:
    if said is None or not said.value.strip():
        return None
    return Particular(
        value=said.value, source=source, confidence=round(said.confidence * (SCAN_FACTOR if source == "ocr" else 1), 2)
    )
