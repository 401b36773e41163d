"""Mode shared in a dialogue: the domain's own server, which hears and says what the dialogue writes down for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.directory import Agency, Domain, NextHop
from tests.smtp.dialogue import Step, fits, octets

SECONDS = 10


def agencies(port: int) -> tuple[Agency, ...]:
    """One agency for each way of speaking to a next hop; all but the last have theirs at `port` of the loopback."""
    hops = {
        "shared": NextHop(host="127.0.0.1", port=port, tls="none"),
        "xclient": NextHop(host="127.0.0.1", port=port, tls="none", client="xclient"),
        "proxied": NextHop(host="127.0.0.1", port=port, tls="none", client="proxy"),
        "secured": NextHop(host="localhost", port=port, tls="starttls"),
        "gone": NextHop(host="127.0.0.1", port=1, tls="none"),
    }
    return tuple(
        Agency(
            id=name,
            name="กรมที่มีตู้จดหมายอื่น",
            domains=(Domain(name=f"{name}.test", mode="shared", next_hop=hop),),
            addresses=(f"saraban@{name}.test",),
        )
        for name, hop in hops.items()
    )


class NextHopSide:
    """Its side of the conversations; one connection after the other."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The ingress has connected."""
        await self._arrived.put((reader, writer))

    async def step(self, step: Step) -> None:
        """`H:` what it hears, `H>` what it says."""
        if step.kind == "H:" and step.text == "connect":
            self._reader, self._writer = await self._arrived.get()
            return
        assert self._reader is not None, f"line {step.number}: nobody has connected"
        assert self._writer is not None
        if step.kind == "H>":
            if step.text == "close":
                self._writer.close()
            else:
                self._writer.write(octets(step.text) + b"\r\n")
            return
        heard = await self._reader.readline()
        if heard.endswith(b"\r\n") or not heard:
            said = heard.decode("utf-8", "backslashreplace").removesuffix("\r\n") if heard else "closed"
            pattern = octets(step.text).decode("utf-8", "backslashreplace")
            assert fits(pattern, said), f"line {step.number}: {step.text!r} but heard {said!r}"
        else:  # a bare line end, or the end of the connection
            assert heard == octets(step.text), f"line {step.number}: {step.text!r} but heard {heard!r}"

    async def greet(self, *offered: str) -> None:
        """Take a connection, greet, and offer these extensions."""
        reader, writer = self._reader, self._writer = await self._arrived.get()
        writer.write(b"220 mail.shared.test ESMTP\r\n")
        assert await reader.readline() == b"EHLO mx.test\r\n"
        lines = ["mail.shared.test", *(word.replace("_", " ") for word in offered)]
        writer.write("".join(f"250-{line}\r\n" for line in lines[:-1]).encode() + f"250 {lines[-1]}\r\n".encode())

    def end(self) -> None:
        """The dialogue is over; the next begins with nobody."""
        while True:
            if self._writer is not None:
                self._writer.close()
            self._reader = self._writer = None
            with contextlib.suppress(asyncio.QueueEmpty):
                self._reader, self._writer = self._arrived.get_nowait()
                continue
            return


@asynccontextmanager
async def next_hop_side(port: int) -> AsyncIterator[NextHopSide]:
    """Listen there."""
    side = NextHopSide()
    server = await asyncio.start_server(side.connected, "127.0.0.1", port)
    try:
        yield side
    finally:
        side.end()
        server.close()
