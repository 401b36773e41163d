"""One letter under its number, as far as our mails speak of it."""

from msgspec import Struct

from contracts import addresses
from contracts.directory import Agency
from contracts.event import Position
from contracts.mail import MailReceived
from contracts.receipt import Receipt
from contracts.register import LetterEntered
from contracts.values import BuddhistYear, Instant, LocalInstant, MailId, Number, Series
from services.notify import address
from services.runtime.directory import normalise, normalise_domain


class Entry(Struct, frozen=True, kw_only=True):
    """What row and receipt agree on, and whose letter it is."""

    agency: Agency
    mail: MailId
    position: Position
    series: Series
    year: BuddhistYear
    number: Number
    number_text: str
    received_at: Instant
    deemed_at: LocalInstant

    @staticmethod
    def of_row(agency: Agency, row: LetterEntered) -> "Entry":
        """The entry of a row that came by mail."""
        assert row.mail is not None
        assert row.position is not None
        return Entry(
            agency=agency,
            mail=row.mail,
            position=row.position,
            series=row.series,
            year=row.year,
            number=row.number,
            number_text=row.number_text,
            received_at=row.received_at,
            deemed_at=row.deemed_at,
        )

    @staticmethod
    def of_receipt(agency: Agency, mail: MailId, position: Position, receipt: Receipt) -> "Entry":
        """The entry a receipt speaks of."""
        return Entry(
            agency=agency,
            mail=mail,
            position=position,
            series=receipt.series,
            year=receipt.year,
            number=receipt.number,
            number_text=receipt.register_number,
            received_at=receipt.clock.received_at,
            deemed_at=receipt.deemed.at,
        )

    @property
    def name(self) -> str:
        """For file names: agency, series, year and number."""
        return f"{self.agency.id}-{self.series}-{self.year}-{self.number}"

    @property
    def return_path(self) -> str:
        """The reverse-path of every mail about this letter: what comes there is matched, never answered."""
        return addresses.token_address(self.mail, normalise_domain(self.agency.bounce_domain))

    def message_id(self, errand: str) -> str:
        """The fixed Message-ID of our mail of this kind about this letter."""
        domain = normalise_domain(self.agency.bounce_domain)
        return addresses.message_id(errand, self.mail, self.position.stream, self.position.sequence, domain)

    def central_address(self, event: MailReceived | None) -> str:
        """The central address the letter was sent to, which answers it; the agency's first one otherwise."""
        ours = {normalise(known): known for known in self.agency.addresses}
        sent_to = [normalise(recipient.address) for recipient in event.recipients] if event is not None else []
        found = next((ours[one] for one in sent_to if one in ours), self.agency.addresses[0])
        return address.written(found)
