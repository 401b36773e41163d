"""The runtime's metrics, and the page that shows those of all processes. Labels are closed sets."""

from prometheus_client import Gauge

CONNECTED = Gauge(
    "saraban_nats_connected",
    "1 while the connection to NATS is up.",
    ["service"],
    multiprocess_mode="livemin",
)
