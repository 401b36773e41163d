"""What is known of a letter as lines, one a hop, in order of time."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from contracts.dead import MessageClosed, MessageGivenUp, MessageRetried
from contracts.event import Event
from contracts.findings import Findings, LetterExamined, ReceiptSealed
from contracts.mail import MailAttempted, MailReceived, Peer
from contracts.notices import (
    LetterDelivered,
    MailDelayed,
    MailFailed,
    ReceiptHeld,
    RegistrarAlerted,
    SenderReceipted,
)
from contracts.orders import MoveOrdered, Order
from contracts.register import NoticeKept
from contracts.values import instant
from services.commands.terminal import thai_time
from services.commands.where_way import Way
from services.ingest.traffic_file import Line
from services.register.series import secrecy
from services.words import wording
from services.words.header_text import decoded

VERDICTS: Final = 3
"""Signatures that are told one by one."""

COMMANDS: Final = {"mail": "MAIL", "rcpt": "RCPT", "data": "DATA"}


class Hop(Struct, frozen=True, kw_only=True):
    """One line."""

    at: str
    agency: str
    mail: str
    hop: str
    words: str
    fields: Mapping[str, Any]
    """What a program wants to know of it, beside the words."""

    def flat(self) -> dict[str, object]:
        """The line as plain values."""
        return {"at": self.at, "agency": self.agency, "mail": self.mail or None, "hop": self.hop, **self.fields}


def hops(ways: Iterable[Way], attempts: Iterable[MailAttempted]) -> list[Hop]:
    """All lines; of what happened at the same instant, what comes first on a letter's way."""
    lines = [attempted(event) for event in attempts]
    for way in ways:
        lines += _of_way(way)
    return sorted(lines, key=lambda line: line.at)


def waiting(ways: Iterable[Way]) -> Iterator[str]:
    """What is still to come, a sentence for each letter that waits for something."""
    for way in ways:
        if way.notice is not None:
            continue
        held = [event for event in way.later if isinstance(event, ReceiptHeld)]
        answered = {event.kind for event in way.later if isinstance(event, SenderReceipted)}
        failed = any(isinstance(event, MailFailed) and event.errand == "receipt" for event in way.later)
        if way.row is None:
            yield f"{way.agency}: not numbered yet"
        elif held and held[-1].kind not in answered:
            yield f"{way.agency}: the receipt is held back; `saraban order release --help` says how to send it"
        elif "final" not in answered and not failed:
            yield f"{way.agency}: no final receipt yet"


def attempted(event: MailAttempted) -> Hop:
    """Somebody knocked and was refused, or told to come again."""
    to = f" to {', '.join(event.recipients)}" if event.recipients else ""
    words = f"{event.reply}  ({COMMANDS[event.stage]}, from <{event.sender}>{to}, {_peer(event.peer)})"
    if not event.message_id:
        words += "; before any letter was named, by the sender of this one"
    names = (
        "attempted_at",
        "bound_ms",
        "within_bound",
        "peer",
        "sender",
        "recipients",
        "stage",
        "code",
        "reply",
        "size",
    )
    return Hop(
        at=event.attempted_at,
        agency=event.agency,
        mail="",
        hop="deferred" if event.code < 500 else "refused",
        words=words,
        fields=_some(event, *names, "message_id"),
    )


def of_traffic(line: Line) -> Hop:
    """What the ingress of this machine answered, by its traffic log."""
    words = (
        f"{line.reply}  ({COMMANDS.get(line.stage, line.stage)}, from <{line.sender}> to {', '.join(line.recipients)}, "
    )
    return Hop(
        at=line.at,
        agency="",
        mail=", ".join(line.mails),
        hop="traffic",
        words=f"{words}{_peer(Peer(address=line.peer, helo=line.helo, tls=line.tls))})",
        fields={name: value for name, value in msgspec.to_builtins(line).items() if name != "at"},
    )


