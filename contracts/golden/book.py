"""The book of the examples, whole: its links can be computed from these bodies alone."""

from typing import Any

from contracts import chain, codec
from contracts.event import Event
from contracts.golden.letter import (
    AGENCY,
    AUTHOR,
    LETTER,
    MAIL,
    MESSAGE_ID,
    OTHER_MAILS,
    PLACE,
    RECEIVED,
    RECEIVED_AT,
    SUBJECT,
    identity,
    made,
)
from contracts.register import (
    BookOpened,
    BookRow,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
    LetterGuarded,
    LetterRecorded,
    NoticeKept,
)
from contracts.values import sha256_hex

BOOK = f"register.v1.entered.{AGENCY}.received.2569"
WHICH = {"series": "received", "year": 2569}
DEEMED_AT = "2026-05-14T08:30:00+07:00"
"""13 May 2569 was Royal Ploughing Day."""
CALENDAR = sha256_hex("ปฏิทินวันทำการ ๒๕๖๙".encode())
RULES = "series-1 deemed-1"
NEWEST = {"stream": "MAIL_2569", "sequence": 41210, "parts": 0}


def order_place(number: int) -> dict[str, Any]:
    """Where the order with this number lies."""
    return {"stream": "ORDERS", "sequence": number, "parts": 0}


RECORDED = made(
    LetterRecorded,
    **WHICH,
    number=8432,
    mail=MAIL,
    salt=identity("salt"),
    message_id=MESSAGE_ID,
    sender="saraban@opdc.go.th",
    author=AUTHOR,
    subject=SUBJECT,
)
CORRECTED = made(
    LetterRecorded,
    **WHICH,
    number=8432,
    mail=MAIL,
    salt=identity("salt of the correction"),
    message_id=MESSAGE_ID,
    sender="saraban@opdc.go.th",
    author=AUTHOR,
    subject=SUBJECT,
    letter_number="นร ๑๒๐๐/ว ๕๖",
    letter_date="2024-11-15",
)


def _letter(number: int, mail: str, sha256: str, place: dict[str, Any], record: str) -> dict[str, Any]:
    digits = str(number).translate(str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙"))
    return {
        "number": number,
        "number_text": f"ทต ร/๒๕๖๙/{digits}",
        "mail": mail,
        "sha256": sha256,
        "size": len(LETTER),
        "received_at": RECEIVED_AT,
        "bound_ms": RECEIVED.bound_ms,
        "within_bound": True,
        "deemed_at": DEEMED_AT,
        "calendar": CALENDAR,
        "rules": RULES,
        "record": record,
        "position": place,
        "remarks": [],
    }


def _bodies() -> list[tuple[type[BookRow], dict[str, Any], dict[str, Any] | None, int]]:
    """Kind and fields of each row, the newest position of MAIL it had reached, and of ORDERS."""
    place_2 = {"stream": "MAIL_2569", "sequence": 41209, "parts": 1}
    first = _letter(8432, MAIL, RECEIVED.sha256, PLACE, sha256_hex(codec.encode(RECORDED)))
    second = _letter(8433, OTHER_MAILS[0], sha256_hex(b"letter 2"), place_2, sha256_hex(b"record 2"))
    third = _letter(8434, OTHER_MAILS[1], sha256_hex(b"letter 3"), NEWEST, sha256_hex(b"record 3"))
    opening = {
        "first": 8432,
        "number_format": "ทต ร/{year_th}/{number_th}",
        "order": order_place(1),
        "opened_at": "2026-05-12T09:00:00.000000Z",
    }
    corrected = {"number": 8432, "record": sha256_hex(codec.encode(CORRECTED)), "order": order_place(2), "last": 8434}
    moved = {"number": 8433, "to_series": "general", "to_year": 2569, "to_number": 120, "order": order_place(4)}
    return [
        (BookOpened, opening, None, 1),
        (LetterEntered, first, PLACE, 1),
        (LetterEntered, second, place_2, 1),
        (LetterEntered, third, NEWEST, 1),
        (EntryCorrected, corrected, NEWEST, 2),
        (EntryNoted, {"number": 8432, "order": order_place(3), "last": 8434}, NEWEST, 3),
        (EntryMoved, moved | {"last": 8434}, NEWEST, 4),
        (EntryVoided, {"number": 8434, "order": order_place(5), "last": 8434}, NEWEST, 5),
    ]


def _chained() -> tuple[list[BookRow], list[dict[str, str]]]:
    rows: list[BookRow] = []
    vector: list[dict[str, str]] = []
    link = chain.first_link(BOOK)
    for kind, fields, mail, orders in _bodies():
        reached = {"mail": mail, "orders": order_place(orders)}
        row = made(kind, **WHICH, previous=link, reached=reached, **fields)
        body = codec.encode(row)
        link = chain.next_link(link, body)
        rows.append(row)
        vector.append({"body": body.decode(), "sha256": sha256_hex(body), "link": link})
    return rows, vector


BOOK_ROWS, _VECTOR = _chained()
LINK = _VECTOR[1]["link"]
"""Link of the row of the letter of the examples."""


def book_vector() -> dict[str, object]:
    """The chain as a test vector: the exact bodies in order, and the link after each."""
    return {"subject": BOOK, "first_link": chain.first_link(BOOK), "rows": _VECTOR}


ROWS: tuple[Event, ...] = (
    *BOOK_ROWS,
    RECORDED,
    made(LetterGuarded, **WHICH, mail=MAIL, number=8432),
    made(
        NoticeKept,
        kind="delivery_report",
        mail=OTHER_MAILS[1],
        matches=MAIL,
        received_at="2026-05-13T03:20:11.000842Z",
        position={"stream": "MAIL_2569", "sequence": 41211, "parts": 0},
        reached={"mail": {"stream": "MAIL_2569", "sequence": 41211, "parts": 0}, "orders": order_place(5)},
    ),
)
