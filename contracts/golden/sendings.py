"""What `notify` sent for the letter of the examples, and what could happen to it."""

from contracts.addresses import message_id
from contracts.event import Event
from contracts.golden.book import WHICH
from contracts.golden.letter import MAIL, PLACE, RECEIVED, made
from contracts.notices import (
    LetterDelivered,
    MailDelayed,
    MailFailed,
    ReceiptHeld,
    RegistrarAlerted,
    SenderReceipted,
)

_ENTRY = {**WHICH, "mail": MAIL, "position": PLACE, "number": 8432}
RELAY = "relay.demo.localhost:25"


def _fixed(errand: str) -> str:
    return message_id(errand, MAIL, "MAIL_2569", 41207, "demo.localhost")


SENDINGS: tuple[Event, ...] = (
    made(
        SenderReceipted,
        **_ENTRY,
        at="2026-05-13T03:04:09.511904Z",
        kind="final",
        sent=True,
        message_id=_fixed("final"),
        relay=RELAY,
    ),
    made(
        ReceiptHeld,
        **_ENTRY,
        at="2026-05-13T03:04:09.120005Z",
        kind="final",
        why="unauthenticated",
        receipt={"stream": "FINDINGS", "sequence": 82011},
    ),
    made(
        LetterDelivered,
        **_ENTRY,
        at="2026-05-13T03:04:09.733010Z",
        message_id=_fixed("cover"),
        relay=RELAY,
        original=RECEIVED.sha256,
    ),
    made(
        MailDelayed,
        **_ENTRY,
        at="2026-05-13T03:04:09.400000Z",
        errand="cover",
        attempt=1,
        retry_at="2026-05-13T03:05:09.400000Z",
        code=451,
    ),
    made(
        MailFailed,
        **_ENTRY,
        at="2026-05-18T03:04:09.400000Z",
        errand="receipt",
        code=550,
        reason="550 5.1.1 mailbox unavailable",
    ),
    made(RegistrarAlerted, **_ENTRY, at="2026-05-18T03:04:10.000000Z", why="undeliverable", sent=True),
)
