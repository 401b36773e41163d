"""Streams, durable consumers and key-value buckets as data. `services/runtime/provision.py` makes them.

Streams are kept by permissions, not by flags: `deny_delete` could never be lifted (one letter could never be
erased), and a `max_age` update wipes a stream that has it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

GUARD_TTL_SECONDS = 1_209_600
"""A letter's guard lives 14 days: an MTA gives up after 5. On the wire `1209600s`; the server does not read days."""

BATCH_MESSAGES = 1_000
"""Most messages of one atomic batch (nats-server)."""

BATCH_LETTERS = 300
"""Most letters numbered in one batch: a row, a record and a guard each."""


class Stream(Struct, frozen=True, kw_only=True):
    """One stream, and what its configuration must be for the invariants to hold."""

    family: str
    subjects: tuple[str, ...]
    writer: Annotated[str, Meta(description="The one service that publishes to it.")]
    yearly: Annotated[bool, Meta(description="One stream a Buddhist year, so that a year can be archived whole.")] = (
        False
    )
    atomic: bool = False
    message_ttl: bool = False

    def name(self, year: int) -> str:
        """The stream's name; `year` is the Buddhist year and matters for yearly streams only."""
        return f"{self.family}_{year}" if self.yearly else self.family

    def config(self, year: int, replicas: int) -> dict[str, object]:
        """The configuration to ask the server for, in the words of its API."""
        return {
            "name": self.name(year),
            "subjects": list(self.subjects),
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "max_age": 0,
            "max_bytes": -1,
            "max_msgs": -1,
            "max_msgs_per_subject": -1,
            "max_consumers": -1,
            "num_replicas": replicas,
            "allow_direct": True,
            "allow_atomic": self.atomic,
            "allow_msg_ttl": self.message_ttl,
            "deny_delete": False,
            "deny_purge": False,
            "allow_rollup_hdrs": False,
        }


MAIL = Stream(family="MAIL", subjects=("mail.v1.>",), writer="ingest", yearly=True, atomic=True)
REGISTER = Stream(family="REGISTER", subjects=("register.v1.>",), writer="register", atomic=True, message_ttl=True)
FINDINGS = Stream(family="FINDINGS", subjects=("sign.v1.>",), writer="sign")
RECEIPTS = Stream(family="RECEIPTS", subjects=("notify.v1.>",), writer="notify")
ORDERS = Stream(family="ORDERS", subjects=("order.v1.>",), writer="officers")
DEAD = Stream(family="DEAD", subjects=("dead.v1.>",), writer="any")
STREAMS: tuple[Stream, ...] = (MAIL, REGISTER, FINDINGS, RECEIPTS, ORDERS, DEAD)

MAIL_RECEIVED = "mail.v1.received.*"
BOOKS = "register.v1.entered.*.*.*"
ENTERED = "register.v1.entered.>"
NOTICES = "register.v1.notice.*"
RECEIPTS_SEALED = "sign.v1.receipt.*"
EXAMINED = "sign.v1.examined.*"
RELEASES = "order.v1.release.*"


class Consumer(Struct, frozen=True, kw_only=True):
    """A durable pull consumer with explicit acks. max_deliver is -1: a finite one strands messages silently."""

    durable: str
    stream: str
    filter_subject: str
    ack_wait_seconds: int
    max_ack_pending: int

    def config(self) -> dict[str, object]:
        """The configuration to ask the server for, in the words of its API."""
        return {
            "durable_name": self.durable,
            "name": self.durable,
            "filter_subject": self.filter_subject,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": self.ack_wait_seconds * 1_000_000_000,
            "max_ack_pending": self.max_ack_pending,
            "max_deliver": -1,
            "replay_policy": "instant",
        }


