"""Orders as an officer gives them, for tests."""

import secrets
from typing import Any, TypeVar

from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    Order,
    VoidOrdered,
)
from tests.conftest import THIS_YEAR

Kind = TypeVar("Kind", bound=Order)

GIVEN_AT = f"{THIS_YEAR - 543}-12-31T09:00:00.000000Z"
CAME_AT = f"{THIS_YEAR - 543}-06-17T10:00:00+07:00"


def given(kind: type[Kind], agency_id: str = "demo", **changes: Any) -> Kind:
    """An order of its own id, about entry 1 of the agency's book of this year where nothing else is said."""
    values: dict[str, Any] = {
        "agency": agency_id,
        "id": secrets.token_hex(16),
        "by": "นางสาวผู้สั่ง",
        "reason": "ตามคำสั่ง",
        "given_at": GIVEN_AT,
    }
    if kind is EnterOrdered:
        values |= {"channel": "paper", "came_at": CAME_AT, "sender": "กรมตัวอย่าง", "subject": "ขอความอนุเคราะห์"}
    else:
        values |= {"series": "received", "year": THIS_YEAR}
    if kind in (VoidOrdered, CorrectOrdered, MoveOrdered, NoteOrdered):
        values["number"] = 1
    if kind is BookOpenOrdered:
        values["first"] = 100
    if kind is MoveOrdered:
        values["to_series"] = "general"
    if kind is NoteOrdered:
        values["text"] = "ดำเนินการแล้ว"
    return kind(**(values | changes))
