"""What sign measures. Labels are closed sets: kinds of the contracts, never an agency or a letter."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

RECEIPTS = Counter(
    "saraban_sign_receipts_total",
    "Final receipts sealed.",
    ["seal"],  # operator | agency | test
)
SKIPPED = Counter(
    "saraban_sign_skipped_total",
    "Rows that get no receipt of their own.",
    ["reason"],  # sealed_before | moved | not_by_mail
)
VERDICTS = Counter(
    "saraban_sign_verdicts_total",
    "Signatures judged.",
    ["indication"],  # TOTAL-PASSED | INDETERMINATE | TOTAL-FAILED | none
)
RECLASSIFIED = Counter(
    "saraban_sign_reclassified_total", "Moves into the classified series ordered for a mark found in the letter."
)
SCANS = Counter(
    "saraban_sign_scans_total",
    "Letters that clamd was asked about.",
    ["outcome"],  # clean | infected | too_large | unreachable | too_slow | failed
)
SCANNING = Histogram("saraban_sign_scanning_seconds", "Time that clamd took for one letter.", buckets=_SECONDS)
SENDERS = Counter(
    "saraban_sign_senders_total",
    "Looks at a letter's sender ahead of its examination.",
    ["outcome"],  # settled | again | ended
)
SENDER_LATENCY = Histogram(
    "saraban_sign_sender_latency_seconds",
    "From the row in the register to its sender's settled result.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 3600),
)
EXAMINING = Histogram("saraban_sign_examining_seconds", "Time to examine one letter.", buckets=_SECONDS)
LAYING_OUT = Histogram("saraban_sign_laying_out_seconds", "Time to lay out one receipt.", buckets=_SECONDS)
SEALING = Histogram("saraban_sign_sealing_seconds", "Time to seal one receipt.", buckets=_SECONDS)
LATENCY = Histogram(
    "saraban_sign_latency_seconds",
    "From the row in the register to its final receipt.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 3600),
)
CONFLICTS = Counter(
    "saraban_sign_conflicts_total",
    "Publishes refused because another worker wrote first, or the event was there; nothing was stored twice.",
)
CHILDREN_STARTED = Counter("saraban_sign_children_started_total", "Child processes started to look at letters.")
CHILDREN_ENDED = Counter(
    "saraban_sign_children_ended_total",
    "Child processes that a letter ended at a limit.",
    ["cause"],  # time | memory | died | protocol | lost
)
CHILDREN_SLOW = Counter(
    "saraban_sign_children_slow_total", "Letters that took long and went on in the slow lane, behind all others."
)
LETTERS_PUT_OFF = Counter(
    "saraban_sign_letters_put_off_total", "Times a letter that takes long was put off because the slow lane was full."
)
CHILD_WALLS = Gauge(
    "saraban_sign_child_walls",
    "Walls around a child process (network namespace, files, system call filter); 0 is none.",
    multiprocess_mode="livemin",
)
OCR = Counter(
    "saraban_sign_ocr_total",
    "Pages without text that were given to character recognition.",
    ["outcome"],  # read | empty | time | failed | refused
)
CHECKPOINTS = Counter(
    "saraban_sign_checkpoints_total",
    "Heads of books signed and published.",
    ["token"],  # stamped | later | none
)
HEADS_WAITING = Gauge(
    "saraban_sign_heads_waiting", "Books whose newest row is not under a signed head yet.", multiprocess_mode="livemax"
)
HEADS_OLDEST = Gauge(
    "saraban_sign_heads_oldest_seconds",
    "Age of the oldest row that is not under a signed head.",
    multiprocess_mode="livemax",
)
TOKENS_WAITING = Gauge(
    "saraban_sign_tokens_waiting", "Books whose newest signed head has no time-stamp yet.", multiprocess_mode="livemax"
)
TOKENS_OLDEST = Gauge(
    "saraban_sign_tokens_oldest_seconds",
    "For how long the oldest of them has waited for its time-stamp.",
    multiprocess_mode="livemax",
)
TIMESTAMPS = Counter(
    "saraban_sign_timestamps_total",
    "Time-stamps taken, by the authority's place in sign.timestamp_authorities.",
    ["authority"],  # 0 | 1 | …
)
TIMESTAMP_FAILURES = Counter(
    "saraban_sign_timestamp_failures_total",
    "Questions to an authority that brought no time-stamp.",
    ["authority", "cause"],  # 0 | 1 | … ; silent | failed | refused
)
BOOKS_CHANGED = Gauge(
    "saraban_sign_books_changed",
    "Books that do not go on from their last signed head: changed behind it. Must be 0.",
    multiprocess_mode="livemax",
)
HEADS_MISSING = Counter(
    "saraban_sign_heads_missing_total",
    "Receipts that could not carry a signed head.",
    ["reason"],  # none_yet | too_many_rows | book_changed
)
FETCHES = Counter(
    "saraban_sign_fetches_total",
    "Revocation data and certificates that letters pointed to and their files lacked (sign.revocation = fetch).",
    [
        "kind",
        "outcome",
    ],  # crl | ocsp | issuer ; fetched | cached | address | name | silent | failed | redirect | size | number
)
TRUST_REFUSED = Gauge(
    "saraban_sign_trust_refused",
    "1 while the folder of a trust store holds what cannot be used; the store before stays in use. Must be 0.",
    ["setting"],  # sign.trust | sign.timestamp_trust
    multiprocess_mode="livemax",
)
CERTIFICATE_EXPIRES = Gauge(
    "saraban_sign_certificate_expires_seconds",
    "How long the certificate of a seal is valid, by the name in sign.seals.",
    ["seal"],  # the names that the operator gave: operator, …
    multiprocess_mode="livemin",
)
SEALS_REFUSED = Counter(
    "saraban_sign_seals_refused_total", "Replaced keys that could not be used; the one before stays in use."
)
