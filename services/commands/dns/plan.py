"""The cut-over in steps: nothing moves before it was tried, nothing goes away while somebody may still use it."""

from collections.abc import Sequence
from typing import Final

from services.commands.dns.exchange import PREFERENCE, Exchanges
from services.commands.dns.record import TTL, TTL_MOVING, Policy, Record, State, Step

_BACKUP: Final = PREFERENCE + 10


class Steps:
    """Numbers what is added."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def add(self, when: str, what: str) -> int:
        """Add a step and give its number."""
        self._steps.append(Step(number=len(self._steps) + 1, when=when, what=what))
        return len(self._steps)

    def all(self) -> tuple[Step, ...]:
        """What was added."""
        return tuple(self._steps)


def duration(seconds: int) -> str:
    """`2 h`, `90 min`, `300 s`, as a person says it."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def moving(
    domain: str,
    mode: str,
    now: Exchanges,
    hosts: Sequence[str],
    records: Sequence[Record],
    *,
    policy: Policy,
    address: str,
    next_hop: str,
) -> tuple[Step, ...]:
    """The way of a domain whose MX is to be ours, from where it stands now."""
    steps = Steps()
    old = ", ".join(now.others)
    if now.settled:
        steps.add("now", _publish(records))
        _afterwards(steps, domain, policy, records, when="now" if now.ttl < TTL else "", ttl=TTL)
        return steps.all()
    if any(record.purpose == "MTA-STS" and record.found for record in records):
        steps.add(
            "now", f"MTA-STS is in force: serve a policy that names {_and(now.others, hosts)}, then change its id"
        )
    began = 0
    if old:
        began = steps.add(
            "now",
            f"lower the TTL of the MX of {domain} to {TTL_MOVING} s (it is {now.ttl} s by this answer; if the zone "
            "file says more, that counts) and change nothing else in it",
        )
    steps.add("now", _publish(records))
    tried = (
        f"`saraban send LETTER --to {address}` shows a number" if address else "a bounce to a token address is taken"
    )
    steps.add("now", f"port 25 of {', '.join(hosts)} answers from outside with STARTTLS; {tried}")
    if mode == "shared":
        steps.add(
            "now", f"a mail to a colleague's address, handed to {hosts[0]}, reaches the mailbox by way of {next_hop}"
        )
    when = f"{duration(now.ttl)} after step {began}, when every cache has the short TTL" if began else "then"
    line = "; ".join(f"{domain}. MX {PREFERENCE} {host}." for host in hosts)
    moved = steps.add(
        when, f"point the MX: {line}" + (f"; keep {old} at preference {_BACKUP} for a day" if old else "")
    )
    if old:
        removed = steps.add(
            f"1 d after step {moved}, when letters come",
            f"remove the old MX {old}: while it stands, a letter that goes there gets no number, and no receipt",
        )
        steps.add(f"2 d after step {removed}", _old_server(mode, old, address))
    _afterwards(steps, domain, policy, records, when=f"1 week after step {moved}", ttl=max(TTL, now.ttl))
    return steps.all()


def behind(records: Sequence[Record], address: str) -> tuple[Step, ...]:
    """The way of a domain whose MX stays."""
    steps = Steps()
    steps.add("now", _publish(records))
    steps.add("now", "set up the rule on the agency's server as above, for one test address first if it can do that")
    tried = steps.add("then", f"a letter from outside to {address} gets a number, and its sender a receipt")
    _stricter(steps, records, f"4 weeks after step {tried}")
    return steps.all()


def _publish(records: Sequence[Record]) -> str:
    open_ = [one.purpose for one in records if one.state is not State.OK and one.purpose not in ("MX", "our MX")]
    return f"publish or correct {', '.join(open_)}" if open_ else "nothing is left to publish beside the MX"


def _afterwards(steps: Steps, domain: str, policy: Policy, records: Sequence[Record], *, when: str, ttl: int) -> None:
    if when:
        steps.add(when, f"raise the TTL of the MX of {domain} to {ttl} s")
    served = any(record.purpose == "MTA-STS" and record.state is State.OK for record in records)
    if not (served and "mode: enforce" in policy.text):
        steps.add(
            "when TLS-RPT has shown no failure for 2 weeks",
            f"`--mta-sts enforce`: serve that policy at {policy.url}, then change the id",
        )
    _stricter(steps, records, "when DMARC's reports have come for 4 weeks")


def _stricter(steps: Steps, records: Sequence[Record], when: str) -> None:
    policies = [record for record in records if record.purpose == "DMARC"]
    if not policies or any(one.state is State.OK and "policy: none" not in one.remedy for one in policies):
        return  # not ours to set, or strict already
    quarantined = steps.add(when, "if DMARC's reports show nothing of ours that fails: p=quarantine")
    steps.add(f"4 weeks after step {quarantined}", "p=reject, if whoever sends for the domain passes")


def _old_server(mode: str, old: str, address: str) -> str:
    if mode == "shared":
        return f"let {old} take mail from outside by way of us alone: spam goes on trying the old MX"
    left = f"; hand what came to {address} there meanwhile in as letters (`saraban send`)" if address else ""
    return f"close port 25 of {old} to the outside{left}"


def _and(others: Sequence[str], hosts: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys([*others, *hosts]))
