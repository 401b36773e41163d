"""MAIL: what the ingress took responsibility for, and what it refused or deferred.

`MailReceived` has no JSON body: the body is the letter itself, octet for octet, and the fields travel as
headers (contracts/headers.py). A letter over the server's `max_payload` lies in `mail.v1.part.<agency>` messages
directly before the event, committed together with it; the event's own body is then empty.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from contracts.event import Event
from contracts.values import AgencyId, Digest, Instant, MailId


class HeaderLines(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The few header lines the register needs, unfolded, otherwise as written. Absent lines are empty strings.

    Taken from at most the first 64 KiB. Octets that are not UTF-8 are read as windows-874.
    """

    message_id: str = ""
    from_: str = ""
    date: str = ""
    subject: str = ""
    in_reply_to: str = ""
    references: str = ""
    content_type: str = ""
    auto_submitted: str = ""
    precedence: str = ""
    list_id: str = ""
    list_unsubscribe: str = ""
    x_auto_response_suppress: str = ""
    x_autoreply: str = ""
    feedback_id: str = ""
    x_failed_recipients: str = ""


class Peer(Struct, frozen=True, kw_only=True):
    """The SMTP client that handed the letter over."""

    address: Annotated[str, Meta(description="IP address, textual.")]
    helo: str = ""
    tls: Annotated[str, Meta(description="TLS version of the session, empty in clear.")] = ""
    trusted: Annotated[bool, Meta(description="In a network the operator named as trusted (invariant 11).")] = False


class Upstream(Struct, frozen=True, kw_only=True):
    """Mode `behind`: the hop before the agency's own server, from the Received field that server wrote."""

    address: Annotated[str, Meta(description="IP address SPF is judged on; empty if the field names none.")] = ""
    helo: str = ""
    received_at: Annotated[str, Meta(description="The agency server's own time, RFC 3339; stands beside ours.")] = ""


class Standing(Struct, frozen=True, kw_only=True):
    """What others, whom the operator had asked, said of the peer and the letter before it was numbered.

    The limit travels beside the score, so that the series follows from the event alone.
    """

    blocklisted: Annotated[tuple[str, ...], Meta(description="DNS block lists that name the peer.")] = ()
    spam_score: Annotated[float | None, Meta(description="rspamd's score; null where it gave none in time.")] = None
    spam_limit: Annotated[
        float | None, Meta(description="The operator's limit at that time: from it on the series is general.")
    ] = None


class Recipient(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One RCPT of this agency, with its DSN parameters as written (RFC 3461)."""

    address: str
    notify: str = ""
    orcpt: str = ""


class MailReceived(Event, tag="mail.received.v1", frozen=True, kw_only=True):
    """A letter is kept: after this, and only after this, the ingress says 250."""

    stream: ClassVar[str] = "MAIL"
    form: ClassVar[str] = "mail.v1.received.{agency}"
    key_form: ClassVar[str] = "{agency}:{mail}:{received_at}"
    """One attempt of the peer is one event: the same letter offered again has another instant."""
    occurred: ClassVar[str] = "received_at"

    mail: MailId
    sha256: Digest
    size: Annotated[int, Meta(ge=0, description="Octets as stored: DATA after removal of dot-stuffing.")]
    parts: Annotated[int, Meta(ge=0, le=999, description="Part messages directly before this one; 0: the body.")] = 0
    received_at: Instant
    bound_ms: Annotated[float, Meta(ge=0, description="Error bound of received_at, milliseconds.")]
    within_bound: bool
    source: Annotated[str, Meta(description="What the clock was read from.")]
    stratum: Annotated[int, Meta(ge=0, le=16, description="NTP stratum of the reference; 16 is unsynchronised.")]
    peer: Peer
    upstream: Upstream | None = None
    protocol: Annotated[
        Literal["SMTP", "ESMTP", "ESMTPS", "UTF8SMTP", "UTF8SMTPS"],
        Meta(description="`with` of the Received field (IANA mail transmission types)."),
    ]
    sender: Annotated[str, Meta(description="Reverse-path without angle brackets; empty for the null sender.")]
    recipients: Annotated[tuple[Recipient, ...], Meta(min_length=1)]
    ret: Annotated[Literal["", "FULL", "HDRS"], Meta(description="DSN RET (RFC 3461).")] = ""
    envid: Annotated[str, Meta(description="DSN ENVID, as written.")] = ""
    eight_bit: Annotated[bool, Meta(description="BODY=8BITMIME was declared.")] = False
    lines: HeaderLines
    labels: Annotated[
        tuple[Literal["bare_newline", "bare_carriage_return", "nul_octet", "no_header", "long_line"], ...],
        Meta(description="Oddities of the octets, stored as they came."),
    ] = ()
    standing: Annotated[
        Standing | None, Meta(description="Null where nobody was asked, or nobody answered in time.")
    ] = None
    cut: Annotated[tuple[str, ...], Meta(description="Fields that were cut to fit the headers' budget.")] = ()


class MailAttempted(Event, tag="mail.attempted.v1", frozen=True, kw_only=True):
    """A letter was refused or deferred: evidence for the citizen who knocked at 16:29 and was told 451."""

    stream: ClassVar[str] = "MAIL"
    form: ClassVar[str] = "mail.v1.attempted.{agency}"
    key_form: ClassVar[str] = "{id}"
    occurred: ClassVar[str] = "attempted_at"

    agency: AgencyId
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", description="Random; made when the reply was given.")]
    attempted_at: Instant
    bound_ms: Annotated[float, Meta(ge=0)]
    within_bound: bool
    peer: Peer
    sender: str
    recipients: tuple[str, ...]
    stage: Literal["mail", "rcpt", "data"]
    code: Annotated[int, Meta(ge=400, le=599, description="SMTP reply code the peer was given.")]
    reply: Annotated[str, Meta(description="The whole reply as the peer saw it.")]
    size: Annotated[int, Meta(ge=0, description="Octets of content seen; 0 before DATA.")] = 0
    message_id: Annotated[
        str, Meta(description="Its Message-ID line, if that much of the letter had come; empty before DATA.")
    ] = ""
