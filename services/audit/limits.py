"""Streams, buckets and consumers against the contracts: a limit changed by hand can delete what must be kept."""

from contracts.streams import MAIL
from services.audit.report import Report
from services.runtime.bus import Bus
from services.runtime.provision import differences


async def check_limits(bus: Bus, report: Report) -> None:
    """Compare the configuration of everything that exists."""
    reply = await bus.api("STREAM.NAMES", {"offset": 0})
    years = [name.rpartition("_")[2] for name in reply.get("streams") or [] if name.startswith(f"{MAIL.family}_")]
    numbers = [int(year) for year in years if year.isdigit()]
    if not numbers:
        report.broken("limit", MAIL.family, "there is no stream of letters")
        return
    # The newest year there is: provision makes the next one when it comes.
    for line in await differences(bus, max(numbers)):
        where, _, words = line.partition(": ")
        report.broken("limit", where, words)
