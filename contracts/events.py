"""Every event, in the order a letter meets them. Start here; each family has a file of its own.

ingest    MailReceived · MailAttempted
register  BookOpened · LetterEntered · LetterRecorded · LetterGuarded · NoticeKept
          EntryVoided · EntryCorrected · EntryMoved · EntryNoted
sign      LetterExamined · ReceiptSealed · CheckpointSealed
notify    SenderReceipted · ReceiptHeld · LetterDelivered · MailDelayed · MailFailed · RegistrarAlerted
officers  BookOpenOrdered · EnterOrdered · VoidOrdered · CorrectOrdered · MoveOrdered · NoteOrdered
          ReleaseOrdered · AttendOrdered
any       MessageGivenUp
"""

from contracts.dead import MessageClosed, MessageGivenUp, MessageRetried
from contracts.event import Event, Position, Reached
from contracts.findings import CheckpointSealed, LetterExamined, ReceiptSealed
from contracts.mail import MailAttempted, MailReceived
from contracts.notices import (
    LetterDelivered,
    MailDelayed,
    MailFailed,
    ReceiptHeld,
    RegistrarAlerted,
    SenderReceipted,
)
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
from contracts.register import (
    BookOpened,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
    LetterGuarded,
    LetterRecorded,
    NoticeKept,
)

Row = BookOpened | LetterEntered | EntryVoided | EntryCorrected | EntryMoved | EntryNoted
"""What the messages of a book are."""

EVENTS: tuple[type[Event], ...] = (
    MailReceived,
    MailAttempted,
    BookOpened,
    LetterEntered,
    LetterRecorded,
    LetterGuarded,
    NoticeKept,
    EntryVoided,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    LetterExamined,
    ReceiptSealed,
    CheckpointSealed,
    SenderReceipted,
    ReceiptHeld,
    LetterDelivered,
    MailDelayed,
    MailFailed,
    RegistrarAlerted,
    BookOpenOrdered,
    EnterOrdered,
    VoidOrdered,
    CorrectOrdered,
    MoveOrdered,
    NoteOrdered,
    ReleaseOrdered,
    AttendOrdered,
    MessageGivenUp,
    MessageRetried,
    MessageClosed,
)

__all__ = ["EVENTS", "Event", "Position", "Reached", "Row", *(event.__name__ for event in EVENTS)]
