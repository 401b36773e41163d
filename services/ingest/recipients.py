"""Who a recipient is, by the directory: an agency, the operator, or nobody here (invariant 9). No relaying, ever."""

from typing import Final, NamedTuple, Protocol

from contracts import addresses
from contracts.directory import Agency, NextHop
from contracts.values import UNASSIGNED, AgencyId
from services.ingest import replies
from services.ingest.networks import contains
from services.ingest.replies import Reply
from services.runtime.directory import normalise_domain

OPERATORS: Final = frozenset({"postmaster", "abuse"})


class Directory(Protocol):
    """What of `runtime.directory.Directory` is asked here."""

    @property
    def loaded(self) -> bool: ...  # noqa: D102 - the directory's own docstring says it - named after the class it stands for

    def by_address(self, address: str) -> Agency | None: ...  # noqa: D102 - the directory's own docstring says it

    def by_domain(self, domain: str) -> list[Agency]: ...  # noqa: D102 - the directory's own docstring says it

    def by_return_domain(self, domain: str) -> list[Agency]: ...  # noqa: D102 - the directory's own docstring says it


class Peer(NamedTuple):
    """What counts of the peer for the decision."""

    address: str
    trusted: bool


class Ours(NamedTuple):
    """A recipient of an agency."""

    agency: AgencyId
    upstreams: tuple[str, ...]
    """Mode behind: the networks of the agency's own server, which the peer is in. Empty otherwise."""


class Operators(NamedTuple):
    """postmaster or abuse: the operator's mailbox."""


class Elsewhere(NamedTuple):
    """Mode shared: not ours; the domain's next hop knows."""

    next_hop: NextHop


class Refused(NamedTuple):
    """Not taken. `agency` is whose evidence it is; None where it is nobody's, as with a domain that is not ours."""

    reply: Reply
    agency: AgencyId | None


class Recipients:
    """The decision for each RCPT."""

    def __init__(self, directory: Directory, *, operator: bool) -> None:
        self._directory = directory
        self._operator = operator

    def judge(self, local: str, domain: str, peer: Peer) -> Ours | Operators | Elsewhere | Refused:
        """Say who `local@domain` is; an empty domain is allowed for postmaster alone (RFC 5321 section 4.1.1.3)."""
        if not self._directory.loaded:
            return Refused(replies.NOT_READY, UNASSIGNED)
        if not domain:
            return self._operators(None) if local.lower() == "postmaster" else Refused(replies.BAD_RECIPIENT, None)
        agency = self._directory.by_address(f"{local}@{domain}")
        if agency is not None and agency.active:
            return self._behind(agency, domain, peer)
        if addresses.token_mail(local) is not None:
            owners = [owner for owner in self._directory.by_return_domain(domain) if owner.active]
            if owners:
                # Several agencies may share a return domain; the token names the letter, so the register matches it.
                return Ours(owners[0].id, ())
        here = self._directory.by_domain(domain) or self._directory.by_return_domain(domain)
        if not here:
            return Refused(replies.RELAY_DENIED, None)
        knocked_at = here[0].id if len(here) == 1 else UNASSIGNED
        next_hop = _next_hop(here, domain)
        if local.lower() in OPERATORS and (self._operator or next_hop is None):
            return self._operators(knocked_at)
        if next_hop is not None:
            return Elsewhere(next_hop)
        return Refused(replies.UNKNOWN_RECIPIENT, knocked_at)

    def _operators(self, knocked_at: AgencyId | None) -> Operators | Refused:
        return Operators() if self._operator else Refused(replies.UNKNOWN_RECIPIENT, knocked_at)

    @staticmethod
    def _behind(agency: Agency, domain: str, peer: Peer) -> Ours | Refused:
        name = normalise_domain(domain)
        entry = next((entry for entry in agency.domains if normalise_domain(entry.name) == name), None)
        if entry is None or entry.mode != "behind":
            return Ours(agency.id, ())
        if contains(entry.upstreams, peer.address):
            return Ours(agency.id, entry.upstreams)
        # 4xx: if the agency's server has a new address, its mail waits until somebody has written that down.
        return Ours(agency.id, ()) if peer.trusted else Refused(replies.UPSTREAM_ONLY, agency.id)


def _next_hop(here: list[Agency], domain: str) -> NextHop | None:
    """Where the domain's other mail goes; agencies that share a domain share that too."""
    name = normalise_domain(domain)
    entries = [entry for agency in here for entry in agency.domains if normalise_domain(entry.name) == name]
    return next((entry.next_hop for entry in entries if entry.mode == "shared"), None)
