"""What the streams know of one letter: found by its Message-ID, its `<mail>` or its number, then followed downstream.

No stream has a key for a Message-ID, so MAIL is searched, its headers alone, from its end backwards in pieces: whoever
asks, asks after a letter of these days. Every later stream is read from the instant at which the letter was stored, of
its agencies only, and no further than necessary.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from contracts import codec, headers
from contracts.addresses import answered_entry
from contracts.event import Position
from contracts.mail import MailAttempted, MailReceived
from contracts.register import LetterEntered, LetterRecorded
from contracts.streams import MAIL
from contracts.values import UNASSIGNED, from_instant
from services.audit.reading import Message, messages
from services.commands.stream import names
from services.commands.where_downstream import Downstream
from services.commands.where_way import SAID_EVERY, Found, Tell, Way, decoded, told
from services.runtime.bus import Bus
from services.runtime.letters import read_message

WINDOW: Final = 20_000
"""Messages of MAIL in a piece."""

_DAY_NS: Final = 86_400_000_000_000
KNOCKS_NS: Final = 5 * _DAY_NS
"""So long before and after the letter attempts are looked for: a sender's server gives up after five days."""

REPEATS_NS: Final = 14 * _DAY_NS
"""So far from the letter its repeats are looked for: as long as its guard lives."""

_MAIL_ID: Final = re.compile(r"[a-z2-7]{52}")
_THAI_DIGITS: Final = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")


class Wanted(Struct, frozen=True, kw_only=True):
    """What somebody asks after; one of the first two, or a number."""

    message_id: Annotated[str, Meta(description="Without angle brackets.")] = ""
    mail: str = ""
    number: Annotated[str, Meta(description="number_text, with digits of either kind.")] = ""
    place: Annotated[Position | None, Meta(description="Where it lies in MAIL, if that is known.")] = None

    def fits(self, values: dict[str, str]) -> bool:
        """Whether the headers of a message of MAIL are those of the letter."""
        if self.mail:
            return values.get(_MAIL_HEADER) == self.mail
        if _in_headers(self.message_id) not in values.get(_LINES_HEADER, ""):
            return False
        event = _received(values)
        return event is not None and named(event.lines.message_id, self.message_id)


class AmbiguousError(Exception):
    """Several agencies have an entry of this number."""

    def __init__(self, agencies: Sequence[str]) -> None:
        super().__init__(", ".join(agencies))
        self.agencies = agencies


def wanted(text: str) -> Wanted:
    """Read what was typed: a Message-ID (also one of our own mails), a `<mail>`, or a register number."""
    text = text.strip()
    bare = text.removeprefix("<").removesuffix(">")
    if entry := answered_entry(f"<{bare}>"):
        _, mail, stream, sequence = entry
        return Wanted(mail=mail, place=Position(stream=stream, sequence=sequence))
    if _MAIL_ID.fullmatch(bare):
        return Wanted(mail=bare)
    if "@" not in bare and any(sign.isdigit() for sign in bare) and not text.startswith("<"):
        return Wanted(number=text, message_id=bare)
    return Wanted(message_id=bare)


def named(line: str, message_id: str) -> bool:
    """Whether a Message-ID line names this one, whatever a careless program wrote around it."""
    return bool(message_id) and (f"<{message_id}>" in line or line.strip().strip("<>") == message_id)


async def search(bus: Bus, asked: Wanted, agency: str | None, tell: Tell) -> Found:
    """Everything the streams know; empty where they know nothing.

    Raises AmbiguousError for a number of several agencies, and the errors of the bus.
    """
    rows: list[Way] = []
    by_hand: list[LetterEntered] = []
    ways: list[Way] = []
    if asked.number:
        rows, by_hand = await _by_number(bus, asked.number, agency, tell)
    for row in rows:
        _add(ways, await _letters(bus, Wanted(mail=row.mail, place=row.place), row.agency, row.stored_ns, tell))
    if not rows and not by_hand:
        ways = await _letters(bus, asked, agency, 0, tell)
        rows = [] if ways else await _by_record(bus, asked, agency, tell)
    _add(ways, rows)  # erased from MAIL
    attempts = await _attempts(bus, asked, ways, agency, tell)
    if ways:
        await Downstream(bus, ways, tell).read()
    return Found(ways=ways, attempts=attempts, by_hand=by_hand)


