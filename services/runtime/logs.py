"""The service log: structlog on standard error, one line an event; JSON when nobody watches."""

import logging
import sys
from typing import cast

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from services.runtime.settings import Log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_ENCODER = msgspec.json.Encoder(enc_hook=repr)


def configure(log: Log, service: str) -> None:
    """Set up this process's log; each line says which service it is from. Foreign libraries speak from warning up."""
    structured = log.format == "json" or (log.format == "auto" and not sys.stderr.isatty())
    level = _LEVELS[log.level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[Processor]
    if structured:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    else:
        renderer = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    _foreign(shared, renderer, max(level, logging.WARNING))


def _json(line: object, **_: object) -> str:
    """Half the time of the standard library's; what is no plain value is written as it is shown to a programmer."""
    return _ENCODER.encode(line).decode()


def _foreign(shared: list[Processor], renderer: list[Processor], level: int) -> None:
    """Lines of libraries that use `logging` get the same shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def get() -> FilteringBoundLogger:
    """The logger; every `log.py` has one and one function a line."""
    return cast("FilteringBoundLogger", structlog.get_logger())
