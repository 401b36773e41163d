"""Whether an ack of this server outlives a power cut (invariant 1), and whether it can write: asked of the server."""

import asyncio
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import msgspec

from contracts.streams import MAIL
from services.runtime import settings
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Missing

NO_SPACE = "no space left"
"""What `broken` says of a full disk, among other words."""

_ANSWER_BYTES = 4 * 1024 * 1024


async def durable(nats: settings.Nats) -> str | None:
    """Why the server is not durable, or None if it is.

    A cluster (replicas above 1) is durable by its replicas. A single server has to sync before it acks, which its
    monitoring page shows; where none is named, or it does not answer, the answer is a reason too.
    """
    if nats.replicas > 1:
        return None
    if not nats.monitors:
        return "nats.monitors is empty: a single server cannot be asked for sync_interval"
    try:
        servers = [await _server_id(server, nats.connect_seconds) for server in nats.servers]
        pages = [await asyncio.to_thread(_varz, monitor, nats.connect_seconds) for monitor in nats.monitors]
    except (OSError, TimeoutError, ValueError) as error:
        return f"the server's monitoring cannot be read: {error or type(error).__name__}"
    for monitor, varz in zip(nats.monitors, pages, strict=True):
        if not (varz.get("jetstream") or {}).get("config", {}).get("sync_always"):
            return f"{monitor}: sync_interval is not `always`; an acknowledged letter could be lost in a power cut"
    missing = set(servers) - {varz.get("server_id") for varz in pages}
    return f"nats.monitors shows another server than {', '.join(nats.servers)}" if missing else None


async def replicated(bus: Bus, year: int) -> str | None:
    """Why MAIL does not lie on as many servers as the settings say, or None; `year` is the Buddhist year.

    Asked of the stream's leader, since a stream that was made when there was one server still lies on one.
    """
    wanted = bus.settings.replicas
    if wanted == 1:
        return None
    for stream in (MAIL.name(year), MAIL.name(year - 1)):
        try:
            found = int((await bus.api(f"STREAM.INFO.{stream}"))["config"]["num_replicas"])
        except Missing:
            continue  # the year has just begun
        except BusError as error:
            return f"{stream}: {error}"
        return None if found >= wanted else f"{stream} lies on {found} servers, nats.replicas says {wanted}"
    return "there is no MAIL stream: `saraban provision` makes it"


async def broken(nats: settings.Nats) -> str | None:
    """What the server says is wrong with its store, or None. A server that does not answer says nothing.

    A cluster goes on while most of its servers can write, so one that cannot is not yet a reason.

    On a full disk nats-server gives a publish no answer at all, and the stream takes nothing more until the server
    is started again, also when there is room by then. Its health page is the only place that says so.
    """
    reasons = []
    for monitor in nats.monitors:
        try:
            found = await asyncio.to_thread(_get, monitor, "healthz", nats.connect_seconds)
        except (OSError, ValueError):
            continue
        if found.get("status") != "ok":
            reasons.append(str(found.get("error") or found.get("status") or "unhealthy"))
    return reasons[0] if len(reasons) > nats.replicas // 2 else None


def _varz(monitor: str, seconds: float) -> dict[str, Any]:
    return _get(monitor, "varz", seconds)


def _get(monitor: str, page: str, seconds: float) -> dict[str, Any]:
    if not monitor.startswith(("http://", "https://")):
        raise ValueError(f"{monitor} is no address of a web page")
    try:
        try:
            answer = urllib.request.urlopen(f"{monitor}/{page}", timeout=seconds)  # noqa: S310 - scheme is checked above
        except urllib.error.HTTPError as error:
            answer = error  # an unhealthy server answers 503 with the reason as its body
        with answer:
            return msgspec.json.decode(answer.read(_ANSWER_BYTES), type=dict[str, Any])
    except (urllib.error.URLError, msgspec.MsgspecError) as error:
        raise ValueError(f"{monitor}: {error}") from error


async def _server_id(server: str, seconds: float) -> str:
    """A NATS server says who it is before anything else."""
    url = urllib.parse.urlsplit(server if "//" in server else f"nats://{server}")
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(url.hostname, url.port or 4222)
        try:
            line = await reader.readuntil(b"\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ValueError(f"{server} is no NATS server") from error
        finally:
            writer.close()
    try:
        return str(msgspec.json.decode(line.removeprefix(b"INFO "), type=dict[str, Any])["server_id"])
    except (msgspec.MsgspecError, KeyError) as error:
        raise ValueError(f"{server} is no NATS server") from error