def _add(ways: list[Way], more: Iterable[Way]) -> None:
    """Each letter once: it has several rows where it was moved, and its series may be numbered alike."""
    for way in more:
        if way.place not in [known.place for known in ways]:
            ways.append(way)


# -- MAIL --------------------------------------------------------------------------------------------------------------


async def _letters(bus: Bus, asked: Wanted, agency: str | None, near_ns: int, tell: Tell) -> list[Way]:
    """The letter each time it came, and at each agency."""
    subjects = [f"mail.v1.received.{agency or '*'}"]
    found: list[Way] = []
    streams = list(reversed(await names(bus, MAIL.family)))
    if asked.place is not None:
        near_ns = near_ns or await _stored_ns(bus, asked.place)
    if near_ns:  # it is known when it came
        for name in reversed(streams):
            async for message in told(bus, name, subjects, near_ns - REPEATS_NS, tell, headers_only=True):
                if message.stored_ns > near_ns + REPEATS_NS:
                    break
                if asked.fits(message.headers):
                    found.append(_way(message))
        return found
    for name in streams:
        state = (await bus.api(f"STREAM.INFO.{name}"))["state"]
        first, last = int(state["first_seq"]), int(state["last_seq"])
        end = last
        while end >= first:
            begin, oldest = max(first - 1, end - WINDOW), 0
            async for message in messages(bus, name, subjects, after=begin, last=end, headers_only=True):
                oldest = oldest or message.stored_ns
                if message.sequence % SAID_EVERY == 0:
                    tell(name, last - end + message.sequence - begin, last - first + 1)
                if asked.fits(message.headers):
                    found.append(_way(message))
            end = begin
            tell(name, last - end, last - first + 1)
            if found and oldest and oldest < min(way.stored_ns for way in found) - REPEATS_NS:
                return found
    return found


async def _attempts(
    bus: Bus, asked: Wanted, ways: Sequence[Way], agency: str | None, tell: Tell
) -> list[MailAttempted]:
    """Attempts that name the letter, and those before it that name none: of the same sender, for the same recipient."""
    events = [way.received for way in ways if way.received is not None]
    ids = {asked.message_id, *(event.lines.message_id.strip().strip("<>") for event in events)} - {""}
    senders = {event.sender for event in events} - {""}
    if not ids and not senders:
        return []
    traces = [msgspec.json.encode(text)[1:-1] for text in ids] + [
        b'"sender":' + msgspec.json.encode(sender) for sender in senders
    ]
    since = min((way.stored_ns for way in ways), default=0) - KNOCKS_NS
    until = max((way.stored_ns for way in ways), default=0) + KNOCKS_NS
    subjects = [f"mail.v1.attempted.{name}" for name in dict.fromkeys((agency or "*", UNASSIGNED))]
    if agency is None:
        subjects = subjects[:1]
    found: list[MailAttempted] = []
    for name in await names(bus, MAIL.family):
        async for message in told(bus, name, subjects, max(since, 0) if ways else 0, tell, "attempts"):
            if ways and message.stored_ns > until:
                break
            if not any(trace in message.body for trace in traces):
                continue
            event = decoded(message.body)
            if isinstance(event, MailAttempted) and _of_the_letter(event, ids, events):
                found.append(event)
    return found


def _of_the_letter(event: MailAttempted, ids: Iterable[str], letters: Sequence[MailReceived]) -> bool:
    if event.message_id:
        return any(named(event.message_id, one) for one in ids)
    return any(_may_be(event, letter) for letter in letters)


