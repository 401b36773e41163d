"""Every line sign logs. Names of events are stated only here."""

from services.runtime import logs

_log = logs.get()


def sealed(mail: str, book: str, number: int, seal: str, octets: int, seconds: float) -> None:
    """A letter has its final receipt."""
    _log.info(
        "sign.sealed", mail=mail, book=book, number=number, seal=seal, octets=octets, duration_seconds=round(seconds, 4)
    )


def skipped(row: str, reason: str) -> None:
    """A row gets no receipt of its own; that is in order."""
    _log.info("sign.skipped", row=row, reason=reason)


def reclassified(agency: str, book: str, number: int) -> None:
    """A secrecy mark was found in a letter that has its number in another series: its move is ordered."""
    _log.warning("sign.reclassified", agency=agency, book=book, number=number)


def erased(mail: str, position: str) -> None:
    """The letter was erased before it was examined; its receipt says so."""
    _log.warning("sign.erased", mail=mail, letter=position)


def event_unreadable(mail: str, position: str, error: str) -> None:
    """The headers of a message of MAIL are no event; its octets are examined, its receipt says what is not known."""
    _log.error("sign.event_unreadable", mail=mail, letter=position, error=error)


def no_seal(agency: str, reason: str) -> None:
    """Receipts of this agency cannot be sealed."""
    _log.error("sign.no_seal", agency=agency, reason=reason)


def seal_unusable(reason: str) -> None:
    """An agency of the directory could not be given a sealed receipt, were a letter to come. Said once."""
    _log.warning("sign.seal_unusable", reason=reason)


def seal_renewed(name: str, certificate: str, until: str) -> None:
    """A replaced key is in use from now on."""
    _log.info("sign.seal_renewed", seal=name, certificate=certificate, until=until)


def seal_not_renewed(name: str, error: str) -> None:
    """A replaced key cannot be used; the one before stays in use."""
    _log.error("sign.seal_not_renewed", seal=name, error=error)


def ready(seals: list[str], trust_store: str) -> None:
    """Keys and trust store are loaded, a child has started."""
    _log.info("sign.ready", seals=seals, trust_store=trust_store)


def child_ended(limit: str, said: str) -> None:
    """A letter ended its child process; its findings say so. `said` is the child's last word."""
    _log.warning("sign.child_ended", limit=limit, said=said)


def child_not_walled(missing: list[str]) -> None:
    """The host does not permit these walls around a child (sandbox.py). Said once."""
    _log.warning("sign.child_not_walled", missing=missing)


def put_off(mail: str, seconds: float) -> None:
    """The letter takes long, and the slow lane is full: others go first."""
    _log.info("sign.put_off", mail=mail, seconds=round(seconds, 1))


def malware_found(mail: str, letter: str, malware: str, scanner: str) -> None:
    """clamd found malware in a letter: it is numbered and kept, and goes to nobody."""
    _log.critical("sign.malware_found", mail=mail, letter=letter, malware=malware, scanner=scanner)


def scanner_silent(place: str, error: str) -> None:
    """clamd does not answer: letters wait a while, then go on as not scanned. Said once, until it answers again."""
    _log.error("sign.scanner_silent", place=place, error=error)


def scanner_back(place: str) -> None:
    """clamd answers again."""
    _log.info("sign.scanner_back", place=place)


def not_scanned(reason: str, error: str) -> None:
    """clamd answers, but has no result for a letter."""
    _log.warning("sign.not_scanned", reason=reason, error=error)


def dns_silent() -> None:
    """No DNS server answers anything: senders are not judged until one does, and no letter waits for it."""
    _log.error("sign.dns_silent")


def dns_back() -> None:
    """A DNS server answers again."""
    _log.info("sign.dns_back")


def not_fetched(host: str, cause: str, reason: str) -> None:
    """What a letter's certificate points to was not fetched. `address`: it is none that may be asked."""
    (_log.warning if cause == "address" else _log.info)("sign.not_fetched", host=host, cause=cause, reason=reason)


def revocation_cache_failed(error: str) -> None:
    """The folder of fetched answers cannot be used: they are asked for again each time. Said once."""
    _log.error("sign.revocation_cache_failed", error=error)


def trust_changed(setting: str, version: str, anchors: int) -> None:
    """A trust store's folder changed; what is judged from now on is judged by the new store."""
    _log.info("sign.trust_changed", setting=setting, trust_store=version, anchors=anchors)


def trust_refused(error: str, version: str) -> None:
    """The trust store's folder changed to what cannot be used. ALARM: the store before stays in use."""
    _log.critical("sign.trust_refused", error=error, trust_store=version)


def head_signed(book: str, length: int, stamped: bool) -> None:
    """The head of a book is signed and published."""
    _log.info("sign.head_signed", book=book, length=length, stamped=stamped)


def head_waiting(book: str, reason: str) -> None:
    """The head of a book cannot be signed at the moment; its rows stay, and it is tried again."""
    _log.warning("sign.head_waiting", book=book, reason=reason)


def book_changed(book: str, reason: str) -> None:
    """A book does not go on from its last signed head. ALARM: somebody changed it; no head of it is signed."""
    _log.critical("sign.book_changed", book=book, reason=reason)


def book_intact(book: str) -> None:
    """A book that did not go on from its last signed head does again: it was put back."""
    _log.warning("sign.book_intact", book=book)


def books_lost(error: str) -> None:
    """The books are read anew: the connection was lost, or what came over it had a hole."""
    _log.info("sign.books_lost", error=error)


def checkpoints_failed(error: str) -> None:
    """A fault of ours while following the books; they are read anew."""
    _log.exception("sign.checkpoints_failed", error=error)


def timestamp_failed(authority: str, reason: str) -> None:
    """A time-stamping authority gives no time-stamp. Said once, until it does again."""
    _log.error("sign.timestamp_failed", authority=authority, reason=reason)


def timestamp_back(authority: str) -> None:
    """A time-stamping authority answers again."""
    _log.info("sign.timestamp_back", authority=authority)


def no_timestamps() -> None:
    """No authority is configured: heads are signed, and nobody else says when."""
    _log.warning("sign.no_timestamps")