def _of_way(way: Way) -> Iterator[Hop]:
    first = way.received.received_at if way.received is not None else way.row.received_at if way.row is not None else ""
    if way.received is not None:
        yield _hop(way, first, "received", _received(way, way.received), _fields_of_received(way, way.received))
    else:
        yield _hop(way, first, "received", "the letter itself was erased", {"position": msgspec.to_builtins(way.place)})
    if way.row is not None:
        yield _hop(way, _after(first, instant(way.numbered_ns)), "numbered", _numbered(way), _fields_of_row(way))
    elif way.notice is not None:
        at = _after(first, instant(way.numbered_ns))
        yield _hop(way, at, "noticed", _noticed(way.notice), _some(way.notice, "kind", "matches"))
    for event in way.later:
        at = event.occurred_at or first
        for hop, words, fields in _later(way, event):
            # The clock of another machine must not put a step before the one it follows from.
            yield _hop(way, _after(first, at), hop, words, fields)


def _hop(way: Way, at: str, hop: str, words: str, fields: Mapping[str, Any]) -> Hop:
    return Hop(at=at, agency=way.agency, mail=way.mail, hop=hop, words=words, fields=fields)


def _received(way: Way, event: MailReceived) -> str:
    clock = f"clock within {event.bound_ms:.1f} ms" if event.within_bound else "clock out of bound"
    parts = f" in {event.parts} parts" if event.parts else ""
    words = f"{event.size} octets{parts} from <{event.sender}>, {_peer(event.peer)}, {event.protocol}; {clock}"
    if event.upstream is not None and event.upstream.received_at:
        words += f"; its own server had it {thai_time(event.upstream.received_at)}"
    subject = _subject(way, event)
    return f"{words}; {subject}" if subject else words


def _fields_of_received(way: Way, event: MailReceived) -> dict[str, Any]:
    names = (
        "sha256",
        "size",
        "parts",
        "received_at",
        "bound_ms",
        "within_bound",
        "source",
        "stratum",
        "peer",
        "upstream",
    )
    found = _some(event, *names, "protocol", "sender", "recipients", "labels")
    return found | {
        "message_id": event.lines.message_id,
        "subject": _subject(way, event),
        "position": msgspec.to_builtins(way.place),
    }


def _subject(way: Way, event: MailReceived) -> str | None:
    """The subject, unless anything says that the letter is a secret."""
    found = next((each.findings for each in way.later if isinstance(each, LetterExamined)), None)
    secret = (
        secrecy(event.lines.subject) is not None
        or (way.row is not None and way.row.series == "classified")
        or (found is not None and found.particulars.secrecy is not None)
        or any(isinstance(order, MoveOrdered) and order.to_series == "classified" for order in way.later)
    )
    return None if secret else decoded(event.lines.subject)


def _numbered(way: Way) -> str:
    row = way.row
    assert row is not None, "it has its number"
    words = f"{row.number_text}  ({row.series} {row.number}/{row.year}), deemed received {thai_time(row.deemed_at)}"
    return words + (f"; {' '.join(row.remarks)}" if row.remarks else "")


def _fields_of_row(way: Way) -> dict[str, Any]:
    assert way.row is not None, "it has its number"
    return _some(way.row, "series", "year", "number", "number_text", "received_at", "deemed_at", "remarks")


def _noticed(event: NoticeKept) -> str:
    if event.kind == "repeated":
        return "the same letter came before and has its number; this copy takes none"
    return f"{event.kind.replace('_', ' ')} about our own mail: takes no number"