def _may_be(event: MailAttempted, letter: MailReceived) -> bool:
    """Whether an attempt that names no letter may have been this one's: before it, same sender, same recipient."""
    before = from_instant(letter.received_at) - from_instant(event.attempted_at)
    if not letter.sender or event.sender != letter.sender or not 0 <= before.total_seconds() <= KNOCKS_NS / 1e9:
        return False
    to = {recipient.address.lower() for recipient in letter.recipients}
    return event.stage == "mail" or any(address.lower() in to for address in event.recipients)


def _way(message: Message) -> Way:
    event = _received(message.headers)
    return Way(
        agency=message.subject.rpartition(".")[2],
        mail=message.headers.get(_MAIL_HEADER, ""),
        place=Position(stream=message.stream, sequence=message.sequence, parts=event.parts if event else 0),
        stored_ns=message.stored_ns,
        received=event,
    )


# -- REGISTER, where MAIL does not know it -----------------------------------------------------------------------------


async def _by_number(bus: Bus, number: str, agency: str | None, tell: Tell) -> tuple[list[Way], list[LetterEntered]]:
    """The letters of this register number, and the entries that did not come by mail.

    An agency may write the numbers of its series alike.

    Raises AmbiguousError where several agencies have it.
    """
    found: list[Way] = []
    by_hand: list[LetterEntered] = []
    plain = number.translate(_THAI_DIGITS)
    async for message in told(bus, "REGISTER", [f"register.v1.entered.{agency or '*'}.>"], 0, tell, "numbers"):
        event = decoded(message.body)
        if not isinstance(event, LetterEntered) or event.number_text.translate(_THAI_DIGITS) != plain:
            continue
        if event.position is None:
            by_hand.append(event)
        else:
            found.append(_numbered(message, event, message.sequence))
    agencies = {way.agency for way in found} | {row.agency for row in by_hand}
    if len(agencies) > 1:
        raise AmbiguousError(sorted(agencies))
    return found, by_hand


async def _by_record(bus: Bus, asked: Wanted, agency: str | None, tell: Tell) -> list[Way]:
    """The rows of a letter that was erased from MAIL while its records were not."""
    found: list[Way] = []
    subjects = [f"register.v1.record.{agency or '*'}"]
    trace = msgspec.json.encode(asked.mail or asked.message_id)[1:-1]
    async for message in told(bus, "REGISTER", subjects, 0, tell, "records"):
        record = decoded(message.body) if trace in message.body else None
        if not isinstance(record, LetterRecorded):
            continue
        if record.mail == asked.mail or named(record.message_id or "", asked.message_id):
            # The row lies directly before its record.
            stored = await read_message(bus.nc, "REGISTER", message.sequence - 1, bus.timeout)
            row = decoded(stored.body) if stored is not None else None
            if isinstance(row, LetterEntered) and row.position is not None:
                found.append(_numbered(message, row, message.sequence - 1))
    return found


def _numbered(message: Message, row: LetterEntered, sequence: int) -> Way:
    assert row.position is not None, "it came by mail"
    return Way(
        agency=row.agency,
        mail=row.mail or "",
        place=row.position,
        stored_ns=int(from_instant(row.received_at).timestamp() * 1e9),
        received=None,
        row=row,
        row_sequence=sequence,
        places={("REGISTER", sequence)},
        numbered_ns=message.stored_ns,
    )


# -- reading -----------------------------------------------------------------------------------------------------------

_LINES_HEADER: Final = headers.attribute_name("lines")
_MAIL_HEADER: Final = headers.attribute_name("mail")


async def _stored_ns(bus: Bus, place: Position) -> int:
    if not re.fullmatch(rf"{MAIL.family}_\d{{4}}", place.stream, re.ASCII):
        return 0
    stored = await read_message(bus.nc, place.stream, place.sequence, bus.timeout)
    return int(stored.stored_at.timestamp() * 1e9) if stored is not None else 0


def _in_headers(text: str) -> str:
    """A text as it stands inside a JSON string inside a header."""
    return headers.percent_encode(msgspec.json.encode(text).decode()[1:-1])


def _received(values: dict[str, str]) -> MailReceived | None:
    try:
        return codec.decode_received(values)
    except codec.UndecodableError:
        return None
