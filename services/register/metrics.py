"""The register's metrics. Labels are closed sets: series and kinds of the contracts, never an agency or a letter."""

from prometheus_client import Counter, Gauge, Histogram

NUMBERS = Counter(
    "saraban_register_numbers_total",
    "Register numbers given.",
    ["series"],  # received | general | classified
)
NOTICES = Counter(
    "saraban_register_notices_total",
    "Mail kept without a number.",
    ["kind"],  # delivery_report | read_receipt | automatic_answer | repeated
)
BATCH = Histogram(
    "saraban_register_batch_letters",
    "Letters of one atomic write.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 300),
)
COMMIT = Histogram(
    "saraban_register_commit_seconds",
    "Time of one atomic write.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
CONFLICTS = Counter(
    "saraban_register_conflicts_total",
    "Batches refused because somebody else wrote first, or a letter had its number; nothing was stored.",
)
ORDERS = Counter(
    "saraban_register_orders_total",
    "Orders carried out.",
    ["kind"],  # open | enter | void | correct | move | note
)
REFUSED_ORDERS = Counter(
    "saraban_register_refused_orders_total",
    "Orders that could not be carried out; they are in DEAD with the reason.",
)
UNREADABLE = Counter(
    "saraban_register_unreadable_total",
    "Letters numbered with the remark `unreadable` because their event could not be read.",
)
WAITING = Gauge(
    "saraban_register_waiting_letters",
    "Letters in MAIL that have no number yet, as the active worker sees it.",
    multiprocess_mode="livemax",
)
LAG = Gauge(
    "saraban_register_lag_seconds",
    "Age of the oldest letter that waits for its number; 0 when none waits.",
    multiprocess_mode="livemax",
)
LEASE_HELD = Gauge(
    "saraban_register_lease_held",
    "1 in the worker that numbers, 0 in one that stands by. The sum over all workers should be 1.",
    multiprocess_mode="livesum",
)
