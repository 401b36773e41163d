"""An SMTP client that costs little: many sessions, pipelined envelopes, one letter after the other.

A program of its own, so that its processor time is not the server's. The same client drives every server that is
compared. Prints one JSON object: letters, seconds, letters per second, refused, latency quantiles in milliseconds.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvloop

LINE = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcd\r\n"


@dataclass
class Load:
    """What is asked for, and what came of it."""

    host: str
    port: int
    sender: str
    to: str
    size: int
    letters: int
    sessions: int
    per_connection: int
    tag: str
    taken: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)
    issued: int = 0

    def letters_left(self) -> Iterator[bytes]:
        """The next letter, until all have been issued; sessions share one supply."""
        while self.issued < self.letters:
            self.issued += 1
            yield self.letter(self.issued)

    def letter(self, number: int) -> bytes:
        """A letter of `size` octets, unlike every other by its Message-ID."""
        head = (
            f"Message-ID: <{self.tag}.{number}@bench.example>\r\nFrom: <{self.sender}>\r\nTo: <{self.to}>\r\n"
            f"Date: Fri, 20 Nov 2026 10:00:00 +0700\r\nSubject: bench {number}\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
        ).encode()
        lines, rest = divmod(max(self.size - len(head), 2), len(LINE))
        return head + LINE * lines + (b"x" * (rest - 2) + b"\r\n" if rest >= 2 else b"")


async def _reply(reader: asyncio.StreamReader) -> int:
    while True:
        line = await reader.readline()
        if not line:
            raise ConnectionError("the server closed the session")
        if line[3:4] != b"-":
            return int(line[:3])


async def _session(load: Load, supply: Iterator[bytes]) -> None:
    envelope = f"MAIL FROM:<{load.sender}>\r\nRCPT TO:<{load.to}>\r\nDATA\r\n".encode()
    ended = False
    while not ended:
        reader, writer = await asyncio.open_connection(load.host, load.port, limit=1 << 16)
        await _reply(reader)
        writer.write(b"EHLO bench.example\r\n")
        await _reply(reader)
        for _ in range(load.per_connection or load.letters):
            letter = next(supply, None)
            if letter is None:
                ended = True
                break
            started = time.perf_counter()
            writer.write(envelope)
            codes = [await _reply(reader) for _ in range(3)]
            if codes[2] != 354:
                load.refused += 1
                continue
            writer.write(letter)
            writer.write(b".\r\n")
            await writer.drain()
            if await _reply(reader) == 250:
                load.taken += 1
                load.latencies.append(time.perf_counter() - started)
            else:
                load.refused += 1
        writer.write(b"QUIT\r\n")
        await _reply(reader)
        writer.close()


async def run(load: Load) -> dict[str, float]:
    """Send everything; return the figures."""
    supply = load.letters_left()
    started = time.perf_counter()
    await asyncio.gather(*(_session(load, supply) for _ in range(load.sessions)))
    seconds = time.perf_counter() - started
    ordered = sorted(load.latencies) or [0.0]
    return {
        "letters": load.taken,
        "refused": load.refused,
        "seconds": seconds,
        "rate": load.taken / seconds,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
    }


def main() -> None:
    """Read the command line, send, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--sender", default="clerk@bench.example")
    parser.add_argument("--to", required=True)
    parser.add_argument("--size", type=int, required=True, help="octets of a letter")
    parser.add_argument("--letters", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--per-connection", type=int, default=0, help="letters of one connection; 0: no end")
    parser.add_argument("--tag", required=True, help="makes Message-IDs unlike those of other runs")
    asked = vars(parser.parse_args())
    print(json.dumps(uvloop.run(run(Load(**asked)))))


if __name__ == "__main__":
    main()
