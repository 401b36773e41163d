"""Every setting, once: its unit, its floor, its default and the reason for them.

`deploy/saraban.toml` shows each where it stands; `SARABAN_<SECTION>__<NAME>` overrides it. Read by
`services/runtime/config.py`, which turns a wrong value into one line that names file, key and allowed range.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections: a key we do not know is a mistake in the file."""


class Nats(Section, frozen=True, kw_only=True):
    """The NATS server or cluster."""

    servers: Annotated[tuple[str, ...], Meta(min_length=1)] = ("nats://127.0.0.1:4222",)
    monitors: Annotated[
        tuple[str, ...],
        Meta(
            description="HTTP monitoring of the servers; `/varz` shows `sync_interval`. Empty: not checked, a cluster."
        ),
    ] = ("http://127.0.0.1:8222",)
    users: Annotated[
        dict[str, str], Meta(description="Service to `user:password`; empty where the server asks for none.")
    ] = {}
    replicas: Annotated[int, Meta(ge=1, le=5, description="1 on a single server, 3 on a cluster.")] = 1
    request_seconds: Annotated[
        float, Meta(ge=1, le=60, description="Deadline of one request. An fsync on a busy disk takes seconds, not ms.")
    ] = 10.0
    connect_seconds: Annotated[float, Meta(ge=0.5, le=60)] = 2.0


class Ops(Section, frozen=True, kw_only=True):
    """`/metrics`, `/livez`, `/readyz`."""

    listen: Annotated[
        str, Meta(description="HOST:PORT; loopback by default, since metrics tell how busy an agency is.")
    ] = "127.0.0.1:8525"


