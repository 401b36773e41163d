"""Every line the ingress logs. Names of events are stated only here."""

from collections.abc import Sequence

from services.runtime import logs

_log = logs.get()


def listening(addresses: Sequence[str], hostname: str) -> None:
    """The ingress takes connections."""
    _log.info("ingest.listening", addresses=list(addresses), hostname=hostname)


def no_postmaster() -> None:
    """RFC 5321 section 4.5.1 asks for postmaster; without a mailbox of the operator it is refused."""
    _log.warning("ingest.no_postmaster", remedy="set ingest.postmaster and ingest.postmaster_relay")


def not_durable(reason: str) -> None:
    """No letter is taken until the server syncs before it acks."""
    _log.error("ingest.not_durable", reason=reason)


def store_full(reason: str) -> None:
    """The server cannot write: senders are told 452 until it can."""
    _log.error("ingest.store_full", reason=reason)


def kept(mails: Sequence[str], size: int, seconds: float, position: str, answered: bool) -> None:
    """A letter is kept; with `answered` false the peer left before it could be told. Who wrote: the traffic log."""
    _log.info(
        "ingest.kept",
        mails=list(mails),
        size=size,
        duration_seconds=round(seconds, 6),
        position=position,
        answered=answered,
    )


def refused(reply: str, stage: str, agency: str | None) -> None:
    """A recipient or a letter was refused or deferred; who it was stands in the traffic log."""
    _log.info("ingest.refused", reply=reply, stage=stage, agency=agency)


def proxy_header_malformed(peer: str, error: str) -> None:
    """A load balancer did not say who its client is; the connection was closed."""
    _log.warning("ingest.proxy_header_malformed", peer=peer, error=error)


def deferred(error: str, peer: str, agencies: Sequence[str]) -> None:
    """A letter could not be stored; the peer was told to come again."""
    _log.warning("ingest.deferred", error=error, peer=peer, agencies=list(agencies))


def failed(peer: str) -> None:
    """Something of ours broke in a session; the peer was told to come again."""
    _log.error("ingest.failed", peer=peer, exc_info=True)


def session_ended(peer: str, why: str) -> None:
    """A session was ended by us."""
    _log.info("ingest.session_ended", peer=peer, why=why)


def handshake_failed(peer: str, error: str) -> None:
    """STARTTLS did not come to an end."""
    _log.info("ingest.handshake_failed", peer=peer, error=error)


def certificate_read(path: str, expires: str) -> None:
    """A certificate is in use from now on."""
    _log.info("ingest.certificate_read", path=path, expires=expires)


def certificate_refused(path: str, error: str) -> None:
    """A new certificate cannot be used; the one before it stays."""
    _log.error("ingest.certificate_refused", path=path, error=error)


def operator_deferred(error: str) -> None:
    """The operator's own server could not take mail for postmaster; the peer was told to come again."""
    _log.warning("ingest.operator_deferred", error=error)


def next_hop_away(next_hop: str, error: str) -> None:
    """Mode shared: the domain's own server gave no answer that is one; the peer was told to come again."""
    _log.warning("ingest.next_hop_away", next_hop=next_hop, error=error)


def next_hop_without_xclient(next_hop: str) -> None:
    """The directory says xclient, the next hop does not offer it to us: its filters see our address as the peer's."""
    _log.warning("ingest.next_hop_without_xclient", next_hop=next_hop, remedy="smtpd_authorized_xclient_hosts there")


def handed_on(size: int, reply: str, answered: bool) -> None:
    """A letter that is not ours to keep was offered to whose it is; `answered` false: the peer had left by then."""
    _log.info("ingest.handed_on", size=size, reply=reply, answered=answered)


def attempts_kept(events: int, path: str) -> None:
    """NATS is away: attempts wait in the file."""
    _log.info("ingest.attempts_kept", events=events, path=path)


def attempts_published(events: int, path: str) -> None:
    """NATS is back: the file's attempts are published."""
    _log.info("ingest.attempts_published", events=events, path=path)


def attempts_dropped(events: int, why: str) -> None:
    """Attempts that are counted and not kept."""
    _log.warning("ingest.attempts_dropped", events=events, why=why)


def reputation_silent(source: str, name: str, why: str, seconds: float) -> None:
    """A block list or rspamd did not answer several times in a row; for some seconds it is not asked."""
    _log.warning("ingest.reputation_silent", source=source, name=name, why=why, pause_seconds=seconds)


def reputation_back(source: str, name: str) -> None:
    """It answers again."""
    _log.info("ingest.reputation_back", source=source, name=name)


def draining(sessions: int) -> None:
    """The ingress takes no more connections and ends its sessions."""
    _log.info("ingest.draining", sessions=sessions)


def drained(aborted: int) -> None:
    """All sessions are over; `aborted` of them were in the middle of a letter when the time was up."""
    _log.info("ingest.drained", aborted=aborted)


def traffic_not_written(folder: str, error: str) -> None:
    """The traffic log cannot be written; mail goes on, and what is noted waits in memory as long as there is room."""
    _log.error("ingest.traffic_not_written", folder=folder, error=error)


def traffic_written_again(folder: str) -> None:
    """The traffic log is written again."""
    _log.info("ingest.traffic_written_again", folder=folder)


def traffic_removed(files: Sequence[str]) -> None:
    """Days of the traffic log that were kept for as long as configured are gone."""
    _log.info("ingest.traffic_removed", files=list(files))


def traffic_not_removed(folder: str, error: str) -> None:
    """Days of the traffic log that should be gone are still there."""
    _log.error("ingest.traffic_not_removed", folder=folder, error=error)
