"""A DNS server that is gone costs one letter its seconds, not every letter; and it is noticed when it is back."""

import asyncio
import time

import pytest

from services.sign import resolver
from services.sign.questions import NoAnswerError
from services.sign.resolver import Resolver
from tests.waiting import until
from tests.zone_server import zone_server


class Names(asyncio.DatagramProtocol):
    """A DNS server that is away, and then says of every name that it does not exist."""

    def __init__(self) -> None:
        self.away = True
        self.asked = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # a datagram's
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if not self.away:
            # The same question back as an answer: QR and RA set, RCODE 3, no record.
            self._transport.sendto(data[:2] + b"\x81\x83" + data[4:6] + bytes(4) + data[10:], addr)


async def test_one_letter_waits_for_servers_that_are_gone_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_PROBE_SECONDS", 0.2)
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    asking = Resolver([f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"], 1)
    with pytest.raises(NoAnswerError, match="Timeout"):
        await asking.letter().ask("a.example", "TXT")
    # Its question was not answered; whether any would be is found out beside it.
    await until(lambda: asking._silent)
    begun = time.monotonic()
    for _ in range(20):
        with pytest.raises(NoAnswerError, match="no DNS server answers"):
            await asking.letter().ask("a.example", "TXT")
    assert time.monotonic() - begun < 0.5, "each letter waited"
    names.away = False
    await until(lambda: not asking._silent)
    assert await asking.letter().ask("a.example", "TXT") == ()
    await asking.close()
    transport.close()


async def test_one_domain_whose_servers_are_dead_silences_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Partial(Names):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.away = b"dead" in data
            super().datagram_received(data, addr)

    monkeypatch.setattr(resolver, "_PROBE_SECONDS", 0.2)
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Partial, local_addr=("127.0.0.1", 0))
    asking = Resolver([f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"], 1)
    with pytest.raises(NoAnswerError, match="Timeout"):
        await asking.letter().ask("dead.example", "TXT")
    before = names.asked
    await until(lambda: names.asked > before and asking._probing is not None and asking._probing.done())
    assert not asking._silent
    assert await asking.letter().ask("alive.example", "TXT") == ()
    await asking.close()
    transport.close()


async def test_what_dnssec_proves_is_noted() -> None:
    async with zone_server({"a.example": "v=spf1 -all"}) as zone:
        zone.proven = True
        asking = Resolver([zone.place], 10)
        questions = asking.letter()
        assert await questions.ask("a.example", "TXT") == ("v=spf1 -all",)
        (answer,), _ = questions.evidence.answers()
        assert (answer.status, answer.authentic) == ("answered", True)
        await asking.close()


async def test_a_question_that_failed_is_not_asked_at_once_for_the_next_letter() -> None:
    """A hundred letters of one broken domain ask its servers once."""
    async with zone_server({}) as zone:
        zone.failing = {"a.example"}
        asking = Resolver([zone.place], 10)
        for _ in range(3):
            questions = asking.letter()
            with pytest.raises(NoAnswerError):
                await questions.ask("a.example", "TXT")
            (answer,), _ = questions.evidence.answers()
            assert answer.status == "servfail"
        before = zone.asked["a.example"]
        with pytest.raises(NoAnswerError):
            await asking.letter().ask("a.example", "TXT")
        assert zone.asked["a.example"] == before
        await asking.close()
