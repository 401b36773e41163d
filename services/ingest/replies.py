"""Every reply of the ingress, once: code, enhanced status code (RFC 3463), text. The name is its label in metrics.

Internal faults are 4xx, always: a sender's server that is told 5xx gives up for ever (invariant 1).
"""

from typing import Final

from msgspec import Struct


class Reply(Struct, frozen=True):
    """One reply as a peer sees it."""

    name: str
    code: int
    status: str
    text: str

    @property
    def line(self) -> bytes:
        """The reply's octets, with the line end."""
        status = f"{self.status} " if self.status else ""
        return f"{self.code} {status}{self.text}\r\n".encode()

    @property
    def sentence(self) -> str:
        """The reply as one line of text."""
        return self.line.decode().rstrip("\r\n")

    @property
    def good(self) -> bool:
        """Whether the peer got what it asked for."""
        return self.code < 400

    def saying(self, text: str) -> "Reply":
        """The same reply in other words."""
        return Reply(self.name, self.code, self.status, text)


# Greetings, EHLO and 3xx carry no enhanced code (RFC 2034 section 4).
GREETING: Final = Reply("greeting", 220, "", "")
HELLO: Final = Reply("hello", 250, "", "")
START_TLS: Final = Reply("start_tls", 220, "2.0.0", "Ready to start TLS")
START_DATA: Final = Reply("start_data", 354, "", "End data with <CR><LF>.<CR><LF>")

OK: Final = Reply("ok", 250, "2.0.0", "Ok")
SENDER_OK: Final = Reply("sender_ok", 250, "2.1.0", "Sender ok")
RECIPIENT_OK: Final = Reply("recipient_ok", 250, "2.1.5", "Recipient ok")
CHUNK_OK: Final = Reply("chunk_ok", 250, "2.0.0", "Octets received")
KEPT: Final = Reply("kept", 250, "2.6.0", "Kept")
HANDED_OVER: Final = Reply("handed_over", 250, "2.0.0", "Handed over to the operator's mailbox")
CANNOT_VERIFY: Final = Reply("cannot_verify", 252, "2.5.2", "Send the letter; the recipient is looked at then")
HELP: Final = Reply("help", 214, "2.0.0", "See RFC 5321; EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS QUIT")
BYE: Final = Reply("bye", 221, "2.0.0", "Bye")

SHUTTING_DOWN: Final = Reply("shutting_down", 421, "4.3.2", "Shutting down, try again at once")
NOT_SERVING: Final = Reply("not_serving", 421, "4.3.2", "Not serving at the moment, try again later")
TOO_MANY_SESSIONS: Final = Reply("too_many_sessions", 421, "4.3.2", "Too many connections, try again later")
TOO_MANY_FROM_YOU: Final = Reply("too_many_from_you", 421, "4.7.0", "Too many connections from your address")
NOT_SMTP: Final = Reply("not_smtp", 421, "4.7.0", "This is a mail server, closing the connection")
TOO_SLOW: Final = Reply("too_slow", 421, "4.4.2", "Timeout, closing the connection")
TOO_MANY_ERRORS: Final = Reply("too_many_errors", 421, "4.7.0", "Too many errors, closing the connection")

TRY_LATER: Final = Reply("try_later", 451, "4.3.0", "Try again later")
NOT_READY: Final = Reply("not_ready", 451, "4.3.0", "Not ready yet, try again later")
UPSTREAM_ONLY: Final = Reply("upstream_only", 451, "4.7.1", "This domain takes mail through its own server; see its MX")
NO_ROOM: Final = Reply("no_room", 452, "4.3.1", "No room at the moment, try again later")
TOO_MANY_RECIPIENTS: Final = Reply("too_many_recipients", 452, "4.5.3", "Too many recipients in one transaction")
TLS_LATER: Final = Reply("tls_later", 454, "4.7.0", "TLS is not available at the moment")

LINE_TOO_LONG: Final = Reply("line_too_long", 500, "5.5.2", "Line too long")
BARE_LINE_END: Final = Reply("bare_line_end", 500, "5.5.2", "Lines end with <CR><LF>")
BAD_SYNTAX: Final = Reply("bad_syntax", 500, "5.5.2", "Syntax error")
UNKNOWN_COMMAND: Final = Reply("unknown_command", 500, "5.5.1", "Command not known")
NOT_OFFERED: Final = Reply("not_offered", 502, "5.5.1", "Command not offered")
BAD_ARGUMENT: Final = Reply("bad_argument", 501, "5.5.4", "Syntax error in the arguments")
BAD_ORDER: Final = Reply("bad_order", 503, "5.5.1", "Bad sequence of commands")
INJECTED: Final = Reply("injected", 503, "5.5.1", "Nothing may follow STARTTLS before the handshake")
BAD_SENDER: Final = Reply("bad_sender", 553, "5.1.7", "Sender address is malformed")
BAD_RECIPIENT: Final = Reply("bad_recipient", 553, "5.1.3", "Recipient address is malformed")
NEXT_HOP_AWAY: Final = Reply("next_hop_away", 451, "4.4.1", "The domain's own server does not answer, try again later")
NEEDS_UTF8: Final = Reply("needs_utf8", 553, "5.6.7", "An internationalised address needs SMTPUTF8")
UNKNOWN_PARAMETER: Final = Reply("unknown_parameter", 555, "5.5.4", "Parameter not known")
UNKNOWN_RECIPIENT: Final = Reply("unknown_recipient", 550, "5.1.1", "No such mailbox here")
NEXT_HOP_NO_UTF8: Final = Reply(
    "next_hop_no_utf8", 550, "5.6.7", "The domain's own server does not take internationalised mail"
)
RELAY_DENIED: Final = Reply("relay_denied", 550, "5.7.1", "Relaying denied")
TOO_LARGE: Final = Reply("too_large", 552, "5.3.4", "Letter is larger than the SIZE we announced")
NO_RECIPIENTS: Final = Reply("no_recipients", 554, "5.5.1", "No valid recipients")
SMUGGLED: Final = Reply("smuggled", 554, "5.6.0", "A lone dot between bare line ends is refused (SMTP smuggling)")
LOOP: Final = Reply("loop", 554, "5.4.6", "Too many hops")

NEXT_HOP: Final = Reply("next_hop", 250, "2.0.0", "")
NEXT_HOP_DEFERRED: Final = Reply("next_hop_deferred", 451, "4.0.0", "")
NEXT_HOP_REFUSED: Final = Reply("next_hop_refused", 550, "5.0.0", "")
"""Code, status and text of these three are those of the domain's own server."""

GUESSES: Final = frozenset({UNKNOWN_RECIPIENT.name, NEXT_HOP_REFUSED.name})
"""Said to a recipient, they may answer somebody who tries names; see ingest.guesses."""

OPERATOR_REFUSED: Final = Reply("operator_refused", 554, "5.0.0", "The operator's mailbox refuses it")
"""Code and text are those of the operator's own server."""
