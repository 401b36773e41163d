"""Read particulars against expected ones.

Compared are NFC and, but for the letter number, ASCII digits and no white space at all: where a line of Thai ends,
nobody can tell whether a space stood there. (Values that differ in spaces alone are counted.) The letter number is
compared as it is written, with single spaces. A signer is right if the name is in the value. Everything else is exact.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.findings import Particulars
from tests.written_letters.corpus import FORMS, Form, WrittenLetter

SCALARS = (
    "number",
    "number_ascii",
    "date",
    "urgency",
    "secrecy",
    "issuer",
    "subject",
    "addressee",
    "signer",
    "acknowledgement",
)
LISTS = ("references", "enclosures", "telephones", "emails")
FIELDS = (*SCALARS, *LISTS)
_CONTRACT = {"number": "letter_number", "number_ascii": "letter_number_ascii", "date": "letter_date"}
_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")


def ascii_digits(text: str) -> str:
    return text.translate(_DIGITS)


def single_spaces(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def bare(text: str) -> str:
    """Without white space, NFC, ASCII digits."""
    return ascii_digits(unicodedata.normalize("NFC", "".join(text.split())))


@dataclass(frozen=True)
class Miss:
    """One value that is not as expected; `invented` where none, or none more, is in the letter."""

    letter: str
    form: str
    field: str
    expected: str
    got: str
    invented: bool
    variant: str = ""

    def __str__(self) -> str:
        kind = "INVENTED" if self.invented else "miss"
        form = f"{self.form}, {self.variant}" if self.variant else self.form
        return f"{kind} {self.letter} [{form}] {self.field}: expected {self.expected or '–'}, got {self.got or '–'}"


@dataclass
class Score:
    """Right and asked for, by field and form, and everything that was not right."""

    right: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    asked: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    spaces: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    misses: list[Miss] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)

    @property
    def invented(self) -> list[Miss]:
        return [miss for miss in self.misses if miss.invented]

    def share(self, name: str, forms: Iterable[str] = FORMS) -> float:
        """Of the values asked for in these forms, how many are right: 0 to 1."""
        forms = tuple(forms)
        asked = sum(self.asked[name, form] for form in forms)
        return sum(self.right[name, form] for form in forms) / asked if asked else 1.0

    def add(self, letter: WrittenLetter, form: Form, read: Particulars, variant: str = "") -> None:
        """Compare one letter in one form, of which `variant` says more."""
        before = len(self.misses)
        expected = letter.expected(form)
        if "number" in expected:
            expected["number_ascii"] = [ascii_digits(single_spaces(one)) for one in _listed(expected["number"])]
        tolerated = dict(letter.tolerated)
        tolerated |= {
            "subject": letter.tolerated_line,
            "whole": letter.tolerated_line,
            "body": letter.tolerated_body,
        }.get(form, {})
        if "number" in tolerated:
            tolerated["number_ascii"] = [ascii_digits(one) for one in tolerated["number"]]
        # The sender's own Subject line is no invention; the paper's เรื่อง is better, where there is one.
        typed = letter.mail if form in ("subject", "whole") else letter.neutral
        tolerated["subject"] = [*tolerated.get("subject", []), typed, re.sub(r"(?i)^\s*((re|fwd?)\s*:\s*)+", "", typed)]
        for name in SCALARS:
            contract = _CONTRACT.get(name, name)
            if hasattr(read, contract):
                self.fields.add(name)
                self._scalar(
                    letter, form, name, _listed(expected.get(name, [])), _value(getattr(read, contract)), tolerated
                )
        for name in LISTS:
            self.fields.add(name)
            self._list(letter, form, name, expected.get(name, []), getattr(read, name), tolerated)
        self.misses[before:] = [replace(miss, variant=variant) for miss in self.misses[before:]]

    def _scalar(
        self, letter: WrittenLetter, form: Form, name: str, wanted: list[str], got: str, tolerated: dict[str, list[Any]]
    ) -> None:
        accepted = [one for one in wanted if one]
        if not accepted:
            allowed = tolerated.get(name, [])
            if got and "*" not in allowed and not any(bare(one) == bare(got) for one in allowed):
                self.misses.append(Miss(letter.id, form, name, "", got, invented=True))
            return
        self.asked[name, form] += 1
        if any(_same(name, one, got) for one in accepted):
            self.right[name, form] += 1
            if name != "signer" and not any(
                ascii_digits(single_spaces(one)) == ascii_digits(single_spaces(got)) for one in accepted
            ):
                self.spaces[name, form] += 1
            return
        self.misses.append(Miss(letter.id, form, name, " | ".join(accepted), got, invented=False))

    def _list(
        self,
        letter: WrittenLetter,
        form: Form,
        name: str,
        wanted: list[Any],
        got: tuple[Any, ...],
        tolerated: dict[str, list[Any]],
    ) -> None:
        options = [wanted, *letter.expect.get("alternatives", {}).get(name, [])]
        allowed = tolerated.get(name, [])
        best: tuple[list[Any], list[Any]] | None = None
        for option in options:
            rest = list(got)
            missing = []
            for one in option:
                hit = next((item for item in rest if _fits(name, one, item)), None)
                if hit is None:
                    missing.append(one)
                else:
                    rest.remove(hit)
            rest = [item for item in rest if "*" not in allowed and not any(_fits(name, one, item) for one in allowed)]
            if best is None or len(missing) + len(rest) < len(best[0]) + len(best[1]):
                best = missing, rest
        assert best is not None
        missing, more = best
        # A value of the letter that was read wrongly, cut short or run on, is a miss and no invention.
        more = [item for item in more if not any(_resembles(name, one, item) for one in missing)]
        if wanted:
            self.asked[name, form] += 1
            self.right[name, form] += not missing
        shown = " ; ".join(_shown(item) for item in got)
        if missing:
            self.misses.append(Miss(letter.id, form, name, " ; ".join(map(str, missing)), shown, invented=False))
        if more:
            told = " ; ".join(_shown(item) for item in more)
            self.misses.append(Miss(letter.id, form, name, "" if not wanted else "no more", told, invented=True))

    def table(self) -> str:
        """Right of asked for, by field and form, as Markdown; in brackets those that differ in spaces alone."""
        rows = ["| field | " + " | ".join(FORMS) + " | all | invented |", "| --- |" + " ---: |" * (len(FORMS) + 2)]
        for name in FIELDS:
            if name not in self.fields:
                continue
            cells = []
            for form in FORMS:
                spaces = f" ({self.spaces[name, form]})" if self.spaces[name, form] else ""
                asked = self.asked[name, form]
                cells.append(f"{self.right[name, form]}/{asked}{spaces}" if asked else "–")
            invented = sum(miss.field == name for miss in self.invented)
            rows.append(f"| {name} | " + " | ".join(cells) + f" | {self.share(name):.1%} | {invented} |")
        return "\n".join(rows)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _value(particular: Any) -> str:
    return str(getattr(particular, "value", particular) or "")


def _same(name: str, wanted: str, got: str) -> bool:
    if name in ("number", "number_ascii"):
        return single_spaces(wanted) == single_spaces(got)
    if name == "signer":
        return bare(wanted) in bare(got)
    return bare(wanted) == bare(got)


def _fits(name: str, wanted: Any, got: Any) -> bool:
    if name != "references":
        return bare(wanted) == bare(_value(got))
    if "text" in wanted:
        return bare(wanted["text"]) in bare(got.text)
    number = bare(got.number or "")
    return bare(wanted.get("number", "")) == number and wanted.get("date") == got.date


def _resembles(name: str, wanted: Any, got: Any) -> bool:
    if name == "references":
        return got.number is None and got.date in (None, wanted.get("date"))
    one, other = bare(wanted), bare(_value(got))
    return one in other or other in one


def _shown(item: Any) -> str:
    return f"{item.number} {item.date} ({item.text})" if hasattr(item, "text") else _value(item)
