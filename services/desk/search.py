"""A search in an agency's books: the index says which entries, the streams say what stands in them.

Nothing is shown out of the index: each hit is read from its stream, and one whose record or findings were
erased a moment ago is judged again without them.
"""

import asyncio
from pathlib import Path
from typing import Final

from msgspec import Struct

from contracts import codec
from contracts.streams import FINDINGS, REGISTER
from services.desk.index import Asked, Hit, Index
from services.desk.index_reader import Tell, up_to_date
from services.register.acts import EFFECTS, Pending
from services.register.book import ROWS
from services.register.listing import Entry, complete
from services.register.lookup import Found
from services.runtime.bus import Bus
from services.runtime.letters import read_message

AT_ONCE: Final = 16


class Results(Struct, frozen=True):
    """What was found."""

    entries: list[Entry]
    count: int
    """How many entries fit, shown or not."""


def index_file(folder: Path, agency: str) -> Path:
    """Where the index of an agency lies."""
    return folder / f"{agency}.sqlite3"


async def search(bus: Bus, folder: Path, agency: str, asked: Asked, limit: int, tell: Tell) -> Results:
    """The newest entries of an agency that fit. Raises BusyError, DamagedError, OSError, and the errors of the bus."""
    async with up_to_date(bus, index_file(folder, agency), agency, tell) as index:
        hits, count = index.ask(asked, limit)
        entries: list[Entry] = []
        for start in range(0, len(hits), AT_ONCE):
            piece = hits[start : start + AT_ONCE]
            for hit, entry in zip(piece, await asyncio.gather(*[_entry(bus, hit) for hit in piece]), strict=True):
                if entry is not None and await _still(bus, index, hit, entry, asked):
                    entries.append(entry)
                else:
                    count -= 1
    return Results(entries, count)


async def _entry(bus: Bus, hit: Hit) -> Entry | None:
    row = await read_message(bus.nc, REGISTER.family, hit.row, bus.timeout)
    if row is None:
        return None  # rows are never erased; whatever happened here, it is not in the book
    pending: list[Pending] = []
    for sequence in hit.acts:
        stored = await read_message(bus.nc, REGISTER.family, sequence, bus.timeout)
        effect = codec.decode(stored.body, *ROWS) if stored is not None else None
        if isinstance(effect, EFFECTS):
            pending.append((effect, sequence))
    return await complete(bus, Found(hit.row, row.body), pending)


async def _still(bus: Bus, index: Index, hit: Hit, entry: Entry, asked: Asked) -> bool:
    """Whether a hit by its content still is one, after what was erased while we looked."""
    if not asked.by_content:
        return True
    gone: list[str] = []
    if hit.record and entry.record is None:
        gone.append("record")
    if hit.examined and await read_message(bus.nc, FINDINGS.family, hit.examined, bus.timeout) is None:
        gone.append("examined")
    if gone:
        with index.changing():
            for what in gone:
                index.forget(hit.row, what)
    return not gone or index.fits(hit.row, asked)
