"""The audit: reads the streams once, side by side, in bounded memory; from the start, or from what is proven."""

import time
from collections.abc import Mapping
from typing import Final

import msgspec

from contracts import chain, codec
from contracts.directory import Agency
from contracts.register import BookRow
from contracts.streams import DIRECTORY, FINDINGS, MAIL, ORDERS, RECEIPTS, REGISTER
from contracts.values import instant
from services.audit.book import KINDS, Book
from services.audit.limits import check_limits
from services.audit.proven import Keep, Proven
from services.audit.reading import messages
from services.audit.repeats import KEEP_NS
from services.audit.report import Progress, Report
from services.audit.seen import Seen
from services.audit.signatures import Signatures
from services.audit.streams import Ends, ends
from services.audit.walk import Walk
from services.runtime import settings
from services.runtime.bus import Bus
from services.runtime.letters import read_message

_RULES: Final = settings.Audit()

SAVE_SECONDS: Final = 20.0
"""Between two times that a long audit puts down how far it has come."""


def silent(part: str, done: int, total: int) -> None:
    """Say nothing of the progress."""


async def audit(
    bus: Bus,
    agency: str | None = None,
    progress: Progress = silent,
    *,
    octets: bool = True,
    rules: settings.Audit = _RULES,
    keep: Keep | None = None,
    from_start: bool = True,
) -> Report:
    """Prove the invariants from the streams alone, of one agency or of all, or say which one is broken.

    Changes nothing in them. Holds while the system runs: what is on its way is counted as waiting. `octets` reads every
    letter whole and digests it; without, MAIL and receipts are read by their headers. What was proven is put into
    `keep` now and then, and gone on from unless `from_start`; nothing that is broken is ever put there.

    Raises:
        Unavailable: a stream could not be read to its end; nothing is proven then.
        OSError, ValueError: `rules` name certificates that cannot be read; OSError: what is proven cannot be kept.
    """
    began = time.monotonic()
    keep = keep if agency is None else None
    proven = keep.load() if keep is not None and not from_start else None
    if proven is not None and octets and not proven.octets:
        proven = None
    report = Report(agency=agency, resumed=proven.proven_at if proven else None)
    try:
        if proven is not None:
            report.counts = proven.counts
            report.settle()
        await check_limits(bus, report)
        there = await ends(bus)
        if proven is not None and not await _is_there(bus, report, there, proven):
            return report
        if proven is None and keep is not None:
            keep.drop()  # its tables are about to be made anew
        now = instant(time.time_ns())
        fresh = Proven(octets=octets, streams=there.created, proven_at=now, began=now)
        await _walk(bus, report, there, proven or fresh, rules, keep, progress)
        return report
    finally:
        report.seconds = time.monotonic() - began


async def _walk(
    bus: Bus, report: Report, there: Ends, proven: Proven, rules: settings.Audit, keep: Keep | None, progress: Progress
) -> None:
    seen = Seen(KEEP_NS, keep.folder if keep else None, proven.seen if proven.register else None)
    signatures = Signatures(rules.certificates)
    walk = Walk(bus, report, there, await _agencies(bus, report.agency), signatures, seen, proven, progress)
    saved = time.monotonic()

    def save() -> None:
        assert keep is not None
        seen.keep()  # before the state that names them
        keep.save(walk.kept(instant(time.time_ns())))

    async def pause() -> None:
        nonlocal saved
        if keep is not None and time.monotonic() - saved > SAVE_SECONDS and walk.whole:
            save()
            saved = time.monotonic()

    await walk.run(pause, rules.head_seconds)
    if keep is not None and walk.whole:
        save()


async def _is_there(bus: Bus, report: Report, there: Ends, proven: Proven) -> bool:
    """Whether what was proven is still what the streams say; what is not is said."""
    before = len(report.problems) + report.more
    for name, created in proven.streams.items():
        found = there.created.get(name)
        if found is None and name.startswith(f"{MAIL.family}_"):
            continue  # the year is archived
        if found != created:
            report.broken("store", name, f"was created at {found}; what was proven lay in one of {created}")
    for name, last, end in (
        (REGISTER.family, proven.register, there.register),
        (FINDINGS.family, max(proven.receipts, proven.heads), there.receipts),
        (RECEIPTS.family, proven.mails, there.mails),
        (ORDERS.family, proven.orders.read, there.orders),
    ):
        if last > end:
            report.broken("store", name, f"ends at {end}, and messages up to {last} were proven: its end was cut off")
    for book in proven.books:
        if there.rows.get(book.subject, 0) < book.length:
            words = f"has {there.rows.get(book.subject, 0)} messages, and {book.length} were proven"
            report.broken("store", book.name, words)
        elif not await _has_head(bus, book):
            words = "is not the message that was proven there: the book was changed or exchanged"
            report.broken("store", f"{book.name} ({REGISTER.family}:{book.sequence})", words)
    return len(report.problems) + report.more == before


async def _has_head(bus: Bus, book: Book) -> bool:
    found = await read_message(bus.nc, REGISTER.family, book.sequence, bus.timeout)
    if found is None or found.subject != book.subject:
        return False
    try:
        row: BookRow = codec.decode(found.body, *KINDS)
    except codec.UndecodableError:
        return False
    return chain.next_link(row.previous, found.body) == book.link


async def _agencies(bus: Bus, agency: str | None) -> Mapping[str, list[Agency | None]]:
    """Every entry of each agency, newest first, since rows were made by their calendars; None: it was taken out."""
    found: dict[str, list[Agency | None]] = {}
    subject = f"$KV.{DIRECTORY.name}.agency.{agency or '*'}"
    async for message in messages(bus, f"KV_{DIRECTORY.name}", [subject]):
        entries = found.setdefault(message.subject.rpartition(".")[2], [])
        if not message.body:
            entries.insert(0, None)
            continue
        try:
            entry = msgspec.json.decode(message.body, type=Agency, strict=True)
        except msgspec.MsgspecError:
            continue  # the register goes on with the value before it; its hash says which calendar it took
        entries.insert(0, entry)
    return found
