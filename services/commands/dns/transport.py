"""TLS on the way to us: MTA-STS (RFC 8461) and reports about it (TLS-RPT, RFC 8460)."""

import hashlib
from collections.abc import Sequence
from typing import Final

from services.commands.dns.lookup import Lookup, SilenceError
from services.commands.dns.record import Policy, Record, State, quoted, silent, tags

MODES: Final = ("testing", "enforce")
_AGE: Final = {"testing": 86_400, "enforce": 1_209_600}
"""Seconds a sender keeps the policy: a day while it is tried, then two weeks."""


def policy(domain: str, hosts: Sequence[str], mode: str) -> Policy:
    """The policy file and where it is served."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {_AGE[mode]}"]
    return Policy(url=f"https://mta-sts.{domain}/.well-known/mta-sts.txt", text="".join(f"{one}\r\n" for one in lines))


def identity(text: str) -> str:
    """The policy's id: another one whenever the text is another, the same one at every call."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


async def mta_sts(lookup: Lookup, domain: str, hosts: Sequence[str], mode: str) -> list[Record]:
    """The record that says there is a policy, and the host that serves it."""
    name, server = f"_mta-sts.{domain}", f"mta-sts.{domain}"
    wanted = f"v=STSv1; id={identity(policy(domain, hosts, mode).text)};"
    try:
        texts = (await lookup.ask(name, "TXT")).records
        served = (await lookup.addresses(server)).records
    except SilenceError as error:
        return [silent("MTA-STS", name, "TXT", error, (wanted,))]
    found = tuple(text for text in texts if tags(text).get("v") == "STSv1")
    ids = {identity(policy(domain, hosts, one).text): one for one in MODES}
    now = ids.get(tags(found[0]).get("id", "")) if len(found) == 1 else None
    if not found:
        state, remedy = State.MISSING, "publish it once the policy below is served"
    elif len(found) > 1:
        state, remedy = State.IN_THE_WAY, "several records count as none: keep one"
    elif now == mode:
        state, remedy = State.OK, f"our policy, mode {mode}"
    elif now:
        state, remedy = State.DIFFERS, f"our policy, but mode {now}: serve the one below, then change the id"
    else:
        state, remedy = (
            State.DIFFERS,
            f"{quoted(found)}: another policy is in force; if it names other servers alone, senders that keep to it "
            "will not deliver to us. Serve the one below (with the old MX's names too while it stands), then change "
            "the id",
        )
    records = [
        Record(purpose="MTA-STS", name=name, kind="TXT", values=(wanted,), found=found, state=state, remedy=remedy)
    ]
    if served:
        place, say = State.OK, ", ".join(served)
    else:
        place, say = State.MISSING, "point it at a web server with a certificate for this name that serves the policy"
    records.append(Record(purpose="policy host", name=server, kind="A/AAAA", found=served, state=place, remedy=say))
    return records


async def tls_reports(lookup: Lookup, domain: str, mailbox: str) -> Record:
    """Where other servers report TLS that failed."""
    name = f"_smtp._tls.{domain}"
    wanted = f"v=TLSRPTv1; rua=mailto:{mailbox}"
    try:
        texts = (await lookup.ask(name, "TXT")).records
    except SilenceError as error:
        return silent("TLS-RPT", name, "TXT", error, (wanted,))
    found = tuple(text for text in texts if tags(text).get("v") == "TLSRPTv1")
    values: tuple[str, ...] = (wanted,)
    if not found:
        state, remedy = State.MISSING, "publish it"
    elif len(found) > 1:
        state, remedy = State.IN_THE_WAY, "several records count as none (RFC 8460 section 3): keep one"
    elif not tags(found[0]).get("rua", "").lower().startswith(("mailto:", "https:")):
        state, remedy = State.DIFFERS, f"{quoted(found)} names no place for reports"
    else:
        state, remedy, values = State.OK, f"reports go to {tags(found[0])['rua']}", found
    return Record(purpose="TLS-RPT", name=name, kind="TXT", values=values, found=found, state=state, remedy=remedy)
