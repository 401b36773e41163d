"""Following an SPF record as a receiver does: whom it lets send, and how many look-ups that costs (RFC 7208)."""

import ipaddress
from typing import Final

from services.commands.dns import spf
from services.commands.dns.lookup import Lookup

LOOKUPS: Final = 10
VOIDS: Final = 2
"""Section 4.6.4: beyond these a receiver says permerror."""

_PATIENCE: Final = 30
"""Where we stop counting."""


class Walk:
    """One record and what it includes."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.lookups = 0
        self.voids = 0
        self.networks: list[spf.Network] = []
        self.errors: list[str] = []
        """What makes it a permerror at every receiver."""
        self.everybody = False

    async def follow(self, domain: str, record: str, *, counts: bool = True) -> None:
        """Follow `record` of `domain`; with `counts` false it lets nobody send. Raises SilenceError."""
        redirect = ""
        for term in record.split()[1:]:
            if self.lookups > _PATIENCE:
                return
            found = spf.mechanism(term)
            if found is None:
                name, value = spf.modifier(term) or ("", "")
                redirect = value if name == "redirect" else redirect
                if not name:
                    self.errors.append(f"{term!r} is no term of SPF")
                continue
            good = counts and found.qualifier in ("", "+")
            if found.name == "all":
                self.everybody |= good
                return
            await self._term(domain, found, counts=good)
        if redirect:
            await self._include("redirect=", redirect, counts=counts)

    async def _term(self, domain: str, term: spf.Mechanism, *, counts: bool) -> None:
        target = term.value or domain
        match term.name:
            case "ip4" | "ip6":
                self._network(term.name, term.value, counts=counts)
            case "include":
                await self._include("include:", term.value, counts=counts)
            case "a":
                self.lookups += 1
                await self._addresses(target, term.prefix, counts=counts, void=True)
            case "mx":
                self.lookups += 1
                if "%" not in target:
                    hosts = (await self._lookup.ask(target, "MX")).records
                    self.voids += not hosts
                    for record in hosts[:LOOKUPS]:
                        await self._addresses(record.partition(" ")[2], term.prefix, counts=counts, void=False)
            case _:  # ptr and exists depend on the letter
                self.lookups += 1

    def _network(self, name: str, text: str, *, counts: bool) -> None:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            self.errors.append(f"{name}:{text} is no address")
            return
        if f"ip{network.version}" != name:
            self.errors.append(f"{name}:{text} is an address of the other kind")
        elif counts:
            self.networks.append(network)

    async def _addresses(self, host: str, prefix: str, *, counts: bool, void: bool) -> None:
        if "%" in host:
            return  # a macro: it depends on the letter
        found = (await self._lookup.addresses(host)).records
        self.voids += void and not found
        four, _, six = prefix.partition("//")
        for text in found if counts else ():
            length = six if ":" in text else four.lstrip("/")
            try:
                self.networks.append(ipaddress.ip_network(f"{text}/{length}" if length else text, strict=False))
            except ValueError:
                self.errors.append(f"{host}{prefix} is no network")
                return

    async def _include(self, word: str, target: str, *, counts: bool) -> None:
        self.lookups += 1
        if "%" in target:
            return
        texts = (await self._lookup.ask(target, "TXT")).records
        self.voids += not texts
        records = spf.of(texts)
        if len(records) == 1:
            await self.follow(target, records[0], counts=counts)
        else:
            self.errors.append(f"{word}{target} has {'no SPF record' if not records else 'several SPF records'}")

    def lets_send(self, term: str) -> bool:
        """Whether the addresses of a term of ours may send."""
        network = ipaddress.ip_network(term.partition(":")[2])
        return self.everybody or any(
            network.version == known.version and network.subnet_of(known)  # type: ignore[arg-type]  # the version says so
            for known in self.networks
        )
