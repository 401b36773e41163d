"""The sockets by which connections come to an ingress: open as long as its supervisor lives, whoever serves them."""

from collections.abc import Collection, Mapping, Sequence
from socket import socket

from services.commands.errors import CommandError
from services.runtime import sockets
from services.runtime.config import host_port


class Doors:
    """For each address at least one socket; where there are several, the kernel spreads connections over them."""

    def __init__(self, given: Sequence[socket] = (), opened: Mapping[str, Sequence[Sequence[socket]]] = {}) -> None:
        """`given` are systemd's, whose unit names the addresses; `opened` are ours, by address and slot."""
        self._given = tuple(given)
        self._opened = opened

    @property
    def _sockets(self) -> list[socket]:
        return [*self._given, *(one for slots in self._opened.values() for slot in slots for one in slot)]

    def widened(self, addresses: Sequence[str], processes: int) -> "Doors":
        """Doors for these addresses: those that are open stay, those that are missing are opened.

        A socket is never closed because there are fewer processes: whoever waits in its backlog would be cut off.

        Raises CommandError, and has opened nothing, where an address cannot be listened on.
        """
        if self._given:
            return Doors(self._given)
        opened: dict[str, list[Sequence[socket]]] = {}
        ports = {host_port(address)[1] for address in self._opened}
        try:
            for address in addresses:
                host, port = host_port(address)
                slots = opened[address] = list(self._opened.get(address, ()))
                while len(slots) < processes:
                    chosen = slots[0][0].getsockname()[1] if slots and not port else port
                    slots.append(sockets.bind(host, chosen, ours=bool(slots) or port in ports))
        except OSError as error:
            Doors(opened=opened).close(but=self)
            raise CommandError(f"{address} cannot be listened on: {error.strerror}") from error
        return Doors(opened=opened)

    def of(self, process: int, processes: int) -> tuple[int, ...]:
        """The descriptors that one of so many processes serves; none is left out, all have some."""
        groups: Sequence[Sequence[Sequence[socket]]] = list(self._opened.values()) or [[[one]] for one in self._given]
        found: list[socket] = []
        for slots in groups:
            mine = [slot for index, slot in enumerate(slots) if index % processes == process]
            for slot in mine or [slots[process % len(slots)]]:
                found += slot
        return tuple(one.fileno() for one in found)

    def close(self, but: "Doors | None" = None) -> None:
        """Close them, except those that other doors have as well."""
        kept: Collection[socket] = () if but is None else but._sockets
        sockets.close(one for one in self._sockets if not any(one is other for other in kept))
