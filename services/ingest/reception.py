"""Taking responsibility for a letter."""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from contracts.event import Position
from contracts.mail import MailReceived, Peer, Standing, Upstream
from contracts.values import instant
from services.ingest import header_budget, header_lines, replies, upstream
from services.ingest.arrival import Arrival, Label
from services.ingest.content import Content, has_long_line
from services.ingest.header_lines import HEAD_BYTES, Section
from services.ingest.identity import digests, identify
from services.ingest.mailroom import Mailroom
from services.ingest.replies import Reply
from services.ingest.trace_field import HOPS
from services.ingest.transaction import Addressee, Transaction
from services.runtime.batch import Outgoing

LARGE: Final = 262_144
"""From here a letter is put together and hashed in a thread: 25 MB would keep the other sessions waiting for 100 ms."""

PART_HEADERS: Final = {"content-type": "application/octet-stream"}

Protocol = Literal["SMTP", "ESMTP", "ESMTPS", "UTF8SMTP", "UTF8SMTPS"]


class Kept(NamedTuple):
    """What was stored."""

    events: tuple[MailReceived, ...]
    position: Position


class Refusal(Exception):  # noqa: N818 - what a letter is answered, no fault
    """The letter cannot be taken, for ever."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.sentence)
        self.reply = reply


class Reception:
    """The one place where a letter becomes ours."""

    def __init__(self, mailroom: Mailroom) -> None:
        self._mailroom = mailroom

    async def accept(
        self, transaction: Transaction, peer: Peer, protocol: Protocol, arrival: Arrival, standing: Standing | None
    ) -> Kept:
        """Take responsibility for one letter; returning is the promise behind the 250.

        1. The time of receipt, once: `arrival.stamp`, read from the clock when the last octet came in.
        2. What the octets are: digests, header lines, and for each agency the letter's id.
        3. One event an agency, its headers within the contract's budget.
        4. All bytes and events, one atomic write, synced.
        5. Only now may the caller say 250.

        A crash before 4 ends: nothing is stored, or all of it; the peer repeats either way.
        A crash after 4: the peer repeats, the same ids arrive again, the register keeps the first number.

        Raises Refusal where it has gone round in a loop, and the errors of `Mailroom.commit`; for these the peer is
        told to come again, which is harmless.
        """
        stamp = arrival.stamp
        assert stamp is not None, "accept is for letters that have ended"
        content = arrival.content
        large = content.size >= LARGE
        read = await asyncio.to_thread(_read, content) if large else _read(content)
        whole_bytes, part_bytes = self._mailroom.whole_bytes, self._mailroom.part_bytes
        if len(read.section.received) > HOPS:
            raise Refusal(replies.LOOP)
        parts = 0 if content.size <= whole_bytes else -(-content.size // part_bytes)
        received_at, lines, labels = instant(stamp.utc_ns), read.section.lines(), _labels(arrival, read)
        arrival.call(lines.message_id)  # if the write fails, its octets are gone and it is noted as an attempt
        kept = [
            header_budget.within(
                MailReceived(
                    agency=agency,
                    mail=identify(agency, read.section, read.body_digest),
                    sha256=read.digest.hex(),
                    size=content.size,
                    parts=parts,
                    received_at=received_at,
                    bound_ms=stamp.bound_ms,
                    within_bound=stamp.within_bound,
                    source=stamp.source,
                    stratum=stamp.stratum,
                    peer=peer,
                    upstream=_upstream(read.section, addressee),
                    protocol=protocol,
                    sender=transaction.sender,
                    recipients=tuple(addressee.recipients.values()),
                    ret=transaction.ret,
                    envid=transaction.envid,
                    eight_bit=transaction.eight_bit,
                    lines=lines,
                    labels=labels,
                    standing=standing,
                )
            )
            for agency, addressee in transaction.addressees.items()
        ]

        async def messages() -> list[Outgoing]:
            take = content.take_blocks
            blocks = await asyncio.to_thread(take, whole_bytes, part_bytes) if large else take(whole_bytes, part_bytes)
            return [message for event, headers in kept for message in _messages(event, headers, blocks)]

        position = await self._mailroom.commit(content.size * len(kept), messages)
        return Kept(tuple(event for event, _ in kept), position)


class Read(NamedTuple):
    """What the octets are."""

    section: Section
    digest: bytes
    body_digest: bytes
    long_line: bool


def _read(content: Content) -> Read:
    section = header_lines.read(content.head(HEAD_BYTES))
    digest, body_digest = digests(content.pieces(), section.body)
    return Read(section, digest, body_digest, has_long_line(content.pieces()))


def _labels(arrival: Arrival, read: Read) -> tuple[Label, ...]:
    labels = arrival.labels()
    if not read.section.is_mail:
        labels.append("no_header")
    if read.long_line:
        labels.append("long_line")
    return tuple(labels)


def _upstream(section: Section, addressee: Addressee) -> Upstream | None:
    return upstream.hop_before(section.received, addressee.upstreams) if addressee.upstreams else None


def _messages(event: MailReceived, headers: dict[str, str], blocks: Sequence[bytes]) -> list[Outgoing]:
    if not event.parts:
        return [Outgoing(event.nats_subject, blocks[0] if blocks else b"", headers)]
    subject = f"mail.v1.part.{event.agency}"
    parts = [Outgoing(subject, block, PART_HEADERS) for block in blocks]
    return [*parts, Outgoing(event.nats_subject, b"", headers)]
