"""Every line the runtime logs. Names of events are stated only here."""

from services.runtime import logs

_log = logs.get()


def nats_error(error: str) -> None:
    """Something went wrong on the connection; the same error is said once an outage."""
    _log.warning("runtime.nats_error", error=error)


def nats_disconnected() -> None:
    """The connection is gone; it is tried again for ever."""
    _log.warning("runtime.nats_disconnected")


def nats_island(server: str, seconds: float) -> None:
    """The cluster has not answered through this server for a while: it is cut off, and another one is tried."""
    _log.warning("runtime.nats_island", server=server, seconds=round(seconds, 1))


def nats_reconnected(server: str) -> None:
    """The connection is back."""
    _log.info("runtime.nats_reconnected", server=server)


def nats_closed(error: str) -> None:
    """The connection ended for good and nobody asked for it: the process has to end."""
    _log.error("runtime.nats_closed", error=error)


def ops_failed(client: str) -> None:
    """A request to the operations page failed; the next one is served."""
    _log.warning("runtime.ops_failed", client=client, exc_info=True)


def started(version: str, ops: str) -> None:
    """A service begins."""
    _log.info("runtime.started", version=version, ops=ops)


def stopping(signal: str) -> None:
    """Somebody asked the process to end; what is under way is finished first."""
    _log.info("runtime.stopping", signal=signal)


def stopped(code: int) -> None:
    """The last line of a process."""
    _log.info("runtime.stopped", code=code)


def crashed(error: str) -> None:
    """The service raised; the supervisor starts it again."""
    _log.error("runtime.crashed", error=error, exc_info=True)


def waiting(reason: str) -> None:
    """NATS cannot be reached yet; it is tried again."""
    _log.warning("runtime.waiting", reason=reason)


def directory_refused(key: str, reason: str) -> None:
    """A value of the directory cannot be used; the previous one stays in force."""
    _log.error("runtime.directory_refused", key=key, reason=reason)


def directory_interrupted(reason: str) -> None:
    """The watch of the directory broke or fell behind; it is opened again, what was read stays in force."""
    _log.warning("runtime.directory_interrupted", reason=reason)


def lease_taken(key: str, holder: str) -> None:
    """This process holds the lease now."""
    _log.info("runtime.lease_taken", key=key, holder=holder)


def lease_lost(key: str, holder: str, reason: str) -> None:
    """The lease could not be renewed in time; another process may hold it."""
    _log.warning("runtime.lease_lost", key=key, holder=holder, reason=reason)


def settlement_retry(delay_seconds: float, reason: str) -> None:
    """A message is not carried out now and will be delivered again."""
    _log.info("runtime.retry", delay_seconds=delay_seconds, reason=reason)


def handler_failed(failures: int, delay_seconds: float, error: str) -> None:
    """A handler raised what it should not; the message is tried again."""
    _log.error("runtime.handler_failed", failures=failures, delay_seconds=delay_seconds, error=error, exc_info=True)


def given_up(subject: str, reason: str) -> None:
    """A message is poison; its dead letter is stored."""
    _log.error("runtime.given_up", subject=subject, reason=reason)


def retried(place: str, outcome: str) -> None:
    """A message that had been given up was tried again, as an officer asked."""
    _log.info("runtime.retried", place=place, outcome=outcome)


def settlement_failed(error: str) -> None:
    """The outcome of a message could not be told to the server; it will be delivered again."""
    _log.warning("runtime.unsettled", error=error)


def settlement_beat(error: str) -> None:
    """The server could not be told that a message is worked on; it may be delivered again meanwhile."""
    _log.warning("runtime.beat_failed", error=error)


def settlement_stop(error: str) -> None:
    """The consumers could not be closed in order; what was under way is delivered again."""
    _log.warning("runtime.stop_failed", error=error)


def clock_server_not_believed(reason: str) -> None:
    """A central time server is silent, refuses, is outvoted, or is another name of one that votes."""
    _log.warning("runtime.clock_server_not_believed", reason=reason)


def clock_server_believed(server: str) -> None:
    """It answers again, so that it can be believed."""
    _log.info("runtime.clock_server_believed", server=server)


def clock_without_servers(source: str) -> None:
    """No central server is configured: the kernel's word is all there is."""
    _log.warning("runtime.clock_without_servers", source=source, setting="[clock] servers")


def clock_few_servers(servers: int) -> None:
    """One server is believed whatever it says; of two a false one cannot be told from the true one."""
    _log.warning("runtime.clock_few_servers", servers=servers, advised=3)


def clock_disturbed(astray_ms: float) -> None:
    """This host slept, or a daemon slews its clock fast: what the servers said before does not count any more."""
    _log.warning("runtime.clock_disturbed", astray_ms=round(astray_ms, 3))


def clock_jumped(by_ms: float) -> None:
    """Central time is not where it must be by the last vote: this host stood still, or the servers stepped."""
    _log.warning("runtime.clock_jumped", by_ms=round(by_ms, 3))


def clock_drifts(ppm: float) -> None:
    """The host's oscillator is worse than assumed; bounds grow faster from here on."""
    _log.warning("runtime.clock_drifts", ppm=round(ppm, 1))


def clock_within_bound(bound_ms: float, source: str) -> None:
    """Stamps are within bound, with room."""
    _log.info("runtime.clock_within_bound", bound_ms=round(bound_ms, 3), source=source)


def clock_bound_grows(bound_ms: float, source: str) -> None:
    """Stamps are within bound still; somebody should look before they are not."""
    _log.warning("runtime.clock_bound_grows", bound_ms=round(bound_ms, 3), source=source)


def clock_not_within_bound(bound_ms: float, source: str) -> None:
    """Letters are accepted, and their receipts say that the time is not within bound."""
    _log.error("runtime.clock_not_within_bound", bound_ms=round(bound_ms, 3), source=source)
