"""DMARC (RFC 7489) of the domains our mails come from: what becomes of those that fail, and whether ours pass."""

from typing import Final, NamedTuple

from contracts.directory import Dkim
from services.commands.dns.lookup import Lookup, SilenceError
from services.commands.dns.record import Record, State, quoted, silent, tags
from services.notify.address import aligned, organizational
from services.runtime.directory import normalise_domain

_STRICT: Final = ("quarantine", "reject")
_CURE: Final = "Sign with a key of this domain (dkim in the directory), or let return_domain lie in it"


class Sending(NamedTuple):
    """How our mails say where they come from."""

    author: str
    """Domain of the From field."""
    returns_to: str
    """Domain of the reverse-path, which SPF is judged by."""
    dkim: Dkim | None
    reports: str
    """Mailbox for reports."""


async def dmarc_records(lookup: Lookup, sending: Sending) -> list[Record]:
    """Judge the policy, and the leave that another domain's report mailbox needs (section 7.1)."""
    name = f"_dmarc.{sending.author}"
    wanted = f"v=DMARC1; p=none; rua=mailto:{sending.reports}"
    records: list[Record] = []
    try:
        found = _of((await lookup.ask(name, "TXT")).records)
        inherited = () if found else await _inherited(lookup, sending.author)
        record = _judged(name, found, inherited, wanted, sending)
        records.append(record)
    except SilenceError as error:
        return [silent("DMARC", name, "TXT", error, (wanted,))]
    host = normalise_domain(sending.reports.rpartition("@")[2])
    if record.values == (wanted,) and not aligned(host, sending.author):
        records.append(await _leave(lookup, sending.author, host))
    return records


def _of(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1"))


async def _inherited(lookup: Lookup, domain: str) -> tuple[str, ...]:
    top = organizational(domain)
    return _of((await lookup.ask(f"_dmarc.{top}", "TXT")).records) if top and top != domain else ()


def _judged(name: str, found: tuple[str, ...], inherited: tuple[str, ...], wanted: str, sending: Sending) -> Record:
    values: tuple[str, ...] = ()
    holding = found or inherited
    if not holding:
        state, remedy, values = State.MISSING, "publish it; a stricter policy follows by the plan", (wanted,)
    elif len(holding) > 1:
        state, remedy = State.IN_THE_WAY, "several policies count as none (RFC 7489 section 6.6.3): keep one"
    else:
        said = tags(holding[0])
        policy = ((said.get("sp") if inherited else None) or said.get("p", "")).lower()
        of = f" of {organizational(sending.author)}" if inherited else ""
        if policy not in ("none", *_STRICT):
            state, remedy, values = State.DIFFERS, f"{quoted(holding)} says no policy: replace it", (wanted,)
        elif policy in _STRICT and (why := _fails(said, sending)):
            state = State.DIFFERS
            remedy = f"the policy{of} is {policy}, and {why}: receivers would not take our receipts. {_CURE}"
        else:
            reports = "" if said.get("rua") else "; no rua, so nobody tells what fails"
            state, remedy, values = State.OK, f"policy{of}: {policy}{reports}", found
    return Record(purpose="DMARC", name=name, kind="TXT", values=values, found=found, state=state, remedy=remedy)


def _fails(said: dict[str, str], sending: Sending) -> str:
    """Why our mails can not pass, whatever SPF and DKIM say by themselves; empty if they can."""
    signer = normalise_domain(sending.dkim.domain) if sending.dkim else ""
    by_dkim = signer == sending.author if said.get("adkim") == "s" else aligned(signer, sending.author)
    strict = said.get("aspf") == "s"
    by_spf = sending.returns_to == sending.author if strict else aligned(sending.returns_to, sending.author)
    if by_dkim or by_spf:
        return ""
    signed = f"are signed by {signer}" if signer else "are not signed"
    return f"our mails return to {sending.returns_to} and {signed}, neither of which is {sending.author} to DMARC"


async def _leave(lookup: Lookup, author: str, host: str) -> Record:
    name = f"{author}._report._dmarc.{host}"
    try:
        found = _of((await lookup.ask(name, "TXT")).records)
    except SilenceError as error:
        return silent("DMARC reports", name, "TXT", error, ("v=DMARC1",))
    state = State.OK if found else State.MISSING
    remedy = (
        "the mailbox's domain takes reports"
        if found
        else f"in the zone of {host}: without it nobody sends reports there (RFC 7489 section 7.1)"
    )
    return Record(
        purpose="DMARC reports", name=name, kind="TXT", values=("v=DMARC1",), found=found, state=state, remedy=remedy
    )
