"""`saraban agency dns` as a person types it, with a real DNS: domains in every state, servers that do not answer."""

import asyncio
import base64
import contextlib
import io
import json
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.zone
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from contracts.directory import Agency, Dkim, Domain, NextHop, Relay
from services.cli import COMMANDS
from services.commands import toml
from services.commands.application import run_application
from services.commands.dns.transport import identity, policy
from services.runtime import directory
from services.runtime.bus import Bus
from services.runtime.provision import provision
from services.runtime.settings import Nats
from tests.conftest import THIS_YEAR
from tests.dns_server import dns_server, silent_dns_server
from tests.servers import NatsServer

MX = "mx.saraban.test"
OUT = ("--outgoing", "192.0.2.7", "--outgoing", "2001:db8::7")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
THAI = "xn--72c1a1bt4awk9o.xn--o3cw4h"  # ตัวอย่าง.ไทย


def agency(name: str, domain: str, mode: str = "only", **more: Any) -> Agency:
    entry = Domain(
        name=domain,
        mode=mode,  # type: ignore[arg-type]  # one of the three
        upstreams=("192.0.2.128/25",) if mode == "behind" else (),
        next_hop=NextHop(host=f"mail.{domain}") if mode == "shared" else None,
    )
    return Agency(id=name, name="สำนักงานทดสอบ", domains=(entry,), addresses=(f"saraban@{domain}",), **more)


AGENCIES = (
    agency("new", "new.test"),
    agency("taken", "taken.test"),
    agency("part", "part.test", "shared", relay=Relay(host="relay.part.test")),
    agency("hind", "hind.test", "behind"),
    agency("wrong", "wrong.test", "behind", return_domain="back.wrong.test"),
    agency("right", "right.test", dkim=Dkim(domain="right.test", selector="s1")),
    agency("twice", "twice.test"),
    agency("costly", "costly.test"),
    agency("strict", "strict.test", return_domain="elsewhere.example"),
    agency("servfail", "servfail.test"),
    agency("silent", "silent.test"),
    agency("halfway", "halfway.test", "shared"),
    agency("null", "null.test"),
    agency("stray", "stray.test", return_domain="taken.test"),
    agency("thai", "ตัวอย่าง.ไทย"),
    agency("keyless", "keyless.test", dkim=Dkim(domain="keyless.test", selector="none")),
    agency("below", "below.test", return_domain="back.below.test"),
    agency("typo", "typo.test"),
    agency("loop", "loop.test"),
    agency("oldkey", "oldkey.test", dkim=Dkim(domain="oldkey.test", selector="s1")),
)

STS = f"v=STSv1; id={identity(policy('right.test', [MX], 'testing').text)};"
TEXTS = {
    "taken.test": ["v=spf1 mx -all", "some-verification=1"],
    "part.test": ["v=spf1 include:spf.provider.test ~all"],
    "spf.provider.test": ["v=spf1 ip4:198.51.100.0/24 -all"],
    "_mta-sts.part.test": ["v=STSv1; id=2024;"],
    "hind.test": ["v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/64 -all"],
    "_dmarc.hind.test": ["v=DMARC1; p=reject; rua=mailto:d@hind.test"],
    "right.test": ["v=spf1 include:ours.right.test -all"],
    "ours.right.test": ["v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 ?all"],
    "s1._domainkey.right.test": [f"v=DKIM1; k=rsa; p={PUBLIC}"],
    "_dmarc.right.test": ["v=DMARC1; p=none; rua=mailto:d@right.test"],
    "_mta-sts.right.test": [STS],
    "_smtp._tls.right.test": ["v=TLSRPTv1; rua=mailto:d@right.test"],
    "twice.test": ["v=spf1 ip4:198.51.100.1 -all", "v=spf1 include:spf.provider.test ~all"],
    "_dmarc.twice.test": ["v=DMARC1; p=none", "v=DMARC1; p=reject"],
    "costly.test": ["v=spf1 " + " ".join(f"include:i{n}.costly.test" for n in range(6)) + " ~all"],
    **{f"i{n}.costly.test": ["v=spf1 a:mx.saraban.test -all"] for n in range(6)},
    "_dmarc.below.test": ["v=DMARC1; p=quarantine; aspf=s"],
    "_mta-sts.below.test": ["v=STSv1; id=1;", "v=STSv1; id=2;"],
    "_smtp._tls.below.test": ["v=TLSRPTv1; rua=mailto:a@below.test", "v=TLSRPTv1; rua=mailto:b@below.test"],
    "typo.test": ["v=spf1 a:mx.saraban.test/99 inclde:x.test ip4:1.2.3 ip6:192.0.2.1 include:void.test -all"],
    "loop.test": ["v=spf1 include:loop.test exists:%{i}.loop.test ptr a:%{d} ~all"],
    "_dmarc.strict.test": ["v=DMARC1; p=reject; aspf=s"],
    "s1._domainkey.oldkey.test": ["v=DKIM1; p=MIGf"],
}
HOSTS = {MX: "192.0.2.25", "mta-sts.right.test": "192.0.2.80", "halfway.test": "192.0.2.90"}
MORE = (
    "local-ttl=7200",
    "mx-host=taken.test,mail.taken.test,5",
    "mx-host=part.test,mail.part.test,10",
    "mx-host=part.test,spare.part.test,20",
    "mx-host=hind.test,mail.hind.test,10",
    f"mx-host=wrong.test,{MX},10",
    f"mx-host=right.test,{MX},10",
    f"mx-host=halfway.test,{MX},10",
    "mx-host=halfway.test,mail.halfway.test,20",
    f"mx-host={THAI},mail.{THAI},10",
    "mx-host=null.test,.,0",
    "cname=alias.saraban.test,mx.saraban.test",
)


