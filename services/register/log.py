"""Every line the register logs. Names of events are stated only here."""

from services.runtime import logs

_log = logs.get()


def numbered(letters: int, rows: int, book: str, number: int, mail: str, seconds: float) -> None:
    """One batch lies in the register; book, number and mail are those of its last row."""
    _log.info(
        "register.numbered", letters=letters, rows=rows, book=book, number=number, mail=mail, seconds=round(seconds, 4)
    )


def noticed(letters: int, seconds: float) -> None:
    """One batch without a number lies in the register: notices alone."""
    _log.info("register.noticed", letters=letters, seconds=round(seconds, 4))


def carried_out(kinds: dict[str, int], position: str, seconds: float) -> None:
    """Orders were carried out, how many of each kind; the position is the newest one's."""
    _log.info("register.carried_out", **kinds, position=position, seconds=round(seconds, 4))


def book_read(book: str, messages: int, effects: int, seconds: float) -> None:
    """Messages of a book were read for what orders had done to its entries: once a session, behind the entry asked."""
    _log.info("register.book_read", book=book, messages=messages, effects=effects, seconds=round(seconds, 3))


def refused(subject: str, position: str, reason: str) -> None:
    """An order cannot be carried out; it is in DEAD with this reason."""
    _log.warning("register.order_refused", subject=subject, position=position, reason=reason)


def unreadable(position: str, agency: str) -> None:
    """The headers of a message of MAIL are no event; it is numbered with the remark `unreadable`."""
    _log.error("register.unreadable", position=position, agency=agency)


def assessment_failed(position: str, error: str) -> None:
    """A rule of ours stumbled over a letter; it is numbered with the remark `unreadable`. A bug: please report it."""
    _log.error("register.assessment_failed", position=position, error=error, exc_info=True)


def agency_unknown(agency: str, known: str) -> None:
    """Letters lie in MAIL for an agency that is not in the directory; they are numbered all the same."""
    _log.warning("register.agency_unknown", agency=agency, numbered_by=known)


def envelope_failed(agency: str, reason: str) -> None:
    """The record of a classified letter has no content: it could not be enveloped for the registrar."""
    _log.warning("register.envelope_failed", agency=agency, reason=reason)


def conflict(error: str) -> None:
    """Somebody else wrote, or a letter has its number already; the register is read again. Nothing was stored."""
    _log.info("register.conflict", error=error)


def blocked(reason: str) -> None:
    """No number can be given at the moment; it is tried again. The same reason is said once."""
    _log.error("register.blocked", reason=reason)


def unblocked() -> None:
    """Numbers are given again."""
    _log.info("register.unblocked")


def standing_by() -> None:
    """Another worker holds the lease; this one waits."""
    _log.info("register.standing_by")


def active(reached: str) -> None:
    """This worker numbers from now on, behind this position."""
    _log.info("register.active", reached=reached)


def feed_broken(stream: str, reason: str) -> None:
    """A consumer was lost; another one is made behind the last letter taken."""
    _log.info("register.feed_broken", stream=stream, reason=reason)


def calendar_incomplete(year: int) -> None:
    """Days off that are announced year by year are not known for this year: civil_service.toml needs them."""
    _log.warning("register.calendar_incomplete", year=year)
