"""Many messages at once: a parser that hands those of chosen subscriptions over as they stand on the wire.

nats-py matches regular expressions against each line, moves what is left of its buffer twice a message, reads all
headers and puts each message through a queue: 15 µs, and an audit of a million letters reads four million. Cutting
them out of what the socket gave, and making the audit's message of it, takes 4 µs. What is not of a chosen
subscription goes nats-py's own way, a whole line or message at a time.
"""

from collections.abc import Callable
from typing import Final

from nats.protocol import parser

Raw = tuple[bytes, bytes, bytes, bytes]
"""Subject, reply, header block (empty where there is none), payload."""

_END: Final = b"\r\n"


class Parser(parser.Parser):
    """nats-py's parser; same behaviour but for the subscriptions named to `take`."""

    _taken: dict[bytes, Callable[[Raw], None]] | None = None
    _wanted = 0
    """Octets that have to be there before it is worth to look again."""

    def take(self, sid: int, into: Callable[[Raw], None]) -> None:
        """Hand the messages of a subscription to `into`, which must not block."""
        if self._taken is None:
            self._taken = {}
        self._taken[b"%d" % sid] = into

    def leave(self, sid: int) -> None:
        """Stop that."""
        if self._taken is not None:
            self._taken.pop(b"%d" % sid, None)

    def reset(self) -> None:
        """Forget what has come: the connection is another one."""
        super().reset()
        self._wanted = 0

    async def parse(self, data: bytes = b"") -> None:
        """Take apart what the socket gave."""
        if not self._taken and not self._wanted:
            await super().parse(data)
            return
        if self.state != parser.AWAITING_CONTROL_LINE:
            missing = self.needed + len(_END) - len(self.buf)
            await super().parse(data[:missing])
            data = data[missing:]
        elif self.buf:
            self.buf += data
            if len(self.buf) < self._wanted:
                return
            data = bytes(self.buf)
            self.buf.clear()
        self._wanted = 0
        if data:
            await self._cut(data)

    async def _cut(self, data: bytes) -> None:
        taken, at, size = self._taken or {}, 0, len(data)
        find = data.find
        while at < size:
            end = find(_END, at)
            if end < 0:
                break
            line = data[at:end].split()
            body = end + 2
            kind = line[0] if line else b""
            if kind == b"HMSG" or kind == b"MSG":
                stop = body + int(line[-1])
                into = taken.get(line[2])
                if into is None:
                    await super().parse(data[at : stop + 2])
                    if self.state != parser.AWAITING_CONTROL_LINE:
                        return  # the rest of it has not come
                elif stop + 2 > size:
                    self._wanted = stop + 2 - at
                    break
                elif kind == b"HMSG":
                    head = body + int(line[-2])
                    into((line[1], line[3] if len(line) == 6 else b"", data[body:head], data[head:stop]))
                else:
                    into((line[1], line[3] if len(line) == 5 else b"", b"", data[body:stop]))
                at = stop + 2
            else:
                await super().parse(data[at:body])
                at = body
        if at < size:
            self.buf += data[at:]
