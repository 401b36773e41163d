"""REGISTER made again in tests, and what it must equal."""

from services.rebuild import rebuild as rebuilding
from services.rebuild.report import Report
from services.runtime.bus import Bus
from services.runtime.readiness import Readiness
from tests.copies import Copy


async def rebuilt(bus: Bus, *, apply: bool) -> Report:
    """A rebuild by the users that the command takes."""

    async def as_user(name: str) -> Bus:
        return await Bus.connect(bus.settings, name)

    reader, register, retention = [await as_user(name) for name in ("audit", "register", "retention")]
    try:
        found = await rebuilding.rebuild(reader)
        if apply and not found.problems:
            async with rebuilding.alone(register):
                await rebuilding.write(register, retention, found)
        return found
    finally:
        for one in (reader, register, retention):
            await one.close()


async def rows(bus: Bus, book: str) -> list[bytes]:
    """The octets of a book's messages."""
    info = await bus.api("STREAM.INFO.REGISTER")
    found = []
    for sequence in range(1, info["state"]["last_seq"] + 1):
        try:
            message = await bus.js.get_msg("REGISTER", sequence, direct=True)
        except Exception:  # noqa: BLE001 - erased
            continue
        if message.subject == book:
            found.append(message.data or b"")
    return found


def original(state: Copy, book: str) -> list[bytes]:
    """The same of the state that was good."""
    return [state.at("REGISTER", n).body for n in state.find("REGISTER", lambda kept: kept.subject == book)]


async def says(readiness: Readiness, words: str) -> bool:
    """Whether a worker gives this as a reason for not being ready."""
    return any(words in reason for reason in readiness.reasons)
