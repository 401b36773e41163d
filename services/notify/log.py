"""Every line notify logs. Names of events are stated only here."""

from services.runtime import logs

_log = logs.get()


def receipted(mail: str, number: str, kind: str, relay: str) -> None:
    """A receipt mail was taken."""
    _log.info("notify.receipted", mail=mail, number=number, kind=kind, relay=relay)


def unanswered(mail: str, number: str, why: str) -> None:
    """The sender is a machine or asked for no answer: the event is the receipt."""
    _log.info("notify.unanswered", mail=mail, number=number, why=why)


def held(mail: str, number: str, kind: str, why: str) -> None:
    """A receipt waits for an officer."""
    _log.info("notify.held", mail=mail, number=number, kind=kind, why=why)


def delivered(mail: str, number: str, relay: str, mailboxes: int) -> None:
    """The letter reached the agency's mailboxes."""
    _log.info("notify.delivered", mail=mail, number=number, relay=relay, mailboxes=mailboxes)


def no_mailbox(agency: str, number: str) -> None:
    """The directory names no mailbox: nobody gets the letter by mail."""
    _log.warning("notify.no_mailbox", agency=agency, number=number)


def delayed(mail: str, number: str, errand: str, attempt: int, seconds: float, reason: str) -> None:
    """Not sent yet."""
    _log.warning(
        "notify.delayed", mail=mail, number=number, errand=errand, attempt=attempt, retry_seconds=round(seconds, 1),
        reason=reason,
    )  # fmt: skip


def failed(mail: str, number: str, errand: str, reason: str) -> None:
    """Given up."""
    _log.error("notify.failed", mail=mail, number=number, errand=errand, reason=reason)


def alerted(mail: str, number: str, why: str, sent: bool) -> None:
    """The registrar was told, or could not be."""
    _log.warning("notify.alerted", mail=mail, number=number, why=why, sent=sent)


def released(agency: str, number: int, by: str, outcome: str) -> None:
    """An officer's order to send a held receipt."""
    _log.info("notify.released", agency=agency, number=number, by=by, outcome=outcome)


def findings_missing(mail: str, number: str) -> None:
    """A receipt came whose findings cannot be found: nothing is authenticated by them."""
    _log.warning("notify.findings_missing", mail=mail, number=number)


def loop(mail: str, number: str) -> None:
    """Our own cover mail came back as a letter: a mailbox of the agency leads to its central address."""
    _log.error("notify.loop", mail=mail, number=number)


def unsigned(agency: str, domain: str, selector: str, reason: str) -> None:
    """A mail goes without DKIM."""
    _log.warning("notify.unsigned", agency=agency, domain=domain, selector=selector, reason=reason)


def relay_down(relay: str, seconds: float, reason: str) -> None:
    """A relay cannot be talked to; it is let alone for a while."""
    _log.warning("notify.relay_down", relay=relay, pause_seconds=round(seconds, 1), reason=reason)


def relay_up(relay: str) -> None:
    """It takes mail again."""
    _log.info("notify.relay_up", relay=relay)


def index_interrupted(reason: str) -> None:
    """The index of findings starts again where it was."""
    _log.warning("notify.index_interrupted", reason=reason)
