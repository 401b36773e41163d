"""Whether a peer is in one of the networks that somebody named."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@lru_cache(maxsize=4_096)
def contains(networks: tuple[str, ...], address: str) -> bool:
    """Whether `address` is in one of `networks` (CIDR). What is no address is in none."""
    place = parsed(address)
    return place is not None and any(place in network for network in _read(networks))


def parsed(address: str) -> Address | None:
    """The address, an IPv4 one also where it is written as IPv6 (`::ffff:192.0.2.1`); None for anything else."""
    try:
        place = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (place.ipv4_mapped or place) if isinstance(place, IPv6Address) else place


@lru_cache(maxsize=1_024)
def _read(networks: tuple[str, ...]) -> tuple[Network, ...]:
    found: list[Network] = []
    for network in networks:
        try:
            found.append(ip_network(network, strict=False))
        except ValueError:
            continue  # the directory takes what an officer typed; one wrong line must not shut the others out
    return tuple(found)
