"""The ingress rows: durable acceptance, beside a Postfix that puts every letter into its hold queue."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.directory import Agency, Domain
from services.commands.part import Record
from services.runtime import directory, provision
from services.runtime.bus import Bus
from services.runtime.settings import Nats
from tests.bench.figures import Measure, Row
from tests.postfix import Postfix
from tests.servers import NatsServer, free_port

ADDRESS = "saraban@bench.example"
AGENCY = Agency(id="bench", name="หน่วยงานวัดความเร็ว", domains=(Domain(name="bench.example"),), addresses=(ADDRESS,))
YEAR = 2569


@dataclass
class Ingress:
    """A running nats-server and ingress, as `saraban ingest` starts it."""

    port: int
    nats: Nats
    folder: Path
    config: Path
    pid: int
    server_pid: int


@asynccontextmanager
async def ingress(folder: Path, processes: int = 1, *, trusted: bool = True) -> AsyncIterator[Ingress]:
    """Start both, provision, add one agency; end both. Peers of trusted networks have no bound of sessions."""
    server = NatsServer(folder / "server")
    server.start()
    nats = server.settings()
    await provision.provision(nats, YEAR)
    bus = await Bus.connect(nats, "officers")
    await directory.put(bus, AGENCY)
    await bus.close()
    port = free_port()
    config = folder / "bench.toml"
    config.write_text(
        f'state = "{folder}/state"\n[nats]\nservers = ["{server.url}"]\nmonitors = ["{server.monitor}"]\n'
        f"users = {{ {', '.join(f'{name} = {json.dumps(user)}' for name, user in nats.users.items())} }}\n"
        f'[ops]\nlisten = "127.0.0.1:{free_port()}"\n[log]\nlevel = "warning"\n'
        f'[ingest]\nlisten = ["127.0.0.1:{port}"]\nprocesses = {processes}\n'
        + ('trusted_networks = ["127.0.0.0/8"]\n' if trusted else "")
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "ingest", "--config", str(config)
    )
    try:
        await _answers(port)
        serving = Record(folder / "state" / "run" / "ingest.record").read()[0]
        yield Ingress(port, nats, folder, config, serving.pid, server.pid)
    finally:
        process.terminate()
        await process.wait()
        server.stop()


async def _answers(port: int) -> None:
    """Wait until the ingress takes letters: a RCPT before the directory has been read is 451."""
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(f"HELO bench.example\r\nMAIL FROM:<>\r\nRCPT TO:<{ADDRESS}>\r\nQUIT\r\n".encode())
                replies = (await reader.read()).splitlines()
                writer.close()
                if len(replies) >= 4 and replies[3].startswith(b"250"):
                    return
            except OSError:
                pass
            await asyncio.sleep(0.1)


_runs = iter(range(10**9))


async def rate(port: int, to: str, size: int, letters: int, sessions: int, per_connection: int = 0) -> float:
    """Letters a second that were answered 250. Raises if any was not: the rate would be of something else."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", "127.0.0.1", str(port),
        "--to", to, "--size", str(size), "--letters", str(letters), "--sessions", str(sessions),
        "--per-connection", str(per_connection), "--tag", f"run{next(_runs)}",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    figures = json.loads(out)
    if figures["refused"] or figures["letters"] != letters:
        raise RuntimeError(f"{figures['refused']} of {letters} letters were not answered 250")
    return float(figures["rate"])


def rows(ours: Ingress, postfix: Postfix, scale: float) -> list[Row]:
    """The accept rows of DESIGN's table."""
    asked = (
        ("accept 4 KiB, 50 sessions", 4_096, 4_000, 50, 0, 3.0),
        ("accept 64 KiB, 50 sessions", 65_536, 1_500, 50, 0, 2.3),
        ("accept 64 KiB, 10 sessions", 65_536, 1_500, 10, 0, 1.5),
        ("accept 1 MiB, 10 sessions", 1_048_576, 120, 10, 0, 1.3),
        ("accept 1 MiB, 50 sessions", 1_048_576, 120, 50, 0, 1.7),
        ("accept 4 KiB, 50 sessions, one letter per connection", 4_096, 1_500, 50, 1, 2.0),
    )
    return [
        Row(
            what=what,
            unit="letters/s",
            ours=_measure(ours.port, size, max(sessions, int(letters * scale)), sessions, per),
            peer=_measure(postfix.port, size, max(sessions, int(letters * scale)), sessions, per),
            peer_name="Postfix, hold queue",
            reach=reach,
        )
        for what, size, letters, sessions, per, reach in asked
    ]


def _measure(port: int, size: int, letters: int, sessions: int, per_connection: int) -> Measure:
    return lambda: rate(port, ADDRESS, size, letters, sessions, per_connection)