class Log(Section, frozen=True, kw_only=True):
    """The service log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Annotated[Literal["auto", "json", "console"], Meta(description="auto: JSON when not on a terminal.")] = (
        "auto"
    )


class Clock(Section, frozen=True, kw_only=True):
    """Where the time of receipt comes from."""

    servers: Annotated[
        tuple[str, ...],
        Meta(
            description="NTP servers, HOST or HOST:PORT; three or more in production. Empty: the kernel's word alone."
        ),
    ] = ()
    poll_seconds: Annotated[
        float,
        Meta(ge=1, le=3600, description="Drift between polls widens the bound; 3,600 s at 15 ppm are more than 30 ms."),
    ] = 64.0
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=10)] = 1.0
    drift_ppm: Annotated[
        float,
        Meta(
            ge=1,
            description="How wrong this host's own clock may run while nobody is heard: 15 is PHI of RFC 5905. What is "
            "measured to be worse holds instead; at 15 ppm silence uses up 30 ms in half an hour.",
        ),
    ] = 15.0
    warn_ms: Annotated[float, Meta(ge=1, description="From here the trend is warned of.")] = 20.0
    bound_ms: Annotated[float, Meta(ge=1, description="Rule: at most 30 ms from the reference.")] = 30.0


class Ingest(Section, frozen=True, kw_only=True):
    """The SMTP server, and what one peer may cost us."""

    listen: Annotated[tuple[str, ...], Meta(min_length=1, description="HOST:PORT, one for each address.")] = (
        "127.0.0.1:8025",
    )
    hostname: Annotated[str, Meta(description="Name in the banner and in EHLO; empty: this host's.")] = ""
    processes: Annotated[int, Meta(ge=1, le=64, description="Processes on the same port (SO_REUSEPORT).")] = 1
    postmaster: Annotated[
        str, Meta(description="Mailbox of the operator; postmaster and abuse of every domain go there.")
    ] = ""
    postmaster_relay: Annotated[
        str, Meta(description="HOST:PORT of the server that takes mail for `postmaster`, inside the sender's session.")
    ] = ""
    postmaster_tls: Annotated[
        Literal["none", "starttls", "implicit"], Meta(description="TLS towards postmaster_relay.")
    ] = "starttls"
    trusted_networks: Annotated[
        tuple[str, ...],
        Meta(description="Networks (CIDR) whose letters get a receipt without authentication (invariant 11)."),
    ] = ()
    proxy_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks (CIDR) of load balancers; what they connect must begin with a PROXY header (v1, v2)."
        ),
    ] = ()
    next_hop_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=600,
            description="Mode shared: deadline of one command of the domain's next hop, then 451; the reply to a whole "
            "letter may take five times as long.",
        ),
    ] = 60.0
    next_hop_authorities: Annotated[
        str,
        Meta(
            description="PEM file that the certificates of next hops and of postmaster_relay must chain to; empty: the "
            "host's authorities."
        ),
    ] = ""
    message_bytes: Annotated[
        int,
        Meta(ge=1_000_000, le=100_000_000, description="SIZE. PEC must carry 30 MB; base64 adds a third to the files."),
    ] = 41_943_040
    flight_bytes: Annotated[
        int,
        Meta(
            ge=1_000_000, description="Bytes of letters in memory at once; beyond it 452 4.3.1. At least message_bytes."
        ),
    ] = 838_860_800
    window_bytes: Annotated[
        int,
        Meta(
            ge=1_000_000, description="Bytes handed to NATS and not yet acknowledged; further letters wait their turn."
        ),
    ] = 67_108_864
    recipients: Annotated[
        int, Meta(ge=100, description="RCPT per letter; RFC 5321 section 4.5.3.1.8 asks for 100.")
    ] = 1_000
    sessions: Annotated[int, Meta(ge=1, description="Connections at once in one process; beyond it 421 4.3.2.")] = 2_000
    sessions_per_address: Annotated[
        int,
        Meta(
            ge=1,
            description="… from one address, IPv6 by /64; then 421 4.7.0. trusted_networks are not counted. One "
            "sender's server seldom opens more than 20.",
        ),
    ] = 50
    command_seconds: Annotated[
        float, Meta(ge=1, description="Deadline for a command; RFC 5321 section 4.5.3.2.7 asks for 300.")
    ] = 300.0
    crowded_seconds: Annotated[
        float,
        Meta(
            ge=1, description="… while more than three quarters of `sessions` are taken, so that idle ones make room."
        ),
    ] = 15.0
    data_seconds: Annotated[
        float, Meta(ge=30, description="Deadline for a whole letter; a peer cannot push it back.")
    ] = 1_800.0
    data_rate: Annotated[
        int,
        Meta(
            ge=1,
            description="Octets a second that a letter must come with, on the average, after data_grace_seconds; then "
            "421. Slower than any modem, faster than who only wants to hold our memory.",
        ),
    ] = 500
    data_grace_seconds: Annotated[
        float,
        Meta(ge=1, description="A letter's first so many seconds may be slower: a path that loses packets recovers."),
    ] = 60.0
    guesses: Annotated[
        int,
        Meta(ge=0, description="Unknown recipients a session may name before each further one waits guess_seconds."),
    ] = 5
    guess_seconds: Annotated[
        float,
        Meta(ge=0.1, le=60, description="Too slow to try a dictionary of names; a list with an old name bears it."),
    ] = 5.0
    commit_seconds: Annotated[float, Meta(ge=1, le=300, description="Deadline of the durable write; then 451.")] = 60.0
    drain_seconds: Annotated[float, Meta(ge=1, description="On SIGTERM, time for letters in the middle.")] = 30.0
    errors: Annotated[int, Meta(ge=3, description="Rejected commands a session may cost; then 421.")] = 30
    certificate: Annotated[str, Meta(description="PEM chain for STARTTLS; empty: not offered.")] = ""
    private_key: str = ""
    traffic: Annotated[
        str, Meta(description="Folder of the traffic log: one file a day, apart from the service log. Empty: none.")
    ] = "traffic"
    traffic_days: Annotated[
        int,
        Meta(
            ge=1, le=3_650, description="Then a day's file goes. The Computer Crime Act asks for 90 days (section 26)."
        ),
    ] = 90
    blocklists: Annotated[
        tuple[str, ...],
        Meta(
            description="DNS block lists such as zen.spamhaus.org, asked for the peer's address (mode behind: the hop "
            "before it); a listed one: series general. trusted_networks are not asked about."
        ),
    ] = ()
    dns_servers: Annotated[
        tuple[str, ...],
        Meta(
            description="Resolvers for block lists, and for peers' names in mode shared, HOST or HOST:PORT; empty: the "
            "host's. The lists refuse what comes through a public resolver."
        ),
    ] = ()
    rspamd: Annotated[
        str,
        Meta(
            description="URL of rspamd's normal worker such as http://127.0.0.1:11333; empty: not asked. Letters over "
            "2 MiB and those of trusted_networks are not shown to it."
        ),
    ] = ""
    rspamd_score: Annotated[
        float, Meta(ge=1, description="From this score on: series general. rspamd itself rejects from 15.")
    ] = 15.0
    reputation_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=10,
            description="What block lists and rspamd together may delay a letter; silence counts as nothing found.",
        ),
    ] = 2.0
    attempts_rate: Annotated[
        int,
        Meta(
            ge=1,
            description="Attempts noted in a second, over a minute; a flood of guessed addresses is counted, not kept.",
        ),
    ] = 50
    attempts_file: Annotated[str, Meta(description="Attempts are kept here while NATS is away.")] = "attempts.jsonl"
    attempts_file_bytes: Annotated[
        int, Meta(ge=100_000, description="Bound of that file; then the newest are counted, not kept.")
    ] = 67_108_864
    max_payload: Annotated[
        int,
        Meta(
            ge=262_144, le=67_108_864, description="The server's max_payload; a letter that does not fit goes in parts."
        ),
    ] = 8_388_608


class Register(Section, frozen=True, kw_only=True):
    """The worker that numbers."""

    fetch: Annotated[
        int, Meta(ge=1, le=300, description="Letters of one batch at most; a batch holds 1,000 messages.")
    ] = 300
    lease_poll_seconds: Annotated[float, Meta(ge=0.1, le=2, description="The lease lives 3 s.")] = 0.5
    remembered: Annotated[
        int, Meta(ge=1_000, description="Letters whose number is known without asking the guard.")
    ] = 100_000


class Sign(Section, frozen=True, kw_only=True):
    """The worker that judges and seals."""

    trust: Annotated[
        str,
        Meta(
            description="Folder of trust anchors (PEM or DER), in groups by what they are for (`saraban trust`); "
            "empty: no verdicts, and they say so. A changed folder is taken into use without a restart."
        ),
    ] = ""
    revocation: Annotated[
        Literal["carried", "fetch"],
        Meta(
            description="Where revocation data and missing certificates come from. carried: from the letter alone. "
            "fetch: what it lacks is asked for at the addresses that its certificates name, public ones only. Not the "
            "default: whoever wrote the letter then learns when it was examined, and the host of the seal's key speaks "
            "to servers outside."
        ),
    ] = "carried"
    fetch_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=30,
            description="Waiting that one letter may cost, half of it for one answer; it keeps its child so long.",
        ),
    ] = 10.0
    fetch_bytes: Annotated[
        int,
        Meta(
            ge=65_536,
            le=33_554_432,
            description="Octets of one answer; an authority's CRL has up to some MB, and is read in the child.",
        ),
    ] = 8_388_608
    fetch_cache_bytes: Annotated[
        int,
        Meta(ge=1_048_576, description="Octets of the answers kept in `revocation` in the state folder."),
    ] = 134_217_728
    fetch_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="HOST or HOST:PORT of responders inside: asked whatever their address is, and on that port. "
            "Everything else must have a public address and port 80 or 443."
        ),
    ] = ()
    seals: Annotated[
        dict[str, str],
        Meta(
            description="Name to PKCS#12 file, or to a key in a token: pkcs11:token=…;object=…?module-path=… "
            "(RFC 7512). The name `operator` is the default; `operator.next` takes over when its certificate begins "
            "to be valid. A replaced file is taken into use without a restart."
        ),
    ] = {}
    seal_passwords: Annotated[
        dict[str, str],
        Meta(description="Name to password, or to the token's PIN; better by SARABAN_SIGN__SEAL_PASSWORDS__<NAME>."),
    ] = {}
    seal_certificates: Annotated[
        dict[str, str],
        Meta(description="Name to PEM file with the certificate and its chain, where the token holds none."),
    ] = {}
    test_authority: Annotated[
        str, Meta(description="Folder for the throw-away test authority; empty: none is made.")
    ] = ""
    operator: Annotated[str, Meta(description="Name of the operator, as the receipt states it.")] = ""
    children: Annotated[
        int, Meta(ge=1, le=64, description="Child processes for hostile input; letters that are looked at at once.")
    ] = 4
    slow_children: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="So many more for letters that take long (70 ms of the processor): nobody waits for those.",
        ),
    ] = 3
    child_memory_bytes: Annotated[
        int,
        Meta(
            ge=134_217_728,
            description="Of one, address space; all together at most (children + slow_children) times it.",
        ),
    ] = 536_870_912
    child_seconds: Annotated[
        float,
        Meta(ge=1, le=600, description="Processor time of one letter, by the clock eight times as much."),
    ] = 20.0
    child_letters: Annotated[int, Meta(ge=1, description="A child is replaced after so many letters.")] = 200
    ocr: Annotated[
        str,
        Meta(
            description="Tesseract, by name or path, with its Thai data: reads pages that are pictures. Empty, or no "
            "such program: what they say stays unknown."
        ),
    ] = "tesseract"
    ocr_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=60,
            description="Most time of one letter for it, with waiting; a page takes 2 to 5 s, and the receipt waits.",
        ),
    ] = 20.0
    ocr_at_once: Annotated[int, Meta(ge=1, le=16, description="Pages read at once, a processor and 150 MB each.")] = 1
    dns_servers: Annotated[
        tuple[str, ...], Meta(description="Resolvers for SPF, DKIM and DMARC, HOST or HOST:PORT; empty: the host's.")
    ] = ()
    dns_seconds: Annotated[float, Meta(ge=0.5, le=60)] = 10.0
    clamd: Annotated[
        str,
        Meta(
            description="ClamAV's daemon, /path/of/its.socket or HOST:PORT; empty: not asked. What it finds infected "
            "goes to nobody, and notify (which reads this too) passes no letter on that sign has not looked at. Its "
            "StreamMaxLength has to be more than [ingest] message_bytes."
        ),
    ] = ""
    clamd_seconds: Annotated[
        float, Meta(ge=1, le=300, description="Deadline of one scan; then the letter counts as not scanned.")
    ] = 60.0
    clamd_wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="While clamd is away: how long letters wait for it, counted from its first silence, before "
            "they go on as not scanned. A restart of clamd with its signatures takes half a minute.",
        ),
    ] = 60.0
    sender_children: Annotated[
        int, Meta(ge=1, le=64, description="Child processes that judge senders, ahead of those that examine letters.")
    ] = 2
    sender_patience_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=480,
            description="How long a sender's DNS that does not answer is asked again before the letter is examined "
            "without it; less than notify's grace, so that the final receipt comes before a provisional one.",
        ),
    ] = 240.0
    checkpoint_seconds: Annotated[
        float,
        Meta(
            ge=0.5,
            le=30,
            description="A changed book's head is signed at most so long after the row; with the time-stamp that is "
            "within the minute of the rule.",
        ),
    ] = 20.0
    timestamp_authorities: Annotated[
        tuple[str, ...],
        Meta(
            description="URLs of time-stamping authorities (RFC 3161), asked in this order; empty: heads are signed "
            "without a time-stamp."
        ),
    ] = ()
    timestamp_seconds: Annotated[float, Meta(ge=0.5, le=10, description="Deadline of one authority.")] = 5.0
    timestamp_trust: Annotated[
        str,
        Meta(
            description="Folder of trust anchors (PEM or DER) that their certificates must chain to; empty: any "
            "certificate for time-stamping is taken."
        ),
    ] = ""


class Notify(Section, frozen=True, kw_only=True):
    """The worker that sends."""

    grace_seconds: Annotated[
        float, Meta(ge=1, description="After it a provisional receipt goes, if the final one is not there.")
    ] = 600.0
    folder: Annotated[str, Meta(description="Mails of agencies without a relay are written here.")] = "outgoing"
    dkim_keys: Annotated[str, Meta(description="Folder of DKIM private keys, `<domain>.<selector>.pem`.")] = ""
    smtp_seconds: Annotated[float, Meta(ge=5, le=600, description="Deadline of one hand-over to a relay.")] = 60.0
    first_retry_seconds: Annotated[float, Meta(ge=1)] = 60.0
    last_retry_seconds: Annotated[float, Meta(ge=1, description="Longest pause between attempts.")] = 3_600.0
    give_up_seconds: Annotated[
        float, Meta(ge=60, le=518_400, description="RFC 5321 section 4.5.4.1: 4 to 5 days; the outbox remembers for 7.")
    ] = 432_000.0
    relay_sessions: Annotated[
        int, Meta(ge=1, le=32, description="Connections to one relay at once; a slow one must not take every worker.")
    ] = 4
    relay_authorities: Annotated[
        str, Meta(description="PEM file that relays' certificates must chain to; empty: the host's authorities.")
    ] = ""
    flight_bytes: Annotated[
        int, Meta(ge=8_388_608, description="Octets of letters under way at once; memory is up to four times it.")
    ] = 67_108_864
    cap_address: Annotated[int, Meta(ge=1, description="Receipt mails to one address in a day.")] = 200
    cap_domain: Annotated[int, Meta(ge=1, description="… to one domain.")] = 5_000
    cap_agency: Annotated[int, Meta(ge=1, description="… of one agency.")] = 20_000


class Audit(Section, frozen=True, kw_only=True):
    """The audit that a running system makes of itself."""

    every_seconds: Annotated[
        float,
        Meta(ge=10, description="From the end of one run to the next; a run costs what is new since the last one."),
    ] = 60.0
    whole_days: Annotated[
        float,
        Meta(
            ge=0.01,
            description="After so many days everything is read from the start again: what was changed before the "
            "proven head, behind the back of the server, is seen by that alone.",
        ),
    ] = 7.0
    start_seconds: Annotated[
        float, Meta(ge=0, description="`saraban up` starts it so long after everything else is ready.")
    ] = 30.0
    octets: Annotated[
        bool,
        Meta(description="Read letters and receipts whole; false: by their headers, which does not see their bytes."),
    ] = True
    head_seconds: Annotated[
        float,
        Meta(
            ge=60, description="By then a book's newest row must be signed; a minute is the rule, the rest is the way."
        ),
    ] = 90.0
    certificates: Annotated[
        str, Meta(description="PEM file of the certificates that may sign heads; empty: any, so long as the key fits.")
    ] = ""


class Settings(Section, frozen=True, kw_only=True):
    """Everything one TOML file configures."""

    state: Annotated[
        str, Meta(description="Folder for everything that is kept beside NATS; other paths are relative to it.")
    ] = "var"
    nats: Nats = Nats()
    ops: Ops = Ops()
    log: Log = Log()
    clock: Clock = Clock()
    ingest: Ingest = Ingest()
    register: Register = Register()
    sign: Sign = Sign()
    notify: Notify = Notify()
    audit: Audit = Audit()
