"""The stamp of whoever received a letter before (DOMAIN: form 12): its number, date and agency are not the letter's."""

import re
from collections.abc import Sequence

from services.sign.lines import Line

_NUMBER = re.compile(r"\s*(?:เลข(?:ที่)?(?:ทะเบียน)?\s?รับ|รับที่|ทะเบียนรับ(?:เลข)?(?:ที่)?)")
_REST = re.compile(r"\s*(?:วันที่|เวลา|ผู้รับ|ลงชื่อผู้รับ|รับวันที่)")
_OTHER = re.compile(r"\s*(?:ที่|เรื่อง|เรียน|ด่วน|ลับ|ส่วนราชการ|บันทึก)")


def without(head: Sequence[Line]) -> Sequence[Line]:
    """The lines of a letter's head without a receive stamp: agency, number, date, hour, receiver, in this order."""
    cells = [(row, column) for row, line in enumerate(head) for column in line.text.split("\t")]
    stamped = {index for index, (_, text) in enumerate(cells) if _NUMBER.match(text)}
    if not stamped:
        return head
    for index in sorted(stamped):
        above = index - 1
        if above >= 0 and not _OTHER.match(cells[above][1]):
            stamped.add(above)
        below = index + 1
        while below < len(cells) and _REST.match(cells[below][1]):
            stamped.add(below)
            below += 1
    kept: list[Line] = []
    for row, line in enumerate(head):
        left = [text for index, (where, text) in enumerate(cells) if where == row and index not in stamped]
        if left:
            kept.append(line._replace(text="\t".join(left)))
    return kept
