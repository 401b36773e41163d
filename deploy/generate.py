"""Write what in deploy/ follows from the code: `python -m deploy.generate`. A test compares.

saraban.toml          every setting at its default, with its reason and range   from services/runtime/settings.py
nats/*.conf           the server, and its users with their permissions          from services/runtime/server.py
metrics.md            every metric, its labels and its meaning                  from services/*/metrics.py
"""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, inspect
from msgspec.structs import fields

from contracts.permissions import ROLES, subscriber
from deploy.metrics_page import page
from services.commands.toml import dumps
from services.runtime.server import Server, accounts, configuration
from services.runtime.settings import Settings

FOLDER = Path(__file__).parent
WIDTH = 118

HEAD = """\
# Every setting of saraban, at its default. Leave out what you do not change.
#
# The environment overrides it: SARABAN_INGEST__LISTEN='["0.0.0.0:25"]' for [ingest] listen, SARABAN_STATE for state.
# A wrong value stops the start with one line that names file, key and allowed range.
# Written by `python -m deploy.generate` from services/runtime/settings.py.
"""

SINGLE = """\
One nats-server for saraban: `nats-server -c single.conf`.
Passwords come from the environment: SARABAN_INGEST=… and so on, one for each user; saraban.toml names the same under
[nats.users]. The monitoring page is for saraban's check of sync_interval: keep it on the loopback or inside.
Written by `python -m deploy.generate` from contracts/permissions.py.
"""

CLUSTER = """\
One server of a cluster of three: `NATS_NAME=nats-1 nats-server -c cluster.conf` on the first, and so on.
saraban.toml: [nats] servers = all three, replicas = 3, monitors = []; `saraban provision` once all three are there.
Begin with three EMPTY stores. The store of a server that ran by itself is no member's: half a minute after it joins,
nats-server deletes every stream that the cluster does not know. deploy/runbook.md says how to move.
Put the hosts' names for nats-1, nats-2 and nats-3. The routes are in clear here: use a private network or add TLS.
sync_interval stays `always`: three replicas survive one machine, not one power cut for all.
Passwords come from the environment, as in single.conf.
Written by `python -m deploy.generate` from services/runtime/server.py.
"""

ACCOUNTS = """\
# Who may do what on NATS; single.conf and cluster.conf include it. Other services that shall read get an account of
# their own: `python -m deploy.generate archive=dga,opdc dashboard=dga` writes this file with those two in it.
# Written by `python -m deploy.generate` from contracts/permissions.py.

"""


def documents(subscribers: Sequence[str] = ()) -> dict[str, str]:
    """Path below deploy/ and content of each generated file. A subscriber is `name=agency,agency`."""
    guests = [
        subscriber(name, agencies.split(",")) for name, _, agencies in (one.partition("=") for one in subscribers)
    ]
    names = [*(role.name for role in ROLES), *(guest.user for guest in guests)]
    passwords = {name: f"$SARABAN_{name.upper()}" for name in names}
    single = Server(listen="127.0.0.1:4222", monitor="127.0.0.1:8222", store="/var/lib/nats")
    member = Server(
        name="$NATS_NAME",
        listen="0.0.0.0:4222",
        monitor="127.0.0.1:8222",
        store="/var/lib/nats",
        cluster="saraban",
        peers=("nats-1:6222", "nats-2:6222", "nats-3:6222"),
    )
    return {
        "saraban.toml": _settings(),
        "nats/single.conf": _including(configuration(single, {}, comment=SINGLE)),
        "nats/cluster.conf": _including(configuration(member, {}, comment=CLUSTER)),
        "nats/accounts.conf": ACCOUNTS + accounts(passwords, guests),
        "metrics.md": page(),
    }


def _including(text: str) -> str:
    return text[: text.index("accounts {")] + 'include "accounts.conf"\n'


def _settings() -> str:
    lines = [HEAD.rstrip()]
    sections: list[tuple[str, type[Struct]]] = []
    for field in fields(Settings):
        if isinstance(field.default, Struct):
            sections.append((field.name, type(field.default)))
        else:
            lines += _setting(Settings, field.name, field.default)
    for name, kind in sections:
        words = (kind.__doc__ or "").strip().splitlines()[0]
        lines += ["", f"# {'-' * 20} {words}", f"[{name}]"]
        for field in fields(kind):
            lines += _setting(kind, field.name, getattr(kind(), field.name))
    return "\n".join(lines) + "\n"


def _setting(kind: type[Struct], name: str, default: object) -> Iterator[str]:
    """What a setting is for, its range, and its default."""
    spec = inspect.type_info(kind)
    assert isinstance(spec, inspect.StructType)
    found = next(field.type for field in spec.fields if field.name == name)
    said = ""
    if isinstance(found, inspect.Metadata):
        said = str((found.extra_json_schema or {}).get("description", ""))
        found = found.type
    allowed = _range(found)
    yield ""
    yield from _comment(" ".join(part for part in (said, f"({allowed})" if allowed else "") if part))
    if isinstance(default, dict):
        yield f"{name} = {{}}" if not default else dumps({name: default}).strip()
    else:
        yield dumps({name: default}).strip()


def _range(found: inspect.Type) -> str:
    if isinstance(found, inspect.LiteralType):
        return " or ".join(f'"{value}"' for value in found.values)
    low, high = getattr(found, "ge", None), getattr(found, "le", None)
    if low is None and high is None:
        return ""
    return " ".join(
        part for part in ("" if low is None else f"from {low:g}", "" if high is None else f"to {high:g}") if part
    ).replace("e+0", "e")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH)]


def main() -> None:
    """Write them."""
    for name, text in documents(sys.argv[1:]).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"deploy/{name}\n")


if __name__ == "__main__":
    main()
