"""Telephone numbers and mail addresses that a letter gives."""

import re

from services.sign.thai import ascii_digits, tidy

MOST = 10
"""Most of each that are reported."""

_D = "[0-9๐-๙]"
_PLAIN = rf"\(?\+?{_D}(?:[ \-–.()]{{0,2}}{_D}){{2,14}}"
_PERSON = r"(?:[^\S\n]?\([^()\n]{1,40}\))?"
_NETWORK = rf"(?:[^\S\n]?\([ก-ฮ.]{{1,6}}\)[^\S\n]?{_D}{{4,6}}(?!{_D}))"
"""A number inside another network, such as the ministry's (มท)."""
_RANGE = rf"(?:[^\S\n]?[-–][^\S\n]?{_D}{{1,2}}(?![^\S\n]?[-–]?{_D}))?"
_NEXT = r"[^\S\n]?(?:,|/|-|–|และ|หรือ|ถึง|[^\S\n])[^\S\n]?"
_EXTENSIONS = (
    rf"[^\S\n]?(?:ต่อ|ext\.?|#|กด)[^\S\n]?:?[^\S\n]?{_D}{{1,6}}{_PERSON}"
    rf"(?:{_NEXT}{_D}{{1,6}}(?![0-9๐-๙A-Za-z]){_PERSON}){{0,9}}"
)
_NUMBER = rf"{_PLAIN}{_RANGE}(?:{_EXTENSIONS}|{_NETWORK}|{_PERSON})"
_LABELLED = re.compile(
    # โทรสาร is a fax: the label ends before it.
    rf"(?:หมายเลขโทรศัพท์|โทร(?:ศัพท์)?\.?\s?(?:/|และ)\s?โทรสาร|โทรศัพท์(?:มือถือ|เคลื่อนที่)?|โทร(?!สาร|เลข|ทัศน์|คม|มาตร)ฯ?|มือถือ|\bTel(?:ephone)?\b|\bPhone\b|\bMobile\b)"
    rf"(?:[^\S\n]?ภายใน)?[^\S\n]?[.:]{{0,2}}[^\S\n]{{0,4}}(?P<numbers>{_NUMBER}(?:[^\S\n]?(?:,|/|;|และ|หรือ)[^\S\n]?{_NUMBER}){{0,4}})",
    re.IGNORECASE,
)
_SEPARATE = re.compile(rf"[^\S\n]?(?:,|;|/|และ|หรือ)[^\S\n]?(?=\(?\+?[0๐]{_D}?[ \-–]?{_D}{{2}})")

_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9._%+@-])[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_+-])?@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9@])"
)
_THAI_ADDRESS = re.compile(
    r"(?:(?<=[\s:<(])|^)[ก-๙A-Za-z0-9](?:[ก-๙A-Za-z0-9._+-]{0,62})@(?:[ก-๙A-Za-z0-9-]{1,63}\.){1,8}ไทย(?![ก-๙A-Za-z0-9])",
    re.MULTILINE,
)


def telephones(text: str) -> list[str]:
    """Numbers that the text calls telephone numbers, as written, with extensions; fax numbers are none."""
    found: dict[str, str] = {}
    for match in _LABELLED.finditer(text):
        for written in _SEPARATE.split(match.group("numbers")):
            said = tidy(written.replace("\t", " "))
            figures = re.sub(r"\D", "", ascii_digits(re.split(r"ต่อ|ext|#|กด|\((?=[^0-9๐-๙])", said)[0]))
            # A number that begins with the trunk prefix has nine figures or more; a shorter one is a piece of one.
            if (9 if figures.startswith("0") else 4) <= len(figures) <= 13 and len(found) < MOST:
                found.setdefault(re.sub(r"\D", "", ascii_digits(said)), said)
    return list(found.values())


def emails(text: str) -> list[str]:
    """Mail addresses in the text, each once, without regard to case."""
    found: dict[str, str] = {}
    matches = [*_ADDRESS.finditer(text), *_THAI_ADDRESS.finditer(text)]
    for match in sorted(matches, key=lambda match: match.start()):
        address = match.group()
        if ".." not in address and len(address) <= 254 and len(found) < MOST:
            found.setdefault(address.lower(), address)
    return list(found.values())