@dataclass
class Desk:
    """Where the command is typed."""

    config: Path
    resolver: str

    def type(self, *words: str, resolver: str = "", mx: str = MX) -> tuple[int, str, str]:
        line = ["agency", "dns", *words, "--config", str(self.config), "--resolver", resolver or self.resolver]
        line += ["--mx", mx] if mx else []
        line += ["--deadline", "30"] if "--deadline" not in words else []  # a busy machine is no silent DNS
        out, err = io.StringIO(), io.StringIO()
        before, sys.argv = sys.argv, ["saraban", *line]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run_application(COMMANDS)
        finally:
            sys.argv = before
        return code, out.getvalue(), err.getvalue()

    def json(self, *words: str, code: int = 1) -> dict[str, Any]:
        """The first domain's section, with its records by purpose."""
        done, out, err = self.type(*words, "--format", "json")
        assert (done, bool(out)) == (code, True), err
        whole: dict[str, Any] = json.loads(out)
        assert whole["ok"] == (code == 0)
        section: dict[str, Any] = whole["domains"][0]
        section["by"] = {record["purpose"]: record for record in section["records"]}
        section["others"] = whole["domains"][1:]
        return section


@contextlib.contextmanager
def failing_dns_server() -> Iterator[int]:
    """A port that answers every question with SERVFAIL."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    octets, peer = bound.recvfrom(4096)
                    if octets == b"end":
                        return
                    reply = dns.message.make_response(dns.message.from_wire(octets))
                    reply.set_rcode(dns.rcode.SERVFAIL)
                    bound.sendto(reply.to_wire(), peer)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            bound.sendto(b"end", bound.getsockname())
            thread.join()


@contextlib.contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A directory of agencies, and a DNS with every kind of record they may have."""
    keys = folder / "keys"
    keys.mkdir()
    pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for name in ("right.test", "oldkey.test"):
        (keys / f"{name}.s1.pem").write_bytes(pem)
    server = NatsServer(folder / "server")
    server.start()
    try:
        nats = server.settings(connect_seconds=20.0, request_seconds=30.0)
        asyncio.run(_fill(nats))
        config = folder / "saraban.toml"
        config.write_text(
            toml.dumps({"state": str(folder), "nats": msgspec.to_builtins(nats), "notify": {"dkim_keys": "keys"}})
        )
        with silent_dns_server() as silent, failing_dns_server() as failing:
            forwards = (
                f"server=/silent.test/{silent.replace(':', '#')}",
                f"server=/servfail.test/127.0.0.1#{failing}",
            )
            with dns_server(folder, TEXTS, HOSTS, (*MORE, *forwards)) as resolver:
                yield Desk(config, resolver)
    finally:
        server.kill()


async def _fill(nats: Nats) -> None:
    await provision(nats, THIS_YEAR)
    bus = await Bus.connect(nats, "officers")
    for one in AGENCIES:
        await directory.put(bus, one)
    await bus.close()
