"""The MX: ours, somebody else's, or none, and what that means in each mode (invariant 9)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from services.commands.dns.lookup import Lookup, SilenceError
from services.commands.dns.record import TTL, TTL_MOVING, Record, State, silent

PREFERENCE: Final = 10


class Exchanges(Struct, frozen=True, kw_only=True):
    """Where a domain's mail goes today."""

    ours: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Other servers' names, the preferred first."""
    null: bool = False
    """The domain says that it takes no mail (RFC 7505)."""
    implicit: bool = False
    """No MX, but an address: senders have tried that (RFC 5321 section 5.1)."""
    found: tuple[str, ...] = ()
    ttl: int = 0
    silence: str = ""
    """Why it is not known; everything else is empty then."""

    @property
    def settled(self) -> bool:
        """Whether we are the only MX."""
        return bool(self.ours) and not self.others and not self.null


async def exchanges(lookup: Lookup, domain: str, hosts: Sequence[str]) -> Exchanges:
    """Look up a domain's MX; `hosts` are our names."""
    try:
        answer = await lookup.ask(domain, "MX")
        implicit = not answer.records and bool((await lookup.addresses(domain)).records)
    except SilenceError as error:
        return Exchanges(silence=str(error))
    pairs = sorted((int(record.partition(" ")[0]), record.partition(" ")[2]) for record in answer.records)
    names = tuple(dict.fromkeys(host for _, host in pairs))
    return Exchanges(
        ours=tuple(host for host in names if host in hosts),
        others=tuple(host for host in names if host not in hosts and host != "."),
        null="." in names,
        implicit=implicit,
        found=tuple(f"{preference} {host}" for preference, host in pairs),
        ttl=answer.ttl,
    )


def judged(domain: str, mode: str, now: Exchanges, hosts: Sequence[str]) -> Record:
    """The MX beside what it should be. In mode behind it stays what it is."""
    if mode == "behind":
        return _behind(domain, now)
    values = tuple(f"{PREFERENCE} {host}" for host in hosts)
    if now.silence:
        return silent("MX", domain, "MX", SilenceError(now.silence), values)
    if now.null:
        state, remedy = State.IN_THE_WAY, "the domain says that it takes no mail (null MX, RFC 7505): replace it"
    elif not now.found:
        state, remedy = State.MISSING, "publish it last, as the plan says"
        if now.implicit:
            remedy += "; senders use the domain's own address so far: are there mailboxes behind it?"
    elif now.settled:
        state, remedy = State.OK, f"TTL {now.ttl} s"
    elif now.ours:
        state, remedy = State.IN_THE_WAY, f"{', '.join(now.others)} beside us: remove it, as the plan says"
    else:
        state, remedy = State.DIFFERS, f"mail goes to {', '.join(now.others)}: move it, as the plan says"
    ttl = TTL if now.settled else TTL_MOVING
    return Record(
        purpose="MX", name=domain, kind="MX", values=values, found=now.found, state=state, remedy=remedy, ttl=ttl
    )


def _behind(domain: str, now: Exchanges) -> Record:
    if now.silence:
        return silent("MX", domain, "MX", SilenceError(now.silence))
    if now.ours:
        state, remedy = (
            State.IN_THE_WAY,
            f"{', '.join(now.ours)} must not be MX of a domain in mode behind: we would refuse its other addresses",
        )
    elif now.others:
        state, remedy = State.OK, f"stays with {', '.join(now.others)}"
    else:
        state, remedy = (
            State.MISSING,
            "the agency's server has no MX, so nothing can come from it; it is not ours to set",
        )
    return Record(purpose="MX", name=domain, kind="MX", found=now.found, state=state, remedy=remedy)


async def place(lookup: Lookup, host: str) -> Record:
    """Our MX name itself: it needs an address, and must be no alias (RFC 2181 section 10.3)."""
    try:
        answer = await lookup.addresses(host)
    except SilenceError as error:
        return silent("our MX", host, "A/AAAA", error)
    if answer.alias:
        state, remedy = State.IN_THE_WAY, f"is an alias of {answer.alias}; an MX must name a host itself"
    elif not answer.records:
        state, remedy = State.MISSING, "publish the ingress's public addresses, A and AAAA, under this name"
    else:
        state, remedy = State.OK, ", ".join(answer.records)
    return Record(purpose="our MX", name=host, kind="A/AAAA", found=answer.records, state=state, remedy=remedy)
