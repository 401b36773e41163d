"""postmaster and abuse: handed to the operator's own server inside the sender's session (decision 0010).

Nothing is stored here. The sender keeps the letter until the operator's server has taken it, and gets its answer.
"""

import time
from email.utils import formatdate
from typing import Final

import aiosmtplib

from contracts.mail import Peer
from services.ingest import log, metrics, replies
from services.ingest.arrival import Arrival
from services.ingest.header_lines import HEAD_BYTES, read
from services.ingest.replies import Reply
from services.ingest.transaction import Transaction

HOPS: Final = 30
"""Received fields; more is a loop, such as a mailbox whose server sends its mail for postmaster back to us."""

CONNECT_SECONDS: Final = 30.0
TEXT_OCTETS: Final = 400


class Postmaster:
    """The operator's mailbox and the server that takes its mail."""

    def __init__(self, mailbox: str, host: str, port: int, tls: str, hostname: str, seconds: float) -> None:
        self._mailbox = mailbox
        self._host = host
        self._port = port
        self._tls = tls
        self._hostname = hostname
        self._seconds = seconds

    async def hand_over(self, transaction: Transaction, peer: Peer, arrival: Arrival) -> Reply:
        """Hand a letter to the operator's server and say what it said; 250 only after its 250."""
        letter = b"".join(arrival.content.pieces())
        if len(read(letter[:HEAD_BYTES]).received) >= HOPS:
            return replies.LOOP
        reply = await self._send(transaction, self._received(peer, transaction) + letter)
        metrics.POSTMASTER.labels("taken" if reply.good else "refused" if reply.code >= 500 else "deferred").inc()
        return reply

    async def _send(self, transaction: Transaction, letter: bytes) -> Reply:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=self._hostname,
            timeout=self._seconds,
            use_tls=self._tls == "implicit",
            start_tls=self._tls == "starttls",
        )
        try:
            await client.connect(timeout=CONNECT_SECONDS)
            await client.ehlo()
            await client.sendmail(
                transaction.sender, [self._mailbox], letter, mail_options=self._options(client, transaction)
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._said(error.recipients[0])
        except aiosmtplib.SMTPResponseException as error:
            return self._said(error)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            log.operator_deferred(repr(error))
            return replies.TRY_LATER
        finally:
            client.close()
        return replies.HANDED_OVER

    @staticmethod
    def _options(client: aiosmtplib.SMTP, transaction: Transaction) -> list[str]:
        options = ["BODY=8BITMIME"] if client.supports_extension("8bitmime") else []
        if transaction.utf8 and client.supports_extension("smtputf8"):
            options.append("SMTPUTF8")
        return options

    @staticmethod
    def _said(error: aiosmtplib.SMTPResponseException) -> Reply:
        if not 500 <= error.code <= 599:
            log.operator_deferred(f"{error.code} {error.message}")
            return replies.TRY_LATER
        text = " ".join(error.message.split()).encode("ascii", "replace").decode()[:TEXT_OCTETS]
        # The status stands at the beginning of its text already, if the operator's server has any.
        return Reply(replies.OPERATOR_REFUSED.name, error.code, "" if text[:2] == "5." else "5.0.0", text or "Refused")

    def _received(self, peer: Peer, transaction: Transaction) -> bytes:
        helo = "".join(letter if letter.isalnum() or letter in ".-:[]" else "?" for letter in peer.helo) or "unknown"
        protocol = "UTF8SMTP" if transaction.utf8 else "ESMTP"
        return (
            f"Received: from {helo} ([{peer.address}])\r\n by {self._hostname} with {protocol}\r\n"
            f" for <{transaction.operators[0]}>; {formatdate(time.time())}\r\n"
        ).encode("utf-8", "replace")
