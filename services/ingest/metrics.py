"""The ingress's metrics, declared once. Labels are closed sets; nothing names a letter, a peer or an address."""

from prometheus_client import Counter, Gauge, Histogram

LETTERS = Counter("saraban_ingest_letters_total", "Letters kept and answered 250; one to several agencies is one.")
EVENTS = Counter("saraban_ingest_events_total", "Events mail.received.v1 stored: one for each agency of a letter.")
LETTER_BYTES = Histogram(
    "saraban_ingest_letter_bytes",
    "Size of the letters kept.",
    buckets=(4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864),
)
COMMIT = Histogram(
    "saraban_ingest_commit_seconds",
    "From the last octet of a letter to the ack of its durable write.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
COMPANY = Histogram(
    "saraban_ingest_batch_letters",
    "Small letters that were stored together in one atomic batch.",
    buckets=(12, 16, 24, 32, 48, 64, 96, 150, 300),
)
REFUSED = Counter(
    "saraban_ingest_refused_total",
    "Replies from 400 on.",
    ["reply"],  # the names of services/ingest/replies.py
)
ODD = Counter(
    "saraban_ingest_odd_letters_total",
    "Letters kept with a label: octets that mail should not have.",
    ["label"],  # the labels of mail.received.v1
)
SESSIONS = Gauge("saraban_ingest_sessions", "Connections at this moment.", multiprocess_mode="livesum")
CONNECTIONS = Counter("saraban_ingest_connections_total", "Connections taken.")
HANDSHAKES = Counter(
    "saraban_ingest_tls_handshakes_total",
    "STARTTLS handshakes.",
    ["outcome"],  # done | failed
)
CERTIFICATE_EXPIRES = Gauge(
    "saraban_ingest_certificate_expires_seconds",
    "Unix time at which the certificate for STARTTLS ends; 0 where there is none.",
    multiprocess_mode="livemin",
)
PROXY_HEADERS = Counter(
    "saraban_ingest_proxy_headers_total",
    "PROXY headers of load balancers.",
    ["outcome"],  # read | local (it speaks for itself) | malformed
)
GUESSES = Counter("saraban_ingest_slowed_guesses_total", "Unknown recipients that were answered slowly.")
PASSED = Counter(
    "saraban_ingest_passed_total",
    "Letters of mode shared that were handed to the domain's next hop, by what it answered.",
    ["outcome"],  # taken | deferred | refused
)
FLIGHT = Gauge(
    "saraban_ingest_flight_bytes", "Octets of letters in memory at this moment.", multiprocess_mode="livesum"
)
ATTEMPTS = Counter(
    "saraban_ingest_attempts_total",
    "Letters refused or deferred, by what became of their mail.attempted.v1.",
    ["outcome"],  # published | kept (in the file, until NATS is back) | dropped (the file or the rate is full)
)
POSTMASTER = Counter(
    "saraban_ingest_postmaster_total",
    "Mail for postmaster and abuse, by what the operator's server answered.",
    ["outcome"],  # taken | deferred | refused
)
REPUTATION = Counter(
    "saraban_ingest_reputation_total",
    "Questions to others about peers and letters, by the answer. A block list's answer serves a peer for a minute.",
    ["source", "outcome"],  # blocklist | rspamd; listed | clean | silent | failed | unasked (it was silent too often)
)
TRAFFIC = Counter(
    "saraban_ingest_traffic_lines_total",
    "Lines of the traffic log, by what became of them.",
    ["outcome"],  # written | dropped (the disk is full, and so is the memory for what waits)
)