def _later(way: Way, event: Event) -> Iterator[tuple[str, str, dict[str, Any]]]:
    match event:
        case NoticeKept():
            yield "noticed", f"{event.kind.replace('_', ' ')} came about it", _some(event, "kind", "mail")
        case LetterExamined():
            yield "examined", _verdict(event.findings), _fields_of_findings(event.findings)
        case ReceiptSealed():
            words = f"{event.receipt.kind} receipt sealed ({event.receipt.seal.kind})"
            yield "sealed", words, {"kind": event.receipt.kind, "seal": event.receipt.seal.kind}
        case SenderReceipted(sent=True):
            to = f" to <{way.received.sender}>" if way.received is not None else ""
            words = f"{event.kind} receipt{to} {_taken(event.relay)}, Message-ID {event.message_id}"
            yield "receipt", words, _some(event, "kind", "sent", "message_id", "relay")
        case SenderReceipted():
            yield "receipt", f"{event.kind} receipt made, no mail: {event.why}", _some(event, "kind", "sent", "why")
        case ReceiptHeld():
            yield "held", f"{event.kind} receipt held back: {event.why}", _some(event, "kind", "why")
        case LetterDelivered():
            what = "letter" if event.original is not None else "notice of it, without the letter,"
            words = f"cover mail with the {what} {_taken(event.relay)}, Message-ID {event.message_id}"
            yield "delivered", words, _some(event, "message_id", "relay", "original")
        case MailDelayed():
            reply = f"reply {event.code}" if event.code is not None else "no reply"
            words = f"{event.errand} mail, attempt {event.attempt}: {reply}; again {thai_time(event.retry_at)}"
            yield "delayed", words, _some(event, "errand", "attempt", "retry_at", "code")
        case MailFailed():
            yield "failed", f"{event.errand} mail: {event.reason}", _some(event, "errand", "code", "reason")
        case RegistrarAlerted():
            words = f"registrar alerted: {event.why}" if event.sent else f"nobody to alert: {event.why}"
            yield "alerted", words, _some(event, "why", "sent")
        case MessageGivenUp():
            words = f"{event.service} gave up after {event.attempts} deliveries: {event.reason.partition(chr(10))[0]}"
            yield "given up", words, _some(event, "service", "consumer", "attempts", "reason")
        case MessageRetried() | MessageClosed():
            done = "tried again" if isinstance(event, MessageRetried) else "closed"
            words = f"what {event.service} gave up on is {done}, by {event.by}: {event.reason}"
            yield done, words, _some(event, "service", "by", "reason")
        case Order():
            kind = event.type.split(".")[1]
            words, fields = f"{kind}, by {event.by}: {event.reason}", {"order": kind, **_some(event, "by", "reason")}
            if (row := way.became.get(event.id)) is not None:
                words += f"; it is now {row.number_text}  ({row.series} {row.number}/{row.year})"
                fields |= _some(row, "series", "year", "number", "number_text")
            yield "ordered", words, fields


def _verdict(findings: Findings) -> str:
    """The verdict as an officer reads it, and what vouches for the sender."""
    told = [verdict.explanation for verdict in findings.signatures[:VERDICTS]]
    more = len(findings.signatures) - len(told)
    words = " · ".join(told) + (f" · and {more} more signatures" if more else "") or _none(findings)
    if findings.scan is not None and findings.scan.outcome != "clean":
        scan = findings.scan
        words += f" · infected: {scan.malware}" if scan.malware else f" · not scanned for malware: {scan.reason}"
    vouched = findings.authentication
    if vouched is None:
        return words
    return f"{words}  (SPF {vouched.spf}, DKIM {vouched.dkim}, DMARC {vouched.dmarc})"


def _none(findings: Findings) -> str:
    encrypted = any(warning.code == "smime_encrypted" for warning in findings.warnings)
    return wording.SEALED_AWAY if encrypted else "ไม่พบลายมือชื่อดิจิทัล"


def _fields_of_findings(findings: Findings) -> dict[str, Any]:
    return {
        "signatures": [
            {"kind": each.kind, "indication": each.indication, "sub_indication": each.sub_indication}
            for each in findings.signatures
        ],
        "authentication": msgspec.to_builtins(findings.authentication),
        "warnings": [warning.code for warning in findings.warnings],
        "scan": msgspec.to_builtins(findings.scan),
    }


def _taken(relay: str) -> str:
    return "kept in the folder, as there is no relay" if relay == "folder" else f"taken by {relay}"


def _peer(peer: Peer) -> str:
    named = f" ({peer.helo})" if peer.helo else ""
    return f"by {peer.address}{named}{f', {peer.tls}' if peer.tls else ''}"


def _after(first: str, at: str) -> str:
    return max(first, at)


def _some(value: Any, *names: str) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(value, name)) for name in names}