SIGN_ENTERED = Consumer(
    # A letter that takes long and finds the slow lane full, or whose sender's DNS does not answer, waits some minutes
    # as a delayed message and counts here: with a low limit a flood of those would stop all others.
    durable="sign-entered",
    stream="REGISTER",
    filter_subject=ENTERED,
    ack_wait_seconds=120,
    max_ack_pending=10_000,
)
SIGN_SENDERS = Consumer(
    durable="sign-senders", stream="REGISTER", filter_subject=ENTERED, ack_wait_seconds=120, max_ack_pending=10_000
)
"""Runs ahead of `sign-entered`: the sender is judged soon after the letter came, by the DNS of that time."""
NOTIFY_SEALED = Consumer(
    # A letter whose relay is away waits as a delayed message, for days, and counts here: with a low limit the letters
    # of one dead relay would stop those of all agencies.
    durable="notify-sealed",
    stream="FINDINGS",
    filter_subject=RECEIPTS_SEALED,
    ack_wait_seconds=120,
    max_ack_pending=100_000,
)
NOTIFY_GRACE = Consumer(
    # Rows come in the order of their times: nothing behind the first one that still has grace can be due. Room beyond
    # that is for those that are due and whose relay does not take them at once.
    durable="notify-grace",
    stream="REGISTER",
    filter_subject=ENTERED,
    ack_wait_seconds=120,
    max_ack_pending=1_000,
)
NOTIFY_RELEASES = Consumer(
    durable="notify-releases", stream="ORDERS", filter_subject=RELEASES, ack_wait_seconds=120, max_ack_pending=10_000
)
SIGN_RETRIES = Consumer(
    durable="sign-retries", stream="DEAD", filter_subject="dead.v1.sign.*", ack_wait_seconds=120, max_ack_pending=64
)
"""What officers want tried again (contracts/dead.py: MessageRetried)."""
NOTIFY_RETRIES = Consumer(
    durable="notify-retries", stream="DEAD", filter_subject="dead.v1.notify.*", ack_wait_seconds=120, max_ack_pending=64
)
CONSUMERS: tuple[Consumer, ...] = (
    SIGN_ENTERED,
    SIGN_SENDERS,
    NOTIFY_SEALED,
    NOTIFY_GRACE,
    NOTIFY_RELEASES,
    SIGN_RETRIES,
    NOTIFY_RETRIES,
)


class Bucket(Struct, frozen=True, kw_only=True):
    """One key-value bucket."""

    name: str
    writer: str
    ttl_seconds: Annotated[int, Meta(ge=0, description="0: for ever.")] = 0
    history: Annotated[int, Meta(ge=1, le=64)] = 1
    storage: Literal["file", "memory"] = "file"


DIRECTORY = Bucket(name="directory", writer="officers", history=64)
"""Key `agency.<id>`: one agency (contracts/directory.py)."""

LEASE = Bucket(name="lease", writer="register", ttl_seconds=3)
"""Key `register`: which worker numbers. Poll it: watchers do not hear an expiry. In a file, since a single server
forgets a stream in memory when it restarts: nobody could take the lease before somebody provisions again."""

SENDERS = Bucket(name="senders", writer="sign", ttl_seconds=3 * 86_400)
"""Key `<stream>.<sequence>` of a letter in MAIL: what its sender could show when it came, until it is examined.

Long enough for a backlog over a weekend; a letter that waits longer has its sender judged when it is examined."""

OUTBOX = Bucket(name="outbox", writer="notify", ttl_seconds=7 * 86_400)
"""Key `<stream>.<sequence>` of a letter in MAIL: which of its mails have gone out, and what became of the others.

One key a letter, since the server keeps each in memory; lives longer than any mail is tried (5 days)."""

CAPS = Bucket(name="caps", writer="notify", ttl_seconds=86_400)
"""Key `<scope>.<token>`: how many receipt mails went there in a day of Thai time. A token is a hash, no address."""

BUCKETS: tuple[Bucket, ...] = (DIRECTORY, LEASE, SENDERS, OUTBOX, CAPS)
