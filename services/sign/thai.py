"""Thai text as people wrote it, from what mail and PDF files make of it.

The repairs here undo what PDF extraction does to Thai: glyphs of old fonts in the private use area, marks set
apart from their consonant, SARA AM taken in two, clusters that come twice. Each rule only touches sequences that
no Thai word has, so that clean text passes unchanged.
"""

import re
import unicodedata

_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")

_PRIVATE = {
    # Glyph variants of the old Windows and Mac fonts, as they come out of PDF files without a character map.
    0xF700: 0x0E10,
    0xF701: 0x0E34,
    0xF702: 0x0E35,
    0xF703: 0x0E36,
    0xF704: 0x0E37,
    0xF705: 0x0E48,
    0xF706: 0x0E49,
    0xF707: 0x0E4A,
    0xF708: 0x0E4B,
    0xF709: 0x0E4C,
    0xF70A: 0x0E48,
    0xF70B: 0x0E49,
    0xF70C: 0x0E4A,
    0xF70D: 0x0E4B,
    0xF70E: 0x0E4C,
    0xF70F: 0x0E0D,
    0xF710: 0x0E31,
    0xF711: 0x0E4D,
    0xF712: 0x0E47,
    0xF713: 0x0E48,
    0xF714: 0x0E49,
    0xF715: 0x0E4A,
    0xF716: 0x0E4B,
    0xF717: 0x0E4C,
    0xF718: 0x0E38,
    0xF719: 0x0E39,
    0xF71A: 0x0E3A,
}
_SPACES = dict.fromkeys([0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], 0x20)
_NOTHING = dict.fromkeys(
    [0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
_CONTROLS = dict.fromkeys(
    [*range(0x09), 0x0B, *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0), 0xFFFE, 0xFFFF]
)
_TABLE = _PRIVATE | _SPACES | _NOTHING | _CONTROLS | {0x0C: 0x0A, 0x85: 0x0A, 0x2028: 0x0A, 0x2029: 0x0A}

_TONES = "่้๊๋"
MARKS = "ัิีึืฺุู็่้๊๋์ํ๎"
"""What stands above or below a consonant and never alone."""

_LONE_MARK = re.compile(rf"(?<=[ก-ฮ{MARKS}]) +(?=[{MARKS}])")
_LEADING_VOWEL = re.compile(r"([เแโใไ]) +(?=[ก-ฮ])")
_AM_SPLIT = re.compile(rf"ํ([{_TONES}]?)า|([{_TONES}])ํา")
_AM_AFTER_SPACE = re.compile(rf"(?<=[ก-ฮ])([{_TONES}]?) +[าำ]")
_AM_BEFORE_TONE = re.compile(rf"ำ([{_TONES}])")
_CLUSTER = re.compile(rf"([ก-ฮ])([{MARKS}]{{2,}})")
_DOUBLED = re.compile(
    # After these marks Thai spelling wants another consonant, so the same cluster cannot follow at once.
    rf"([ก-ฮ](?:[ัิึื][{_TONES}]|[ัื])|[ข-ฮ]็|[ก-ฮ][ิุ]?์)\1+"
)
_ORDER = {mark: 1 if mark in _TONES else 2 if mark in "์๎" else 0 for mark in MARKS}


def ascii_digits(text: str) -> str:
    """The same text with ASCII digits in the place of Thai ones."""
    return text.translate(_DIGITS)


def repair(text: str) -> str:
    """The text in NFC with the damage of extraction undone; lines and runs of spaces stay."""
    text = unicodedata.normalize("NFC", scrub(text).replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE))
    text = text.replace("เเ", "แ")
    text = _LONE_MARK.sub("", text)
    text = _LEADING_VOWEL.sub(r"\1", text)
    text = _AM_SPLIT.sub(lambda m: (m.group(1) or m.group(2) or "") + "ำ", text)
    text = _AM_AFTER_SPACE.sub(r"\1ำ", text)
    text = _AM_BEFORE_TONE.sub(r"\1ำ", text)
    text = _CLUSTER.sub(_in_order, text)
    return _DOUBLED.sub(r"\1", text)


def tidy(text: str) -> str:
    """One line of the text: single spaces, none at the ends."""
    return " ".join(text.split())


def for_matching(text: str) -> str:
    """NFC, ASCII digits, single spaces (DOMAIN: forms)."""
    return tidy(ascii_digits(unicodedata.normalize("NFC", text)))


def scrub(text: str) -> str:
    """The text with nothing in it that UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def is_thai(character: str) -> bool:
    """Whether it is a character of the Thai block (the baht sign included)."""
    return "\u0e00" <= character <= "\u0e7f"


def _in_order(match: re.Match[str]) -> str:
    marks = sorted(dict.fromkeys(match.group(2)), key=_ORDER.__getitem__)
    return match.group(1) + "".join(marks)
