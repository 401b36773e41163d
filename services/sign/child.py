"""The child process: reads letters from its standard input and writes findings. Started by children.py.

It sees no environment of the parent, holds no key, and after the first frame stands behind the walls of sandbox.py.
"""

import gc
import logging
import os
import sys
from typing import BinaryIO

from contracts.findings import Findings, Particulars
from contracts.values import instant
from services.sign import examine, sandbox
from services.sign.fetch_questions import Kind, NotFetchedError, Outside
from services.sign.frames import (
    LENGTH,
    Answer,
    Begun,
    Done,
    Fetched,
    Frame,
    Picture,
    Question,
    Reading,
    Ready,
    Setup,
    SoFar,
    Task,
    Useful,
    Wanted,
    from_parent,
    pack,
)
from services.sign.pages import Bitmap
from services.sign.questions import NoAnswerError, Records
from services.sign.trust import TrustStore
from services.sign.warnings import warning

KEPT_BYTES = 110 << 20
"""A child that holds more than this while idle is replaced."""


class Child:
    """One child, from its first frame to the end of its input."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._latest: Findings | None = None
        self._pictures = False
        self._outside: Outside | None = None

    def run(self) -> None:
        """Answer tasks until the parent closes the pipe."""
        setup = self._next()
        assert isinstance(setup, Setup)
        self._pictures = setup.pictures
        if setup.fetches:
            self._outside = Outside(self._fetch, self._keep)
        self._say(Ready(sandbox.raise_walls(setup.memory_bytes)))
        first = True
        while (task := self._next()) is not None:
            assert isinstance(task, Task)
            self._say(Begun())
            octets = self._frame()
            if octets is None:
                return
            sandbox.allow_seconds(setup.seconds)
            self._latest = None
            retire = False
            try:
                trust = setup.trust.for_agency(task.received.agency if task.received is not None else "")
                found = self._examine(task, octets, trust, setup.software)
            except MemoryError:
                found, retire = self._exhausted(task, setup.software), True
            del octets
            gc.collect()  # what a letter left behind; without the libraries' own objects, which would take 60 ms
            if first:
                gc.freeze()  # those that the fork server had not made yet: 7 ms of each further letter
                first = False
            self._say(Done(found, retire or sandbox.resident_bytes() > KEPT_BYTES))

    def _examine(self, task: Task, octets: bytes, trust: TrustStore, software: str) -> Findings:
        if task.kind == "pdf":
            return examine.examine_pdf(
                octets,
                task.name,
                trust=trust,
                now_ns=task.now_ns,
                software=software,
                look=self._look if self._pictures else None,
                progress=self._progress,
                outside=self._outside,
            )
        if task.kind == "sender":
            assert task.received is not None
            return examine.examine_sender(octets, task.received, self._ask, now_ns=task.now_ns, software=software)
        return examine.examine_mail(
            octets,
            trust=trust,
            now_ns=task.now_ns,
            software=software,
            received=task.received,
            ask=self._ask,
            look=self._look if self._pictures else None,
            progress=self._progress,
            outside=self._outside,
        )

    def _exhausted(self, task: Task, software: str) -> Findings:
        """What was known when memory ran out."""
        limit = warning("resource_limit", detail="memory")
        if self._latest is None:
            return Findings(
                particulars=Particulars(), warnings=(limit,), judged_at=instant(task.now_ns), software=software
            )
        return Findings(
            particulars=self._latest.particulars,
            signatures=self._latest.signatures,
            authentication=self._latest.authentication,
            attachments=self._latest.attachments,
            body_sha256=self._latest.body_sha256,
            text_sha256=self._latest.text_sha256,
            warnings=(*self._latest.warnings, limit),
            judged_at=self._latest.judged_at,
            software=software,
        )

    def _progress(self, found: Findings, turning_to: str) -> None:
        self._latest = found
        self._say(SoFar(found, turning_to))

    def _ask(self, name: str, kind: str) -> Records:
        self._say(Question(name, kind))
        answer = self._next()
        assert isinstance(answer, Answer)
        if answer.records is None:
            raise NoAnswerError(kind)
        return answer.records

    def _look(self, picture: Bitmap) -> str | None:
        self._say(Picture(*picture))
        answer = self._next()
        assert isinstance(answer, Reading)
        return answer.text

    def _fetch(self, kind: Kind, url: str, body: bytes) -> bytes:
        self._say(Wanted(kind, url, body))
        answer = self._next()
        assert isinstance(answer, Fetched)
        if answer.octets is None:
            raise NotFetchedError(answer.cause or "failed")
        return answer.octets

    def _keep(self, kind: Kind, url: str, body: bytes, seconds: float) -> None:
        self._say(Useful(kind, url, body, seconds))

    def _say(self, frame: Frame) -> None:
        self._sink.write(pack(frame))
        self._sink.flush()

    def _next(self) -> Frame | None:
        octets = self._frame()
        return None if octets is None else from_parent(octets)

    def _frame(self) -> bytes | None:
        length = self._source.read(LENGTH.size)
        if len(length) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack(length)
        octets = self._source.read(size)
        return octets if len(octets) == size else None


def main() -> None:
    """Run a child on standard input and output."""
    logging.disable(logging.CRITICAL)  # libraries write about letters; a service log is no place for their content
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between the frames
    with sys.stdin.buffer as source, sink:
        Child(source, sink).run()


if __name__ == "__main__":
    main()
