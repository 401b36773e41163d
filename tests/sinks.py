"""Relays for tests: real SMTP and LMTP servers that keep what they are given, or refuse it as a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from contracts.directory import Relay


@dataclass
class Taken:
    """One mail a sink was given."""

    sender: str
    recipient: str
    options: list[str]
    octets: bytes

    @property
    def message(self) -> EmailMessage:
        """It, parsed as a mail program would."""
        return message_from_bytes(self.octets, policy=policy.default)

    @property
    def text(self) -> str:
        """What a person reads first."""
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    def header(self, name: str) -> str:
        """A header line as a person reads it."""
        return str(self.message[name])


@dataclass
class Sink:
    """A relay. `rcpt` and `data` are asked for the reply to each; a test changes them at any time."""

    protocol: str
    port: int = 0
    tls: str = "none"
    taken: list[Taken] = field(default_factory=list)
    rcpt: Callable[[str], str] = lambda _: ""
    data: Callable[[bytes], str] = lambda _: ""
    gate: asyncio.Event | None = None
    """While it is there and not set, the reply to DATA waits."""
    offered: int = 0
    at_once: int = 0
    most_at_once: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def relay(self) -> Relay:
        """How the directory names it."""
        return Relay(host="localhost", port=self.port, protocol=self.protocol, tls=self.tls)  # type: ignore[arg-type]  # as given

    async def mails(self, count: int, seconds: float = 60.0) -> list[Taken]:
        """Wait for so many mails."""
        async with asyncio.timeout(seconds), self.arrived:
            await self.arrived.wait_for(lambda: len(self.taken) >= count)
            return list(self.taken)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = self.rcpt(address)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        content = envelope.original_content or b""
        self.offered += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.at_once -= 1
        reply = self.data(content)
        if reply:
            return reply
        async with self.arrived:
            for recipient in envelope.rcpt_tos:
                self.taken.append(Taken(envelope.mail_from or "", recipient, list(envelope.mail_options), content))
            self.arrived.notify_all()
        return "250 2.0.0 taken"


class _Lmtp(LMTP):
    """LHLO that offers what the SMTP server does."""

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        await SMTP.smtp_EHLO(self, arg)

    async def smtp_EHLO(self, arg: str) -> None:  # noqa: N802 - an LMTP server refuses it (RFC 2033 section 4.1)
        await self.push("500 5.5.1 this is LMTP")


class _Plain7(SMTP):
    """A relay of old: no 8BITMIME."""

    async def push(self, status: Any) -> None:
        if "8BITMIME" not in str(status):
            await super().push(status)


@asynccontextmanager
async def sink(
    protocol: str = "smtp",
    *,
    port: int = 0,
    size: int = 100_000_000,
    eight_bit: bool = True,
    utf8: bool = True,
    certificate: ssl.SSLContext | None = None,
    implicit: bool = False,
) -> AsyncIterator[Sink]:
    """Run a sink on the loopback until the block ends."""
    found = Sink(protocol)
    kind = _Lmtp if protocol == "lmtp" else SMTP if eight_bit else _Plain7
    starttls = certificate is not None and not implicit
    if certificate is not None:
        found.tls = "implicit" if implicit else "starttls"
    loop = asyncio.get_running_loop()

    def build() -> SMTP:
        return kind(
            found,
            hostname="sink.test",
            data_size_limit=size,
            enable_SMTPUTF8=utf8,
            loop=loop,
            tls_context=certificate if starttls else None,
            require_starttls=starttls,
        )

    server = await loop.create_server(build, "127.0.0.1", port, ssl=certificate if implicit else None)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        if found.gate is not None:
            found.gate.set()
        server.close()
