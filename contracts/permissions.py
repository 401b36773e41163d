"""Who may do what on NATS, as data: a user for each service, each doing what DESIGN's table says and nothing else.

`services/runtime/server.py` writes them into nats-server.conf. A client connects with `inbox_prefix = role.inbox`;
nobody can listen to another's answers. How a list is made:

- a stream's messages are read by direct get and by consumers of one's own; the durable consumers of
  contracts/streams.py belong to one service each, and only `provision` makes or removes them;
- only `provision` may create or update a stream, only `retention` deletes a message; nobody deletes or purges a stream;
- a subscriber never gets a whole stream: its consumers have a name and a filter that stand in the request's subject,
  so that the server sees both before it reads anything. It lives in an account of its own and imports those
  requests: within one account, the answer to a request can be sent to any subject, also to one that a stream keeps
  (contracts/decisions/0011-subscribers-have-accounts.md).
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from contracts.streams import (
    BUCKETS,
    CAPS,
    CONSUMERS,
    DEAD,
    DIRECTORY,
    FINDINGS,
    LEASE,
    MAIL,
    NOTIFY_GRACE,
    NOTIFY_RELEASES,
    NOTIFY_RETRIES,
    NOTIFY_SEALED,
    ORDERS,
    OUTBOX,
    RECEIPTS,
    REGISTER,
    SENDERS,
    SIGN_ENTERED,
    SIGN_RETRIES,
    SIGN_SENDERS,
    STREAMS,
    Bucket,
    Consumer,
    Stream,
)
from contracts.values import AgencyId

YEARS = range(2568, 2600)
"""Buddhist years whose MAIL streams the users know. `MAIL_*` cannot be said: a wildcard stands for a whole token."""

_API = "$JS.API"
_ACCOUNT = (f"{_API}.INFO", f"{_API}.STREAM.NAMES")


class Service(Struct, frozen=True, kw_only=True):
    """A subject of our account that a subscriber's account imports as a service."""

    subject: str
    many: bool = False
    """Whether one request has many answers (`response_type: stream`)."""


class Rights(Struct, frozen=True, kw_only=True):
    """What one NATS user is allowed, in the words of the server's configuration. What is not allowed is denied.

    With `services` it is a subscriber: a user in an account of its own, which imports these and sees nothing else.
    """

    user: str
    inbox: str
    publish: tuple[str, ...] = ()
    publish_deny: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()


class Role(Struct, frozen=True, kw_only=True):
    """One of our own users."""

    name: str
    publishes: tuple[str, ...] = ()
    reads: tuple[Stream, ...] = ()
    sees: tuple[Stream, ...] = ()
    """Streams whose state it may ask for, without reading a message."""
    consumes: tuple[Consumer, ...] = ()
    knows: tuple[Bucket, ...] = ()
    keeps: tuple[Bucket, ...] = ()
    erases: tuple[Stream, ...] = ()
    provisions: bool = False

    @property
    def inbox(self) -> str:
        """The `inbox_prefix` its clients must connect with."""
        return inbox(self.name)

    def rights(self, years: Iterable[int] = YEARS) -> Rights:
        """The user's permissions; `years` are those of the MAIL streams."""
        names = [(name, stream) for stream in STREAMS for name in _names(stream, years)]
        allow = [*self.publishes, *_ACCOUNT]
        deny: list[str] = []
        for name, stream in names:
            if stream in self.reads:
                allow += _reading(name)
                deny += [subject for consumer in CONSUMERS for subject in self._foreign(name, stream, consumer)]
            elif stream in self.sees:
                allow.append(f"{_API}.STREAM.INFO.{name}")
            if stream in self.erases:
                allow.append(f"{_API}.STREAM.MSG.DELETE.{name}")
        for bucket in self.knows + self.keeps:
            allow += _reading(f"KV_{bucket.name}")
        allow += [f"$KV.{bucket.name}.>" for bucket in self.keeps]
        if self.provisions:
            for name in [name for name, _ in names] + [f"KV_{bucket.name}" for bucket in BUCKETS]:
                allow += _provisioning(name)
            allow.append(f"{_API}.STREAM.LIST")
        return Rights(
            user=self.name,
            inbox=self.inbox,
            publish=tuple(dict.fromkeys(allow)),
            publish_deny=tuple(deny),
            subscribe=(f"{self.inbox}.>",),
        )

    def _foreign(self, name: str, stream: Stream, consumer: Consumer) -> list[str]:
        if consumer.stream != stream.family:
            return []
        durable = f"{name}.{consumer.durable}"
        # Its own it may pull from and acknowledge; making and removing it is provision's.
        denied = [
            f"{_API}.CONSUMER.CREATE.{durable}",
            f"{_API}.CONSUMER.CREATE.{durable}.>",
            f"{_API}.CONSUMER.DELETE.{durable}",
        ]
        if consumer not in self.consumes:
            denied += [f"{_API}.CONSUMER.MSG.NEXT.{durable}", f"$JS.ACK.{durable}.>"]
        return denied


