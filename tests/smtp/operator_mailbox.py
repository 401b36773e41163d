"""The operator's own mail server, for what goes to postmaster and abuse: stock aiosmtpd that keeps what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers import free_port


@dataclass
class OperatorMailbox:
    """What arrived, and how it answers."""

    port: int
    letters: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if envelope.mail_from == "refused@client.test":
            return "550 5.7.1 We do not want you"
        if envelope.mail_from == "deferred@client.test":
            return "450 4.2.1 Mailbox is busy"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        self.letters.append(envelope)
        return "250 2.0.0 Ok"


@contextmanager
def operator_mailbox() -> Iterator[OperatorMailbox]:
    """Run one."""
    mailbox = OperatorMailbox(free_port())
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
