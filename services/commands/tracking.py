"""What becomes of letters that were handed over, read from the events as any subscriber could."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from contracts import codec
from contracts.directory import Agency
from contracts.event import Position
from contracts.findings import ReceiptSealed
from contracts.mail import MailReceived
from contracts.notices import LetterDelivered, MailFailed, ReceiptHeld, RegistrarAlerted, SenderReceipted
from contracts.register import LetterEntered, LetterGuarded, NoticeKept
from contracts.streams import MAIL
from services.commands.stream import Stored, follow, last_sequence, names
from services.runtime.bus import Bus


class Track(Struct, kw_only=True):
    """One letter on its way; what has not happened yet is None."""

    name: str
    sha256: str
    has_cover: bool = True
    """Whether its agency has a mailbox that gets a cover mail."""
    refused: str | None = None
    received: MailReceived | None = None
    entered: LetterEntered | None = None
    notice: NoticeKept | None = None
    sealed: ReceiptSealed | None = None
    receipted: SenderReceipted | None = None
    held: ReceiptHeld | None = None
    delivered: LetterDelivered | None = None
    alerted: RegistrarAlerted | None = None
    failed: tuple[MailFailed, ...] = ()

    @property
    def numbered(self) -> bool:
        """Whether its place in the register is known."""
        return self.entered is not None or self.notice is not None

    @property
    def done(self) -> bool:
        """Whether everything has happened that happens to a letter."""
        if self.refused is not None or self.notice is not None:
            return True
        failed = {event.errand for event in self.failed}
        answered = self.receipted is not None or self.held is not None or "receipt" in failed
        handed = not self.has_cover or self.delivered or self.alerted or "cover" in failed
        return self.entered is not None and answered and bool(handed)


class Tracking:
    """Follows the streams from the moment it is begun; letters are added as they are handed over."""

    def __init__(self, bus: Bus, agencies: Mapping[str, Agency]) -> None:
        self._bus = bus
        self._agencies = agencies
        self._waiting: dict[str, list[Track]] = {}
        self._by_place: dict[Position, Track] = {}
        self._by_mail: dict[str, list[Track]] = {}
        self._kept: list[Stored] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def begin(self) -> None:
        """Remember where the streams end, and follow them from there."""
        mail = (await names(self._bus, MAIL.family))[-1]
        places: list[tuple[str, str, bool, Callable[[Stored], None]]] = [
            (mail, "mail.v1.received.*", True, self._received),
            ("REGISTER", "register.v1.entered.>", False, self._later),
            ("REGISTER", "register.v1.notice.*", False, self._later),
            ("FINDINGS", "sign.v1.receipt.*", False, self._later),
            ("RECEIPTS", "notify.v1.>", False, self._later),
        ]
        ends = {name: await last_sequence(self._bus, name) for name, *_ in places}
        for name, subject, headers_only, take in places:
            self._tasks.append(asyncio.create_task(self._follow(name, subject, ends[name], take, headers_only)))

    async def end(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, track: Track) -> None:
        """A letter is about to be handed over; of two with the same octets the first one is found first."""
        self._waiting.setdefault(track.sha256, []).append(track)

    async def wait(self, tracks: Iterable[Track], seconds: float, on_change: Callable[[], None]) -> bool:
        """Wait until everything has happened to all of them; False when the time is over before."""
        tracks = list(tracks)
        try:
            async with asyncio.timeout(seconds):
                while not all(track.done for track in tracks):
                    self._changed.clear()
                    on_change()
                    await self._changed.wait()
                    self._raise()
        except TimeoutError:
            return False
        on_change()
        return True

    async def guard(self, track: Track) -> LetterGuarded | None:
        """The number that an earlier copy of a repeated letter got, as long as its guard lives."""
        assert track.received is not None
        subject = f"register.v1.letter.{track.received.agency}.{track.received.mail}"
        try:
            message = await self._bus.js.get_last_msg("REGISTER", subject, direct=True)
            return codec.decode(message.data or b"", LetterGuarded)
        except Exception:  # noqa: BLE001 - it is gone or cannot be read: nothing to say about it
            return None

    def _raise(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()

    async def _follow(
        self, stream: str, subject: str, after: int, take: Callable[[Stored], None], headers_only: bool
    ) -> None:
        async for stored in follow(self._bus, stream, subject, after=after, headers_only=headers_only):
            take(stored)
            self._changed.set()

    def _received(self, stored: Stored) -> None:
        event = stored.event
        if not isinstance(event, MailReceived):
            return
        waiting = self._waiting.get(event.sha256)
        if not waiting:
            return
        track = waiting.pop(0)
        track.received = event
        agency = self._agencies.get(event.agency)
        track.has_cover = agency is None or bool(agency.mailboxes)
        self._by_place[Position(stream=stored.stream, sequence=stored.sequence, parts=event.parts)] = track
        self._by_mail.setdefault(event.mail, []).append(track)
        # What the other streams told about it before we knew its name.
        kept, self._kept = self._kept, []
        for each in kept:
            self._later(each)

    def _later(self, stored: Stored) -> None:
        event = stored.event
        if event is None:
            return
        tracks = self._by_mail.get(event.about or "")
        if tracks is None:
            if len(self._kept) < 100_000:  # others' letters may come in by the thousand
                self._kept.append(stored)
            return
        if isinstance(event, LetterEntered | NoticeKept):
            # Of two copies one has the row and the other a notice.
            tracks = [self._by_place[event.position]] if event.position in self._by_place else []
        for track in tracks:
            _take(track, event)


def _take(track: Track, event: object) -> None:
    match event:
        case LetterEntered():
            track.entered = event
        case NoticeKept():
            track.notice = track.notice or event
        case ReceiptSealed():
            track.sealed = event
        case SenderReceipted(kind="final"):
            track.receipted = event
        case ReceiptHeld(kind="final"):
            track.held = event
        case LetterDelivered():
            track.delivered = event
        case RegistrarAlerted(why="classified"):
            track.alerted = event
        case MailFailed():
            track.failed = (*track.failed, event)


class Folder:
    """The folder of mails that did not leave, searched by Message-ID."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, list[Path]] = {}
        self._seen: set[Path] = set()

    def find(self, message_id: str) -> list[Path]:
        """The mails of this Message-ID; there is one for each recipient."""
        for path in sorted(self.path.glob("*.eml")):
            if path not in self._seen:
                self._seen.add(path)
                self._known.setdefault(_message_id(path), []).append(path)
        return self._known.get(message_id, [])


def _message_id(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16_384).partition(b"\r\n\r\n")[0]
    for line in head.replace(b"\r\n ", b" ").split(b"\r\n"):
        if line.lower().startswith(b"message-id:"):
            return line.partition(b":")[2].strip().decode("ascii", "replace")
    return ""
