"""Every line the runtime logs. Names of events are stated only here."""

from services.runtime import logs

_log = logs.get()


def nats_error(error: str) -> None:
    """Something went wrong on the connection; the same error is said once an outage."""
    _log.warning("runtime.nats_error", error=error)


def nats_disconnected() -> None:
    """The connection is gone; it is tried again for ever."""
    _log.warning("runtime.nats_disconnected")


def nats_reconnected(server: str) -> None:
    """The connection is back."""
    _log.info("runtime.nats_reconnected", server=server)


def nats_closed(error: str) -> None:
    """The connection ended for good and nobody asked for it: the process has to end."""
    _log.error("runtime.nats_closed", error=error)
