"""The supervisor's metrics."""

from prometheus_client import Counter

RESTARTS = Counter(
    "saraban_up_restarts_total",
    "Times a part was started again because it had ended by itself.",
    ["part"],  # ingest (or ingest-1, ingest-2, …) | register | sign | notify | audit | nats-server
)
RELOADS = Counter(
    "saraban_up_reloads_total",
    "Times the configuration was read again.",
    ["outcome"],  # done | refused (the configuration is wrong) | failed (the new processes did not come to work)
)
