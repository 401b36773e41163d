"""What `saraban send` shows of a letter."""

from pathlib import Path

from rich.markup import escape as _escape

from services.commands.terminal import OUT, clean, short, thai_time
from services.commands.tracking import Folder, Track, Tracking
from services.runtime.settings import Settings


def escape(text: str) -> str:
    """Foreign text inside rich's markup."""
    return _escape(clean(text))


_ALERTS = {
    "classified": ("cover", "none: classified; the registrar was alerted"),
    "infected": ("cover", "without the letter: malware was found in it; the registrar was alerted"),
    "undeliverable": ("cover", "not delivered; the registrar was alerted"),
}

IN_FULL = 5
"""So many letters are shown in full, more in a line each."""


class Outcome:
    """Shows letters, and keeps their receipts as files that any PDF reader opens."""

    def __init__(self, settings: Settings, tracking: Tracking) -> None:
        state = Path(settings.state)
        self._folder = Folder(state / settings.notify.folder)
        self._receipts = state / "receipts"
        self._tracking = tracking

    async def show(self, track: Track, *, brief: bool) -> None:
        """Print one letter."""
        lines = await self._lines(track)
        if brief:
            number = next((text for what, text in lines if what in ("number", "refused", "notice")), "not numbered yet")
            OUT.print(f"{escape(track.name)}  {number}")
            return
        OUT.print(f"[bold]{escape(track.name)}[/bold]")
        for what, text in lines:
            OUT.print(f"  [dim]{what:<9}[/dim] {text}")

    async def as_json(self, track: Track) -> dict[str, object]:
        """The same as plain values; what is not known is null."""
        row, received = track.entered, track.received
        return {
            "file": track.name,
            "sha256": track.sha256,
            "refused": track.refused,
            "mail": received and received.mail,
            "agency": received and received.agency,
            "series": row and row.series,
            "year": row and row.year,
            "number": row and row.number,
            "number_text": row and row.number_text,
            "received_at": row and row.received_at,
            "deemed_at": row and row.deemed_at,
            "notice": track.notice and track.notice.kind,
            "receipt": str(path) if (path := self._keep(track)) else None,
            "receipt_mail": [str(path) for path in self._receipt_mails(track)],
            "cover_mail": [str(path) for path in self._cover_mails(track)],
            "held": track.held and track.held.why,
            "failed": [event.errand for event in track.failed],
        }

    async def _lines(self, track: Track) -> list[tuple[str, str]]:
        if track.refused is not None:
            return [("refused", escape(track.refused))]
        if track.received is None:
            return [("kept", "by the ingress; not seen in MAIL yet")]
        if track.notice is not None:
            return [("notice", await self._notice(track))]
        row = track.entered
        if row is None:
            return [("kept", f"{thai_time(track.received.received_at)}; not numbered yet")]
        bound = (
            f"within {row.bound_ms:.1f} ms" if row.within_bound and row.bound_ms is not None else "clock out of bound"
        )
        lines = [
            ("number", f"[bold green]{escape(row.number_text)}[/bold green]  ({row.series} {row.number}/{row.year})"),
            ("received", f"{thai_time(row.received_at)}  ({bound})"),
            ("deemed", thai_time(row.deemed_at)),
        ]
        lines += self._answer(track)
        lines += [("cover", short(path)) for path in self._cover_mails(track)]
        if track.delivered is not None and not self._cover_mails(track):
            lines.append(("cover", f"delivered by {escape(track.delivered.relay)}"))
        if track.alerted is not None:
            lines.append(_ALERTS[track.alerted.why])
        lines += [("failed", escape(f"{event.errand}: {event.reason}")) for event in track.failed]
        return lines

    def _answer(self, track: Track) -> list[tuple[str, str]]:
        lines: list[tuple[str, str]] = []
        if (pdf := self._keep(track)) is not None:
            lines.append(("receipt", short(pdf)))
        if track.held is not None:
            lines.append(("", f"held, no mail left: {track.held.why}; see `saraban order release --help`"))
        elif track.receipted is not None and not track.receipted.sent:
            lines.append(("", f"no mail: {escape(track.receipted.why)}"))
        elif track.receipted is not None:
            mails = self._receipt_mails(track)
            lines += [("", f"in the mail {short(path)}") for path in mails]
            if not mails:
                lines.append(("", f"mailed by {escape(track.receipted.relay)}"))
        elif pdf is None:
            lines.append(("receipt", "not yet"))
        return lines

    async def _notice(self, track: Track) -> str:
        assert track.notice is not None
        if track.notice.kind != "repeated":
            return f"{track.notice.kind.replace('_', ' ')}: takes no number"
        first = await self._tracking.guard(track)
        if first is None:
            return "the same letter came before and has its number"
        return f"the same letter came before and has its number: {first.series} {first.number}/{first.year}"

    def _receipt_mails(self, track: Track) -> list[Path]:
        return self._folder.find(track.receipted.message_id) if track.receipted and track.receipted.sent else []

    def _cover_mails(self, track: Track) -> list[Path]:
        return self._folder.find(track.delivered.message_id) if track.delivered else []

    def _keep(self, track: Track) -> Path | None:
        """The sealed receipt as a file of its own."""
        if track.sealed is None:
            return None
        receipt = track.sealed.receipt
        path = self._receipts / f"{receipt.agency}-{receipt.series}-{receipt.year}-{receipt.number}.pdf"
        self._receipts.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(track.sealed.pdf)
        return path
