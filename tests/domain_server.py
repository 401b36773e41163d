"""The mail server that a domain has had all along: a real Postfix with twenty mailboxes, behind our ingress.

Mode shared passes to it what is not ours. It takes mail on several ports, each set up as an administrator might: see
the fields of `DomainServer`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from tests.postfix import Postfix, postfix
from tests.servers import free_port
from tests.waiting import until

DOMAIN = "shared.test"
STAFF = (*(f"staff{number:02}@{DOMAIN}" for number in range(19)), f"เจ้าหน้าที่@{DOMAIN}")
USER = 65534
"""Whose the mailboxes are: anybody's but root's."""

SETTINGS = """\
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:{maps}
virtual_uid_maps = static:{user}
virtual_gid_maps = static:{user}
virtual_transport = virtual
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_hard_error_limit = 1000
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
virtual_mailbox_limit = 0
"""

SERVICES = """\
127.0.0.1:{proxied} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
127.0.0.1:{wrapped} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{bare} inet n - n - - smtpd -o smtpd_tls_security_level=none
    -o smtpd_discard_ehlo_keywords=chunking,smtputf8,dsn,xclient,8bitmime,size
127.0.0.1:{hasty} inet n - n - - smtpd -o smtpd_timeout=1
"""


@dataclass
class DomainServer:
    """It, running."""

    postfix: Postfix
    mail: Path
    proxied: int
    """Wants a PROXY header."""
    wrapped: int
    """Begins with TLS."""
    bare: int
    """Offers next to nothing: no STARTTLS, no CHUNKING, no XCLIENT."""
    hasty: int
    """Closes after a second of silence."""

    def letters(self, address: str) -> list[bytes]:
        """What lies in a mailbox, octets as delivered."""
        return [path.read_bytes() for path in sorted((self.mail / address / "new").glob("*"))]

    def all_letters(self) -> list[bytes]:
        """What lies in all mailboxes."""
        return [octets for address in STAFF for octets in self.letters(address)]

    async def delivered(self, address: str, count: int = 1) -> list[Message]:
        """Wait until so many letters lie there."""
        await until(lambda: len(self.letters(address)) >= count, 30)
        return [message_from_bytes(octets) for octets in self.letters(address)]

    async def settled(self) -> None:
        """Wait until nothing is on its way to a mailbox."""
        await until(lambda: self.postfix.queued() == 0, 30)

    def empty(self) -> None:
        """Forget everything that lies in the mailboxes."""
        for address in STAFF:
            shutil.rmtree(self.mail / address, ignore_errors=True)


@contextmanager
def domain_server(certificate: Path, key: Path) -> Iterator[DomainServer]:
    """Run one."""
    mail = Path(tempfile.mkdtemp(prefix="saraban-mail-"))
    mail.chmod(0o755)
    boxes, maps = mail / "boxes", mail / "maps"
    boxes.mkdir()
    shutil.chown(boxes, USER, USER)
    maps.write_text("".join(f"{address} {address}/\n" for address in STAFF), encoding="utf-8")
    ports = {name: free_port() for name in ("proxied", "wrapped", "bare", "hasty")}
    settings = SETTINGS.format(domain=DOMAIN, mail=boxes, maps=maps, user=USER, certificate=certificate, key=key)
    try:
        with postfix(settings, "mail.shared.test", SERVICES.format(**ports)) as running:
            yield DomainServer(running, boxes, **ports)
    finally:
        shutil.rmtree(mail, ignore_errors=True)
