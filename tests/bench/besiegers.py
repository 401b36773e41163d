"""Everybody who besieges an ingress at once: idle connections, letters octet by octet, and far too many large ones.

A program of its own, so that its processor time is not the honest client's. Prints one JSON object at its end, which
comes when every large letter was taken: a sender's server that is told 421 or 452 comes again.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

import uvloop

AGAIN_SECONDS = 1.0
LINE = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3\r\n"


@dataclass
class Siege:
    """What is asked for, and what was answered."""

    host: str
    port: int
    to: str
    idle: int
    slow: int
    large: int
    large_bytes: int
    replies: Counter[str] = field(default_factory=Counter)
    kept: dict[str, int] = field(default_factory=dict)
    held: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)


def address(number: int) -> str:
    """A loopback address of its own for every forty connections: the bound per address is another bound."""
    place = number // 40
    return f"127.1.{place // 250}.{place % 250 + 1}"


async def _connect(siege: Siege, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(60):
        return await asyncio.open_connection(siege.host, siege.port, local_addr=(source, 0), limit=1 << 16)


async def _reply(siege: Siege, reader: asyncio.StreamReader, what: str) -> bytes:
    async with asyncio.timeout(900):
        while True:
            line = await reader.readline()
            if line[3:4] != b"-":
                siege.replies[f"{what} {line[:3].decode() or 'closed'}"] += 1
                return line[:3]


async def idle(siege: Siege, number: int) -> None:
    """Connect, hear the greeting, and stay."""
    try:
        reader, writer = await _connect(siege, address(number))
        if await _reply(siege, reader, "idle: greeting") == b"220":
            siege.held += 1
            ended = asyncio.create_task(_reply(siege, reader, "idle: end"))
            await asyncio.wait({ended, asyncio.create_task(siege.over.wait())}, return_when=asyncio.FIRST_COMPLETED)
            siege.held -= 1
        writer.close()
    except (OSError, TimeoutError) as error:
        siege.replies[f"idle: {type(error).__name__}"] += 1


async def slow(siege: Siege, number: int) -> None:
    """Begin a letter and send an octet a second for as long as the ingress bears it."""
    try:
        reader, writer = await _connect(siege, address(number))
        writer.write(f"EHLO slow.example\r\nMAIL FROM:<s@slow.example>\r\nRCPT TO:<{siege.to}>\r\nDATA\r\n".encode())
        for _ in range(5):
            await _reply(siege, reader, "slow")
        ended = asyncio.create_task(_reply(siege, reader, "slow: end"))
        while not ended.done() and not siege.over.is_set():
            writer.write(b"x")
            await asyncio.wait({ended}, timeout=1)
        writer.close()
    except (OSError, TimeoutError) as error:
        siege.replies[f"slow: {type(error).__name__}"] += 1


async def large(siege: Siege, number: int) -> None:
    """Hand over a large letter, and come again until it is taken."""
    head = (
        f"Message-ID: <large.{number}@siege.example>\r\nFrom: <l@siege.example>\r\nSubject: {number}\r\n\r\n".encode()
    )
    letter = head + LINE * ((siege.large_bytes - len(head)) // len(LINE))
    while True:
        try:
            if await _deliver(siege, number, letter) == b"250":
                siege.kept[hashlib.sha256(letter).hexdigest()] = len(letter)
                return
        except (OSError, TimeoutError) as error:
            siege.replies[f"large: {type(error).__name__}"] += 1
        await asyncio.sleep(AGAIN_SECONDS)


async def _deliver(siege: Siege, number: int, letter: bytes) -> bytes:
    reader, writer = await _connect(siege, f"127.2.0.{number % 250 + 1}")
    try:
        if (code := await _reply(siege, reader, "large: greeting")) != b"220":
            return code
        writer.write(b"EHLO large.example\r\n")
        await _reply(siege, reader, "large: EHLO")
        writer.write(f"MAIL FROM:<l@siege.example> SIZE={len(letter)}\r\nRCPT TO:<{siege.to}>\r\nDATA\r\n".encode())
        codes = [await _reply(siege, reader, f"large: {what}") for what in ("MAIL", "RCPT", "DATA")]
        if codes[2] != b"354":
            return codes[2]
        writer.write(letter)
        writer.write(b".\r\n")
        return await _reply(siege, reader, "large: letter")
    finally:
        writer.close()


async def besiege(siege: Siege) -> dict[str, object]:
    """Everything at once; ends when the large letters are in."""
    waiting = [asyncio.create_task(slow(siege, number)) for number in range(siege.slow)]
    for begin in range(0, siege.idle, 500):
        waiting += [asyncio.create_task(idle(siege, number)) for number in range(begin, min(begin + 500, siege.idle))]
        await asyncio.sleep(0.05)
    print("besieged", flush=True)
    await asyncio.gather(*(large(siege, number) for number in range(siege.large)))
    held = siege.held
    siege.over.set()
    await asyncio.gather(*waiting)
    return {"replies": dict(sorted(siege.replies.items())), "idle_held_at_the_end": held, "kept": siege.kept}


def main() -> None:
    """Read the command line, besiege, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--to", required=True)
    parser.add_argument("--idle", type=int, required=True)
    parser.add_argument("--slow", type=int, required=True)
    parser.add_argument("--large", type=int, required=True)
    parser.add_argument("--large-bytes", type=int, required=True)
    siege = Siege(**vars(parser.parse_args()))
    sys.stdout.write(json.dumps(uvloop.run(besiege(siege))) + "\n")


if __name__ == "__main__":
    main()
