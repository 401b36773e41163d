"""One mail handed to one relay, by SMTP or LMTP, and what came of it.

A mail has one recipient: a mailbox that refuses does not hold up another, and LMTP's reply for each recipient is then
the same as SMTP's one reply.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import aiosmtplib
from aiosmtplib.typing import Default
from msgspec import Struct

from contracts.directory import Relay
from services.notify.wire import Mail

QUIT_SECONDS: Final = 2.0
"""After the relay's 250 the mail is its own: a slow goodbye changes nothing."""

_TOO_LARGE: Final = (552, "5.3.4", "5.2.3")


class Offers(Struct, frozen=True, kw_only=True):
    """What a relay says it can take."""

    eight_bit: bool = True
    utf8: bool = True
    size: int = 0
    """Octets; 0: it names no limit."""


class Accepted(Struct, frozen=True, kw_only=True):
    """The relay has taken responsibility."""

    place: str


class Deferred(Struct, frozen=True, kw_only=True):
    """Not now; `down`: the relay itself could not be talked to, whatever the mail."""

    code: int | None
    reason: str
    down: bool


class Rejected(Struct, frozen=True, kw_only=True):
    """Never, by the relay's word or because it cannot carry such a mail."""

    code: int | None
    reason: str
    too_large: bool = False


Outcome = Accepted | Deferred | Rejected
Compose = Callable[[Offers], Mail]
"""Makes the mail for what this relay offers; pure, so that a repeat makes the same octets."""


class Lmtp(aiosmtplib.SMTP):
    """LMTP (RFC 2033) for one recipient a transaction: only the greeting differs."""

    async def ehlo(
        self, *, hostname: str | None = None, timeout: float | Default | None = Default.token
    ) -> aiosmtplib.SMTPResponse:
        """Say LHLO."""
        name = hostname or self.local_hostname or "localhost"
        response = await self.execute_command(b"LHLO", name.encode("ascii"), timeout=timeout)
        if response.code != 250:
            raise aiosmtplib.SMTPHeloError(response.code, response.message)
        self.last_ehlo_response = response
        return response


class Courier:
    """Hands mails over; one connection a mail."""

    def __init__(self, *, hostname: str, seconds: float, authorities: str = "") -> None:
        """`authorities` is a PEM file that relays' certificates must chain to; empty: the system's authorities."""
        self._hostname = hostname
        self._seconds = seconds
        self._tls = ssl.create_default_context(cafile=authorities or None)

    async def hand_over(self, relay: Relay, compose: Compose) -> Outcome:
        """Hand over one mail. Never raises for what a relay does; on a lost reply the mail may have been taken."""
        client = self._client(relay)
        talk = _Talk(client, relay)
        try:
            async with asyncio.timeout(self._seconds):
                return await talk.run(compose)
        except aiosmtplib.SMTPResponseException as error:
            return talk.judge(error.code, str(error.message))
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return Deferred(code=None, reason=_words(error), down=True)
        except ValueError as error:
            return Rejected(code=None, reason=f"cannot be sent: {error}")
        finally:
            client.close()

    def _client(self, relay: Relay) -> aiosmtplib.SMTP:
        kind = Lmtp if relay.protocol == "lmtp" else aiosmtplib.SMTP
        return kind(
            hostname=relay.host,
            port=relay.port,
            local_hostname=self._hostname,
            timeout=self._seconds,
            use_tls=relay.tls == "implicit",
            start_tls=relay.tls == "starttls",
            tls_context=None if relay.tls == "none" else self._tls,
        )


class _Talk:
    """One connection, and how far it came."""

    def __init__(self, client: aiosmtplib.SMTP, relay: Relay) -> None:
        self._client = client
        self._place = f"{relay.host}:{relay.port}"
        self._speaking_of_mail = False

    async def run(self, compose: Compose) -> Outcome:
        client = self._client
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        offers = Offers(
            eight_bit=client.supports_extension("8bitmime"),
            utf8=client.supports_extension("smtputf8"),
            size=_limit(client.esmtp_extensions.get("size", "")),
        )
        mail = await asyncio.to_thread(compose, offers)
        if mail.utf8 and not offers.utf8:
            return Rejected(code=None, reason="the relay does not offer SMTPUTF8, which the address needs")
        if offers.size and len(mail.octets) > offers.size:
            return Rejected(code=552, reason=f"the relay takes {offers.size} octets", too_large=True)
        self._speaking_of_mail = True
        options = [f"SIZE={len(mail.octets)}"] if client.supports_extension("size") else []
        options += ["BODY=8BITMIME"] if (mail.eight_bit or mail.utf8) and offers.eight_bit else []
        options += ["SMTPUTF8"] if mail.utf8 else []
        encoding = "utf-8" if mail.utf8 else "ascii"
        await client.mail(mail.sender, options=options, encoding=encoding)
        await client.rcpt(mail.recipient, encoding=encoding)
        await client.data(mail.octets)
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=QUIT_SECONDS)
        return Accepted(place=self._place)

    def judge(self, code: int, message: str) -> Outcome:
        """A reply before MAIL is about the relay and may be mended; after it, 5yz is about this mail and final."""
        reason = f"{code} {' '.join(message.split())}"[:500]
        if not self._speaking_of_mail or code == 421:
            return Deferred(code=code, reason=reason, down=True)
        if 400 <= code < 500:
            return Deferred(code=code, reason=reason, down=False)
        return Rejected(code=code, reason=reason, too_large=_too_large(code, message))


def _too_large(code: int, message: str) -> bool:
    return code == _TOO_LARGE[0] or any(str(mark) in message for mark in _TOO_LARGE[1:])


def _limit(parameter: str) -> int:
    return int(parameter) if parameter.strip().isdecimal() else 0


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"no reply: {text}"[:500]
