"""The search index of one agency: a file beside the running system that can be made anew from the streams at any time.

A table and a scan, no full-text index: Thai has no spaces to find words by, a search for a part of a word has to hit,
and what is erased has to be gone, which a table with `secure_delete` promises. Nothing classified is ever in it.
"""
# ruff: noqa: S608 - the statements are put together from constants of this file; values are always parameters

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from services.desk.search_keys import names, number_key, text_key

VERSION: Final = "2"
BUSY_SECONDS: Final = 30.0

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    row INTEGER PRIMARY KEY, book TEXT NOT NULL, number INTEGER NOT NULL, number_text TEXT NOT NULL,
    day TEXT NOT NULL, place TEXT NOT NULL, hidden INTEGER NOT NULL,
    record INTEGER NOT NULL DEFAULT 0, said TEXT NOT NULL DEFAULT '', sender TEXT NOT NULL DEFAULT '',
    letter TEXT NOT NULL DEFAULT '', dated TEXT NOT NULL DEFAULT '',
    examined INTEGER NOT NULL DEFAULT 0, found TEXT NOT NULL DEFAULT '', issuer TEXT NOT NULL DEFAULT '',
    found_letter TEXT NOT NULL DEFAULT '', found_dated TEXT NOT NULL DEFAULT ''
);
CREATE INDEX by_number ON entries (book, number);
CREATE INDEX by_place ON entries (place);
CREATE TABLE acts (row INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (row, sequence)) WITHOUT ROWID;
"""
_NO_RECORD: Final = "said = '', sender = '', letter = '', dated = ''"
_NO_FINDINGS: Final = "found = '', issuer = '', found_letter = '', found_dated = ''"


class DamagedError(Exception):
    """The index cannot be used: it is made anew."""


class Asked(Struct, frozen=True, kw_only=True):
    """What somebody looks for; everything given has to hold."""

    words: tuple[str, ...] = ()
    number: str = ""
    letter_number: str = ""
    sender: str = ""
    series: str = ""
    year: int | None = None
    since: Annotated[str, Meta(description="First day it counts for, ISO.")] = ""
    until: str = ""
    letter_date: str = ""

    @property
    def by_content(self) -> bool:
        """Whether something is asked that only the record or the findings say."""
        return bool(self.words or self.letter_number or self.sender or self.letter_date)


class Hit(Struct, frozen=True, kw_only=True):
    """An entry that fits, as the index knows it."""

    row: int
    record: int
    examined: int
    acts: tuple[int, ...]


class Index:
    """One file. Raises DamagedError wherever SQLite says that it is no good."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.touch(mode=0o600)
            path.chmod(0o600)
            self._file = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            for pragma in (
                "secure_delete = ON",
                "journal_mode = TRUNCATE",
                "synchronous = NORMAL",
                "temp_store = MEMORY",
            ):
                self._file.execute(f"PRAGMA {pragma}")
            self._file.execute("PRAGMA mmap_size = 1073741824")
            if not self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                self._file.executescript(
                    "BEGIN;" + _SCHEMA + f"INSERT INTO meta VALUES ('version', '{VERSION}'); COMMIT;"
                )
            elif self.meta("version") != VERSION:
                raise DamagedError(f"{path} is of another version")
        except sqlite3.Error as error:
            raise DamagedError(f"{path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # -- what it knows of the streams --------------------------------------------------------------------------------

    def meta(self, name: str) -> str:
        """A value kept beside the entries; empty where there is none."""
        found = self._do("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def count(self, name: str) -> int:
        """The same as a number."""
        return int(self.meta(name) or 0)

    def keep(self, **values: object) -> None:
        """Keep values beside the entries."""
        self._file.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(k, str(v)) for k, v in values.items()])

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction: all of it or nothing."""
        try:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            raise DamagedError(f"{self.path}: {error}") from error

    # -- entries -----------------------------------------------------------------------------------------------------

    def enter(self, row: int, book: str, number: int, number_text: str, day: str, place: str, *, hidden: bool) -> None:
        """An entry. A classified one takes what other entries of the same letter say out of the index."""
        if place and hidden:
            self._do(f"UPDATE entries SET hidden = 1, {_NO_RECORD}, {_NO_FINDINGS} WHERE place = ?", (place,))
        self._do(
            "INSERT OR REPLACE INTO entries (row, book, number, number_text, day, place, hidden)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row, book, number, number_key(number_text), day, place, hidden),
        )
        if place and not hidden:
            self._do(
                "UPDATE entries SET (examined, found, issuer, found_letter, found_dated) ="
                " (SELECT examined, found, issuer, found_letter, found_dated FROM entries"
                " WHERE place = ?1 AND row != ?2 AND NOT hidden"
                " ORDER BY examined DESC LIMIT 1)"
                " WHERE row = ?2 AND EXISTS (SELECT 1 FROM entries WHERE place = ?1 AND row != ?2 AND NOT hidden)",
                (place, row),
            )

    def act(self, book: str, number: int, sequence: int) -> int | None:
        """Something happened to an entry; returns its row."""
        row = self.row_of(book, number)
        if row is not None:
            self._do("INSERT OR IGNORE INTO acts VALUES (?, ?)", (row, sequence))
        return row

    def hide(self, row: int) -> None:
        """The letter is classified now."""
        self._do(f"UPDATE entries SET hidden = 1, {_NO_RECORD}, {_NO_FINDINGS} WHERE row = ?", (row,))

    def row_of(self, book: str, number: int) -> int | None:
        """The row of an entry."""
        found = self._do("SELECT row FROM entries WHERE book = ? AND number = ?", (book, number)).fetchone()
        return int(found[0]) if found else None

    def record(self, row: int, sequence: int, said: str, sender: str, letter: str, dated: str) -> None:
        """What the record of an entry says from now on; nothing of it is kept of one that is classified."""
        self._do("UPDATE entries SET record = ? WHERE row = ?", (sequence, row))
        self._do(
            "UPDATE entries SET said = ?, sender = ?, letter = ?, dated = ? WHERE row = ? AND NOT hidden",
            (said, sender, letter, dated, row),
        )

    def findings(self, place: str, sequence: int, found: str, issuer: str, letter: str, dated: str) -> None:
        """What was found in a letter."""
        self._do(
            "UPDATE entries SET examined = ?, found = ?, issuer = ?, found_letter = ?, found_dated = ?"
            " WHERE place = ? AND NOT hidden",
            (sequence, found, issuer, letter, dated, place),
        )

    # -- erasing -----------------------------------------------------------------------------------------------------

    def forget(self, row: int, what: str) -> None:
        """The record of an entry, or its findings, were erased."""
        blank = _NO_RECORD if what == "record" else _NO_FINDINGS
        self._do(f"UPDATE entries SET {blank} WHERE row = ?", (row,))

    def sweep(self, what: str, present: Iterable[int]) -> int:
        """Forget what lies no longer in its stream: `record` or `examined`. Returns how many are there."""
        assert what in ("record", "examined"), "a column of ours"
        self._do("CREATE TEMP TABLE IF NOT EXISTS present (sequence INTEGER PRIMARY KEY)")
        self._do("DELETE FROM temp.present")
        self._file.executemany("INSERT INTO temp.present VALUES (?)", ((sequence,) for sequence in present))
        blank = _NO_RECORD if what == "record" else _NO_FINDINGS
        self._do(
            f"UPDATE entries SET {what} = 0, {blank}"
            f" WHERE {what} != 0 AND {what} NOT IN (SELECT sequence FROM temp.present)"
        )
        return int(self._do("SELECT count(*) FROM temp.present").fetchone()[0])

    # -- asking ------------------------------------------------------------------------------------------------------

    def ask(self, asked: Asked, limit: int) -> tuple[list[Hit], int]:
        """The newest entries that fit, at most `limit`, and how many fit."""
        where, values = _conditions(asked)
        letter = number_key(asked.letter_number)
        sql = "SELECT row, record, examined, letter, found_letter FROM entries" + (
            " WHERE " + " AND ".join(where) if where else ""
        )
        fitting: list[tuple[int, int, int]] = []
        count = 0
        for row, record, examined, own, found in self._do(sql + " ORDER BY row DESC", values):
            if letter and not (names(own, letter) or names(found, letter)):
                continue
            count += 1
            if len(fitting) < limit:
                fitting.append((row, record, examined))
        return [
            Hit(row=row, record=record, examined=examined, acts=self._acts(row)) for row, record, examined in fitting
        ], count

    def fits(self, row: int, asked: Asked) -> bool:
        """Whether an entry still does."""
        where, values = _conditions(asked)
        return (
            self._do(f"SELECT 1 FROM entries WHERE {' AND '.join(['row = ?', *where])}", (row, *values)).fetchone()
            is not None
        )

    def _acts(self, row: int) -> tuple[int, ...]:
        return tuple(
            found[0] for found in self._do("SELECT sequence FROM acts WHERE row = ? ORDER BY sequence", (row,))
        )

    def _do(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._file.execute(sql, values)
        except sqlite3.Error as error:
            raise DamagedError(f"{self.path}: {error}") from error


def _conditions(asked: Asked) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []

    def holds(condition: str, *given: Any) -> None:
        where.append(condition)
        values.extend(given)

    if asked.number:
        key = number_key(asked.number)
        if key.isdigit():
            holds("(number = ? OR number_text = ?)", int(key), key)
        else:
            holds("number_text = ?", key)
    if asked.series:
        holds("book LIKE ?", f"%.{asked.series}.%")
    if asked.year is not None:
        holds("book LIKE ?", f"%.{asked.year}")
    if asked.since:
        holds("day >= ?", asked.since)
    if asked.until:
        holds("day <= ?", asked.until)
    if asked.letter_date:
        holds("(dated = ? OR found_dated = ?)", asked.letter_date, asked.letter_date)
    if asked.letter_number:
        key = number_key(asked.letter_number)
        holds("(instr(letter, ?) OR instr(found_letter, ?))", key, key)
    if asked.sender:
        key = text_key(asked.sender)
        holds("(instr(sender, ?) OR instr(issuer, ?))", key, key)
    for word in asked.words:
        key = text_key(word)
        holds("(instr(said, ?) OR instr(found, ?))", key, key)
    return where, values