INGEST = Role(
    name="ingest",
    publishes=("mail.v1.received.*", "mail.v1.part.*", "mail.v1.attempted.*", "dead.v1.ingest.*"),
    sees=(MAIL,),
    knows=(DIRECTORY,),
)
REGISTRAR = Role(
    name="register",
    publishes=(
        "register.v1.entered.*.*.*",
        "register.v1.record.*",
        "register.v1.letter.*.*",
        "register.v1.notice.*",
        "dead.v1.register.*",
    ),
    # DEAD: the refused orders are the ones that leave no row, and count as reached all the same.
    # FINDINGS, RECEIPTS: whether more was told to others than REGISTER holds (decision 0021).
    reads=(MAIL, ORDERS, REGISTER, DEAD, FINDINGS, RECEIPTS),
    knows=(DIRECTORY,),
    keeps=(LEASE,),
)
SIGN = Role(
    name="sign",
    publishes=(
        "sign.v1.examined.*",
        "sign.v1.receipt.*",
        "sign.v1.checkpoint.*.*.*",
        "dead.v1.sign.*",
        "order.v1.move.*",  # a letter marked secret in itself (decision 0022)
    ),
    reads=(MAIL, REGISTER, FINDINGS, DEAD),
    consumes=(SIGN_ENTERED, SIGN_SENDERS, SIGN_RETRIES),
    knows=(DIRECTORY,),
    keeps=(SENDERS,),
)
NOTIFY = Role(
    name="notify",
    publishes=("notify.v1.*.*", "dead.v1.notify.*"),
    # The letter itself goes out with the cover mail; a released receipt lies in FINDINGS.
    reads=STREAMS,
    consumes=(NOTIFY_SEALED, NOTIFY_GRACE, NOTIFY_RELEASES, NOTIFY_RETRIES),
    knows=(DIRECTORY,),
    keeps=(OUTBOX, CAPS),
)
PROVISION = Role(name="provision", provisions=True)
OFFICERS = Role(
    name="officers",
    # What is done about a dead letter is written beside it (contracts/dead.py).
    publishes=("order.v1.*.*", "dead.v1.*.*"),
    reads=STREAMS,
    knows=(LEASE, OUTBOX, CAPS),
    keeps=(DIRECTORY,),
)
RETENTION = Role(name="retention", reads=STREAMS, erases=STREAMS)
AUDIT = Role(name="audit", reads=STREAMS, knows=BUCKETS)

ROLES: tuple[Role, ...] = (INGEST, REGISTRAR, SIGN, NOTIFY, PROVISION, OFFICERS, RETENTION, AUDIT)
"""All users of a system of our own; `saraban up` makes a password for each."""


def inbox(user: str) -> str:
    """The inbox prefix of a user: all it can listen to. A subscriber, alone in its account, may use any."""
    return f"_INBOX_{user}"


