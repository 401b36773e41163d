"""The SPF record of a domain beside what it should be."""

from collections.abc import Sequence

from services.commands.dns import spf
from services.commands.dns.lookup import Lookup, SilenceError
from services.commands.dns.record import Record, State, quoted, silent
from services.commands.dns.spf_walk import LOOKUPS, VOIDS, Walk


async def spf_record(lookup: Lookup, domain: str, needed: Sequence[str], relay: str) -> Record:
    """Judge it; `needed` are the terms of our outgoing servers, `relay` says who sends where none are given."""
    fresh = spf.merged((), needed) if needed else ""
    try:
        found = spf.of((await lookup.ask(domain, "TXT")).records)
        walk = Walk(lookup)
        for record in found:
            await walk.follow(domain, record)
    except SilenceError as error:
        return silent("SPF", domain, "TXT", error)
    missing = [term for term in needed if not _covered(term, found, walk)]
    values: tuple[str, ...] = (spf.merged(found, missing),) if found else (fresh,) if fresh else ()
    state, remedy = _judgement(found, walk, missing, needed, relay)
    if state is State.OK:
        values = found
    if len(found) == 1 and not missing and state is State.IN_THE_WAY:
        values = ()  # nothing to add, and what to take out is the domain owner's choice
    return Record(purpose="SPF", name=domain, kind="TXT", values=values, found=found, state=state, remedy=remedy)


def _covered(term: str, found: Sequence[str], walk: Walk) -> bool:
    if term.startswith("include:"):
        return any(term in record.lower().replace("+include:", "include:").split() for record in found)
    return walk.lets_send(term)


def _judgement(
    found: Sequence[str], walk: Walk, missing: Sequence[str], needed: Sequence[str], relay: str
) -> tuple[State, str]:
    costs = f"{walk.lookups} of {LOOKUPS} look-ups" + ("; +all lets everybody send" if walk.everybody else "")
    if len(found) > 1:
        return (
            State.IN_THE_WAY,
            "several SPF records are an error to every receiver (RFC 7208 section 4.5): replace all by this one",
        )
    if walk.lookups > LOOKUPS or walk.voids > VOIDS:
        voids = f", {walk.voids} of {VOIDS} of them empty" if walk.voids > VOIDS else ""
        return (
            State.IN_THE_WAY,
            f"{costs}{voids}: receivers stop there (RFC 7208 section 4.6.4) and no mail passes; "
            f"replace an include by the addresses in it{_and(missing)}",
        )
    if walk.errors:
        return State.IN_THE_WAY, f"an error to every receiver: {quoted(walk.errors)}; correct it{_and(missing)}"
    if not needed:
        if not found:
            return State.MISSING, f"nobody is named who may send; {relay}: give them with --outgoing"
        return State.OK, f"{costs}; not checked for us: {relay}: give them with --outgoing"
    if not found:
        return State.MISSING, "publish it; who else sends for the domain has to be in it too"
    if missing:
        return State.DIFFERS, f"our {', '.join(missing)} may not send: replace it by this one ({costs})"
    near = "; the next include may be one too many" if walk.lookups >= LOOKUPS - 1 else ""
    return State.OK, costs + near


def _and(missing: Sequence[str]) -> str:
    return f", and add {', '.join(missing)}" if missing else ""
