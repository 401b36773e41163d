"""One TOML file and the environment become `Settings`; a wrong value becomes one line.

`SARABAN_<SECTION>__<NAME>` overrides the file. Its value is read as TOML (`["0.0.0.0:25"]`, `30`, `true`); where the
setting is a text it is taken as it stands. `SARABAN_STATE` names the state folder.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect

from services.runtime.settings import Settings

PREFIX = "SARABAN_"
STATE = "SARABAN_STATE"
NESTED = "__"
ENVIRONMENT = "environment"

_DOMAIN = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+", re.IGNORECASE | re.ASCII)
_ELEMENT = re.compile(r"\[[^]]*\]")


class ConfigError(Exception):
    """One line for a person: `FILE: key: why, allowed range`."""


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; without a file, the defaults and the environment.

    Raises:
        ConfigError: a file that cannot be read, a key that does not exist, a value out of its range.
    """
    data = _read(path) if path is not None else {}
    origins: dict[str, str] = {}
    for name, keys in _overrides(environ):
        _set(data, keys, _value(keys, environ[name]), name)
        origins[".".join(keys)] = f"{ENVIRONMENT}: {name}"
    place = str(path) if path is not None else "settings"
    try:
        settings = msgspec.convert(data, Settings, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(str(error), place, origins)) from None
    for key, why in _contradictions(settings):
        raise ConfigError(f"{_where(key, place, origins)}: {why}")
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None


