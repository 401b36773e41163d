"""Texts that ask much of a regular expression: what the examiner's own expressions look for, over and over."""

from collections.abc import Iterator
from typing import Final

FRAGMENTS: Final = (
    " ", "\t", "\u00a0", "\u3000", "-", "–", ".", "/", ":", ",", "(", ")", "[", "[(", "!", "#", "@", "<", "_",
    "A", "a.", "a-", "é", "0", "๐", "1 ", "๑.", "1.1", "12/", "1-", "1) ", "1(", "0 2", "02 ", "๐-๒ ", "ก",
    "ก.", "กก", "กก ", "กก/", "ว", "ว ", "/ว", "กก ๑", "กก ๑/", "กก ๑๑๑ /", "กก ๑๑๑๑.๑/ว๑ ", "ที่ ", "ที่",
    "ที่ กก ", "ที่ กก ๑", "ที่\t", "ที่ : ", "ลงวันที่ ", "วันที่ ", "ลว. ", "๑ มกราคม ", "๑ ม.ค. ", "๑ พ.ศ. ",
    "1/1/", "1.1.", "เรื่อง", "เรื่อง ", "เรื่อง : ", "เรียน ", "ถึง ", "อ้างถึง ", "อ้างถึง",
    "สิ่งที่ส่งมาด้วย ", "ส่วนราชการ ", "ขอแสดงความนับถือ ", "ส่งหนังสือ", "ส่ง", "แนบสำเนาหนังสือ ", "ตามที่",
    "ตอบ ", "ด่วน", "ด่วนที่สุด ", "ด่วนภายใน ", "[ด่วน]", "ลับ", "ลับ ", "ลับมาก ", "(ลับ)", "ชั้นความลับ ",
    "ชั้นความเร็ว : ", "ทันที ", "re:", "re [1]:", "Fwd: ", "ตอบกลับ : ", "re ", "โทร", "โทร ", "โทร. ๐",
    "โทร. 0 2 ", "โทร 02 222 ต่อ 1, ", "โทร 02222 (a) ", "ต่อ ", "ต่อ 1-", "และ ", "หรือ ", "a@", "a@a.", "a@a",
    "a.a", "ก@ก.", "ก@", "Tel ", "Tel: 0-", "กรม", "สำนักงาน ", "ถนน ", "เลขที่ ", "จังหวัด ", "กรุงเทพฯ ",
    "ซ. ", "www.", "http", "ั", "่", "่้", "ํา", "ํ่า", "ก่", "ก ่", "ก า", "ก่ า", "กั่", "กัก", "ก็", "ข็",
    "เ เ", "เ ", "เเ", "ำ่", "ก่้๊๋", "<div>", "<a ", "<!", "<!--", "<![CDATA[", "&", "&#", "&amp", "</",
    "<style>", "=?utf-8?b?4LiB?= ", "=?", "=?a?q?", "?=", "\u200b", "\ufeff", "ำ", "\U0001f600", "e\u0301",
    "\u1100\u1161", "(คำ) ", "([", "ฉบับ ", "จำนวน ๑ ชุด ", "๑. ", "๑.๑ ", "๒๕๖๗ ", "25", "/2567 ",
    "๑๑๑๑/๒๕๖๗ ", "นร ๑๒๐๐/ว๕๖, ", "ที่ นร ๑๒๐๐/ว๕๖ ลงวันที่ ๑ มกราคม ๒๕๖๗ ",
)  # fmt: skip
"""Each is repeated by itself, on one line and on many, and each in the company of others."""


def texts(characters: int) -> Iterator[tuple[str, str]]:
    """Name and text, about so long: each fragment on one line, on many lines, and in company."""
    for number, fragment in enumerate(FRAGMENTS):
        count = max(1, characters // len(fragment))
        other = FRAGMENTS[(number * 37 + 11) % len(FRAGMENTS)]
        yield f"{fragment!r} on one line", fragment * count
        yield f"{fragment!r} on many lines", (fragment * 3 + "\n") * (characters // (3 * len(fragment) + 1))
        yield f"{fragment!r} and {other!r}", (fragment + other) * max(1, characters // len(fragment + other)) + "\x00x"
        yield (
            f"{fragment!r}, lines of {other!r}",
            (fragment * (1900 // len(fragment)) + "\n" + other + "\n") * max(1, characters // 1900),
        )
