"""What officers decided in the examples, and a message that a worker gave up on."""

from typing import Any

from contracts.dead import MessageClosed, MessageGivenUp, MessageRetried
from contracts.event import Event
from contracts.golden.book import WHICH
from contracts.golden.letter import identity, made
from contracts.orders import (
    AttendOrdered,
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    ReleaseOrdered,
    VoidOrdered,
)

OFFICER = "นางสาวสมหญิง ใจดี"


def _order(number: int, reason: str, given_at: str) -> dict[str, Any]:
    return {"id": identity(f"order {number}")[:32], "by": OFFICER, "reason": reason, "given_at": given_at}


_LOST = {
    "service": "sign",
    "consumer": "sign-entered",
    "source": {"stream": "REGISTER", "sequence": 90177},
}

DECISIONS: tuple[Event, ...] = (
    made(
        BookOpenOrdered,
        **_order(1, "ต่อจากทะเบียนเดิมของเทศบาล", "2026-05-12T08:59:58.000000Z"),
        **WHICH,
        first=8432,
    ),
    made(
        EnterOrdered,
        **_order(6, "หนังสือมาถึงทางไปรษณีย์", "2026-05-14T02:15:00.000000Z"),
        series="received",
        channel="paper",
        came_at="2026-05-14T09:10:00+07:00",
        letter_number="มท ๐๘๐๘.๒/ว ๑๒๓๔",
        letter_date="2026-05-11",
        sender="กรมส่งเสริมการปกครองท้องถิ่น",
        addressee="นายกเทศมนตรีตำบลตัวอย่าง",
        subject="การจัดสรรงบประมาณเงินอุดหนุน",
    ),
    made(VoidOrdered, **_order(5, "ลงทะเบียนซ้ำ", "2026-05-14T02:40:00.000000Z"), **WHICH, number=8434),
    made(
        CorrectOrdered,
        **_order(2, "อ่านเลขที่หนังสือจากภาพได้ไม่ครบ", "2026-05-14T02:20:00.000000Z"),
        **WHICH,
        number=8432,
        letter_number="นร ๑๒๐๐/ว ๕๖",
        letter_date="2024-11-15",
    ),
    made(
        MoveOrdered,
        **_order(4, "เป็นจดหมายข่าว", "2026-05-14T02:30:00.000000Z"),
        **WHICH,
        number=8433,
        to_series="general",
    ),
    made(
        NoteOrdered,
        **_order(3, "การปฏิบัติ", "2026-05-14T02:25:00.000000Z"),
        **WHICH,
        number=8432,
        text="ส่งกองยุทธศาสตร์และงบประมาณดำเนินการ",
    ),
    made(ReleaseOrdered, **_order(7, "โทรศัพท์ยืนยันกับผู้ส่งแล้ว", "2026-05-14T02:50:00.000000Z"), **WHICH, number=8432),
    made(AttendOrdered, **_order(8, "ตรวจกล่องจดหมายรอบเช้า", "2026-05-14T02:00:00.000000Z")),
    made(
        MessageGivenUp,
        **_LOST,
        subject="register.v1.entered.demo.received.2569",
        reason="failed 20 times: TimeoutError()",
        attempts=20,
        given_up_at="2026-05-13T04:10:00.000000Z",
    ),
    made(
        MessageRetried,
        **_LOST,
        id=identity("retry")[:32],
        given_up=3,
        by=OFFICER,
        reason="แก้ไขการตั้งค่า DNS แล้ว",
        decided_at="2026-05-13T06:00:00.000000Z",
    ),
    made(
        MessageClosed,
        **_LOST,
        id=identity("close")[:32],
        given_up=3,
        by=OFFICER,
        reason="ตรวจด้วยตนเองแล้ว",
        decided_at="2026-05-13T06:30:00.000000Z",
    ),
)
