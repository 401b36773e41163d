"""The runtime's metrics, and the page that shows those of all processes. Labels are closed sets.

Several processes share one page through files: the supervisor sets PROMETHEUS_MULTIPROC_DIR before anything imports
prometheus_client. A gauge of a process that is gone must not stay on the page, so all of ours are `live`.
"""

import os
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from services.runtime.presence import alive

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST

disable_created_metrics()  # type: ignore[no-untyped-call]  # twice the series for a moment nobody asks for

CONNECTED = Gauge(
    "saraban_nats_connected",
    "1 while the connection to NATS is up; the worst of the service's processes.",
    ["service"],
    multiprocess_mode="livemin",
)
READY = Gauge(
    "saraban_ready",
    "1 while all parts of the service are ready; the worst of its processes.",
    ["service"],
    multiprocess_mode="livemin",
)
HANDLED = Counter(
    "saraban_handled_total",
    "Messages a worker has settled.",
    ["service", "outcome"],  # outcome: done | retry | poison | failed | unsettled
)
HANDLING = Histogram(
    "saraban_handling_seconds",
    "Time from the delivery of a message to its settlement.",
    ["service"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
PENDING = Gauge(
    "saraban_consumer_pending_messages",
    "Messages that a durable consumer has not delivered yet.",
    ["consumer"],  # a durable of contracts/streams.py
    multiprocess_mode="livemax",
)
DIRECTORY_AGENCIES = Gauge(
    "saraban_directory_agencies",
    "Agencies in the directory as this service read it.",
    ["service"],
    multiprocess_mode="livemin",
)
DIRECTORY_REFUSED = Counter(
    "saraban_directory_refused_total",
    "Values of the directory that could not be used; the previous one stays in force.",
    ["service"],
)
# With a label, also those that need none: a gauge without one is 0 in every process that imports this module, and a
# process that takes no stamps must not say that they are not within bound.
CLOCK_BOUND = Gauge(
    "saraban_clock_bound_seconds",
    "Error bound of a stamp taken now; the worst of the service's processes.",
    ["service"],  # who stamps: ingest
    multiprocess_mode="livemax",
)
CLOCK_OFFSET = Gauge(
    "saraban_clock_offset_seconds",
    "What the central servers said last beyond this host's own clock.",
    ["service"],
    multiprocess_mode="livemostrecent",
)
CLOCK_WITHIN = Gauge(
    "saraban_clock_within_bound",
    "1 while stamps are within the allowed bound of central time; the worst of the service's processes.",
    ["service"],
    multiprocess_mode="livemin",
)
CLOCK_SERVERS = Gauge(
    "saraban_clock_servers",
    "Central time servers by what came of the last poll.",
    ["state"],  # agreeing | outvoted | silent | repeated
    multiprocess_mode="livemostrecent",
)


def page() -> bytes:
    """All metrics of all processes, in Prometheus's text format."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(REGISTRY)
    forget_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]  # prometheus_client does not type it
    return generate_latest(registry)


def forget_dead(folder: Path) -> None:
    """Take the live gauges of processes that are gone off the page."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        if not alive(pid):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # as above