def _overrides(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for name in sorted(environ):
        if name == STATE:
            yield name, ["state"]
        elif name.startswith(PREFIX) and NESTED in name:
            yield name, [part.lower() for part in name.removeprefix(PREFIX).split(NESTED)]


def _set(data: dict[str, Any], keys: list[str], value: object, name: str) -> None:
    place = data
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise ConfigError(f"{ENVIRONMENT}: {name}: {key} is no section")
    place[keys[-1]] = value


def _value(keys: list[str], text: str) -> object:
    if isinstance(_type(keys), inspect.StrType):
        return text
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if list(parsed) == ["value"] else text


def _type(keys: list[str]) -> inspect.Type | None:
    """The type a key has in Settings, or None where there is no such key."""
    found: inspect.Type | None = inspect.type_info(Settings)
    for key in keys:
        if isinstance(found, inspect.StructType):
            found = next((_bare(field.type) for field in found.fields if field.encode_name == key), None)
        elif isinstance(found, inspect.DictType):
            found = _bare(found.value_type)
        elif isinstance(found, inspect.VarTupleType):
            found = _bare(found.item_type)
        else:
            return None
    return found


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _sentence(error: str, place: str, origins: Mapping[str, str]) -> str:
    """Turn msgspec's words into ours."""
    why, _, at = error.partition(" - at `")
    keys = _keys(at.rstrip("`"))
    if why.startswith("Object contains unknown field"):
        unknown = why.split("`")[1]
        section = _type(keys)
        known = [field.encode_name for field in section.fields] if isinstance(section, inspect.StructType) else []
        return f"{_where('.'.join([*keys, unknown]), place, origins)}: no such setting; there are {', '.join(known)}"
    key = ".".join(key for key in keys if key != "[]")
    allowed = _allowed(_type(keys))
    why = why[:1].lower() + why[1:].replace("`", "")
    return f"{_where(key, place, origins)}: {why}" + (f", allowed: {allowed}" if allowed else "")


def _keys(path: str) -> list[str]:
    """`$.ingest.listen[...]` as keys; an element of a list is `[]`."""
    keys: list[str] = []
    for part in _ELEMENT.sub(".[]", path.removeprefix("$")).split("."):
        keys += [part] if part else []
    return keys


def _where(key: str, place: str, origins: Mapping[str, str]) -> str:
    return origins.get(key) or f"{place}: {key}" if key else place


def _allowed(kind: inspect.Type | None) -> str:
    """The range of a setting in words."""
    match kind:
        case inspect.IntType() | inspect.FloatType():
            name = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            bounds = [
                f"{word} {_plain(bound)}" for word, bound in (("from", kind.ge), ("to", kind.le)) if bound is not None
            ]
            return " ".join([name, *bounds])
        case inspect.StrType():
            return "a text"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return " or ".join(str(value) for value in kind.values)
        case inspect.VarTupleType():
            return "a list of texts"
        case inspect.DictType():
            return "a table of texts"
        case _:
            return ""


def _plain(bound: float) -> str:
    """As one would write it in the file."""
    return f"{int(bound):_}" if bound == int(bound) else str(bound)


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong in values that are right each by itself."""
    ingest, notify, clock = settings.ingest, settings.notify, settings.clock
    if ingest.flight_bytes < ingest.message_bytes:
        yield "ingest.flight_bytes", f"{ingest.flight_bytes} is less than message_bytes ({ingest.message_bytes})"
    if bool(ingest.certificate) != bool(ingest.private_key):
        yield "ingest.certificate", "certificate and private_key go together"
    if bool(ingest.postmaster) != bool(ingest.postmaster_relay):
        yield "ingest.postmaster", "postmaster and postmaster_relay go together"
    if ingest.postmaster and not all(ingest.postmaster.rpartition("@")):
        yield "ingest.postmaster", f"{ingest.postmaster!r} is not an address"
    if ingest.postmaster_relay:
        yield from _wrong("ingest.postmaster_relay", ingest.postmaster_relay, host_port, "HOST:PORT")
    if clock.warn_ms > clock.bound_ms:
        yield "clock.warn_ms", f"{clock.warn_ms:g} is more than bound_ms ({clock.bound_ms:g})"
    if notify.first_retry_seconds > notify.last_retry_seconds:
        yield "notify.first_retry_seconds", f"is more than last_retry_seconds ({notify.last_retry_seconds:g})"
    for listen in ingest.listen:
        yield from _wrong("ingest.listen", listen, host_port, "HOST:PORT")
    yield from _wrong("ops.listen", settings.ops.listen, host_port, "HOST:PORT")
    for key, networks in (
        ("ingest.trusted_networks", ingest.trusted_networks),
        ("ingest.proxy_networks", ingest.proxy_networks),
    ):
        for network in networks:
            yield from _wrong(key, network, ipaddress.ip_network, "a network such as 10.1.0.0/16")
    for key, servers in (
        ("clock.servers", clock.servers),
        ("ingest.dns_servers", ingest.dns_servers),
        ("sign.dns_servers", settings.sign.dns_servers),
    ):
        for server in servers:
            yield from _wrong(key, server, lambda text: host_port(text, default=53), "HOST or HOST:PORT")
    sign = settings.sign
    for host in sign.fetch_hosts:
        yield from _wrong("sign.fetch_hosts", host, lambda text: host_port(text, default=0), "HOST or HOST:PORT")
    if sign.revocation == "fetch" and sign.fetch_seconds + sign.dns_seconds >= sign.child_seconds:
        yield "sign.fetch_seconds", f"with dns_seconds it is not less than child_seconds ({sign.child_seconds:g})"
    for name in ingest.blocklists:
        yield from _wrong("ingest.blocklists", name, _zone, "a domain such as zen.spamhaus.org")
    if ingest.rspamd:
        yield from _wrong("ingest.rspamd", ingest.rspamd, _http_url, "a URL such as http://127.0.0.1:11333")
    if settings.sign.clamd and not settings.sign.clamd.startswith("/"):
        yield from _wrong("sign.clamd", settings.sign.clamd, host_port, "/path/of/its.socket or HOST:PORT")
    for service, user in settings.nats.users.items():
        if ":" not in user:
            yield f"nats.users.{service}", "is not user:password"


def _wrong(key: str, text: str, read: Callable[[str], object], form: str) -> Iterator[tuple[str, str]]:
    try:
        read(text)
    except ValueError:
        yield key, f"{text!r} is not {form}"


def _zone(text: str) -> None:
    if not _DOMAIN.fullmatch(text):
        raise ValueError(text)


def _http_url(text: str) -> None:
    place = urlsplit(text)
    if place.scheme not in ("http", "https") or not place.hostname or place.query or place.fragment or place.port == 0:
        raise ValueError(text)


def host_port(text: str, default: int | None = None) -> tuple[str, int]:
    """Read `HOST:PORT`, `[v6]:PORT`, or with a default port `HOST` alone. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.startswith("[")):
        # No port: a name, a bare IPv6 address, or one in brackets.
        if default is None:
            raise ValueError(f"{text!r} has no port")
        host, port = text, str(default)
    if host.startswith("["):
        if not host.endswith("]"):
            raise ValueError(f"{text!r} has no closing bracket")
        host = host[1:-1]
    if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host, int(port)
