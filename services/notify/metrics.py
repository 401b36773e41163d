"""Notify's metrics. Labels are closed sets; nothing has a series per letter, address or relay."""

from prometheus_client import Counter, Gauge, Histogram

RECEIPTS = Counter(
    "saraban_notify_receipts_total",
    "Receipt mails by what became of them.",
    ["kind", "outcome"],  # kind: provisional | final; outcome: sent | unanswered | held | failed
)
HELD = Counter(
    "saraban_notify_held_total",
    "Receipts held back (invariant 11).",
    ["why"],  # unauthenticated | cap_address | cap_domain | cap_agency
)
RELEASED = Counter(
    "saraban_notify_released_total",
    "Orders of officers to send a held receipt.",
    ["outcome"],  # sent | waiting | nothing_held
)
COVERS = Counter(
    "saraban_notify_covers_total",
    "Cover mails, by mailbox.",
    ["outcome"],  # delivered | failed | withheld
)
ALERTS = Counter(
    "saraban_notify_alerts_total",
    "Alerts to registrars.",
    ["why", "outcome"],  # why: classified | undeliverable | infected; outcome: sent | not_sent
)
ATTEMPTS = Counter(
    "saraban_notify_attempts_total",
    "Mails offered to a relay or the folder.",
    ["errand", "outcome"],  # errand: receipt | cover | alert; outcome: accepted | deferred | rejected | relay_down
)
HAND_OVER = Histogram(
    "saraban_notify_hand_over_seconds",
    "Time a relay took for one mail.",
    ["protocol"],  # smtp | lmtp | folder
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600),
)
WAITING = Gauge(
    "saraban_notify_waiting_letters",
    "Letters with a mail that waits for its next attempt.",
    multiprocess_mode="livesum",
)
WAITING_AGE = Gauge(
    "saraban_notify_waiting_oldest_seconds",
    "Since when the oldest of them waits.",
    multiprocess_mode="livemax",
)
UNSIGNED = Counter(
    "saraban_notify_unsigned_total",
    "Mails that went without a DKIM signature although the directory names a key.",
)
