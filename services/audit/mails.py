"""The mails that RECEIPTS tells of: at most a provisional and a final one for a letter, each with its one Message-ID.

Its Message-ID follows from the errand and the letter, so that each event can be looked at by itself.
"""

from contracts import codec
from contracts.addresses import answered_entry
from contracts.notices import SenderReceipted
from services.audit.letters import Place, place
from services.audit.reading import Message
from services.audit.report import Report


class Mails:
    """The receipt mails that were sent."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def take(self, message: Message, newest: Place) -> None:
        """One event; `newest` is the newest letter that has a number or a notice."""
        try:
            event = codec.decode(message.body, SenderReceipted)
        except codec.UndecodableError as error:
            self._report.broken("mail", str(message), f"is no event of a receipt mail: {error}")
            return
        where = f"{event.agency} {event.series} {event.year} no. {event.number} ({message})"
        if not event.sent:
            return
        self._report.counts.mails += 1
        wanted = (event.kind, event.mail, event.position.stream, event.position.sequence)
        if answered_entry(event.message_id) != wanted:
            self._report.broken("mail", where, f"went out as {event.message_id}, which is not the {event.kind} mail's")
        if place(event.position) > newest:
            self._report.broken("mail", where, "answers a letter that has no number")