FILTERS: dict[str, tuple[str, str]] = {
    "mail": ("MAIL", "mail.v1.*.{agency}"),
    "rows": ("REGISTER", "register.v1.entered.{agency}.>"),
    "records": ("REGISTER", "register.v1.record.{agency}"),
    "notices": ("REGISTER", "register.v1.notice.{agency}"),
    "findings": ("FINDINGS", "sign.v1.*.{agency}"),
    "checkpoints": ("FINDINGS", "sign.v1.checkpoint.{agency}.>"),
    "receipts": ("RECEIPTS", "notify.v1.*.{agency}"),
    "orders": ("ORDERS", "order.v1.*.{agency}"),
}
"""What a subscriber can be given of an agency: a name, the stream's family, and the widest filter."""

_USER = re.compile(r"[a-z0-9][a-z0-9_]{0,30}")


def consumer_name(user: str, what: str, agency: AgencyId) -> str:
    """The one consumer that a subscriber may have for `what` (a key of FILTERS) of an agency."""
    return f"{user}-{what}-{agency}"


def subscriber(
    user: str, agencies: Iterable[AgencyId], what: Iterable[str] = tuple(FILTERS), years: Iterable[int] = YEARS
) -> Rights:
    """What another service may do that reads these agencies: nothing that is not theirs.

    Raises:
        ValueError: the user's name is one of ours, or could not be part of a consumer's name.
    """
    if not _USER.fullmatch(user) or user in {role.name for role in ROLES}:
        raise ValueError(
            f"{user!r} cannot be a subscriber's name: lower-case letters, digits and _, and not one of our services"
        )
    services = [Service(subject=subject) for subject in _ACCOUNT]
    years, what = tuple(years), tuple(what)
    for agency in agencies:
        for key in what:
            family, form = FILTERS[key]
            stream = next(stream for stream in STREAMS if stream.family == family)
            for place in _names(stream, years):
                own = f"{place}.{consumer_name(user, key, agency)}"
                services += [
                    Service(subject=f"{_API}.CONSUMER.CREATE.{own}.{form.format(agency=agency)}"),
                    Service(subject=f"{_API}.CONSUMER.INFO.{own}"),
                    Service(subject=f"{_API}.CONSUMER.MSG.NEXT.{own}", many=True),
                    Service(subject=f"{_API}.CONSUMER.DELETE.{own}"),
                    Service(subject=f"$JS.ACK.{own}.>"),
                ]
    return Rights(user=user, inbox=inbox(user), services=tuple(services))


def _names(stream: Stream, years: Iterable[int]) -> list[str]:
    return [stream.name(year) for year in years] if stream.yearly else [stream.family]


def _reading(name: str) -> list[str]:
    """Read a whole stream (a bucket is one): direct get, and consumers of one's own."""
    return [
        f"{_API}.STREAM.INFO.{name}",
        f"{_API}.STREAM.MSG.GET.{name}",
        f"{_API}.DIRECT.GET.{name}",
        f"{_API}.DIRECT.GET.{name}.>",
        f"{_API}.CONSUMER.CREATE.{name}",
        f"{_API}.CONSUMER.CREATE.{name}.>",
        f"{_API}.CONSUMER.INFO.{name}.*",
        f"{_API}.CONSUMER.LIST.{name}",
        f"{_API}.CONSUMER.NAMES.{name}",
        f"{_API}.CONSUMER.MSG.NEXT.{name}.*",
        f"{_API}.CONSUMER.DELETE.{name}.*",
        f"$JS.ACK.{name}.>",
        f"$JS.FC.{name}.>",
    ]


def _provisioning(name: str) -> list[str]:
    return [
        f"{_API}.STREAM.CREATE.{name}",
        f"{_API}.STREAM.UPDATE.{name}",
        f"{_API}.STREAM.INFO.{name}",
        f"{_API}.CONSUMER.CREATE.{name}.>",
        f"{_API}.CONSUMER.DURABLE.CREATE.{name}.*",
        f"{_API}.CONSUMER.INFO.{name}.*",
        f"{_API}.CONSUMER.LIST.{name}",
        f"{_API}.CONSUMER.NAMES.{name}",
        f"{_API}.CONSUMER.DELETE.{name}.*",
    ]
