"""How long it took: read from the time stamps that the streams gave to rows and letters."""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from nats.js import api
from nats.js.client import JetStreamContext

from tests.cluster.faults import Struck


async def stored_at(js: JetStreamContext, stream: str, subject: str) -> list[int]:
    """When each message below `subject` was stored, in nanoseconds, in the order of the stream."""
    info = await js.stream_info(stream, subjects_filter=subject)
    found = []
    subscription = await js.subscribe(
        subject,
        stream=stream,
        ordered_consumer=True,
        config=api.ConsumerConfig(deliver_policy=api.DeliverPolicy.ALL, headers_only=True),
    )
    for _ in range(sum((info.state.subjects or {}).values())):
        message = await subscription.next_msg(30)
        found.append(int(message.reply.split(".")[-2]))
    await subscription.unsubscribe()
    return found


def taken_over(struck: Struck, stored: Sequence[int]) -> tuple[float, float]:
    """Seconds from the fault to the first message stored afterwards, and the longest silence until it was mended."""
    before = max((moment for moment in stored if moment <= struck.at_ns), default=struck.at_ns)
    after = [moment for moment in stored if moment > struck.at_ns]
    if not after:
        return float("inf"), float("inf")
    until = [moment for moment in after if moment <= struck.mended_ns] + [
        next((moment for moment in after if moment > struck.mended_ns), struck.mended_ns)
    ]
    silences = [later - earlier for earlier, later in zip([max(before, struck.at_ns), *until], until, strict=False)]
    return (after[0] - struck.at_ns) / 1e9, max(silences) / 1e9


def table(faults: Sequence[Struck], rows: Sequence[int], letters: Sequence[int]) -> str:
    """Median and largest, a line for each kind of fault."""
    kinds: dict[str, list[Struck]] = defaultdict(list)
    for struck in faults:
        kinds[struck.kind].append(struck)
    lines = [
        "fault                     | times | first row afterwards | longest silence of rows | … of letters in MAIL",
        "--------------------------|-------|----------------------|-------------------------|---------------------",
    ]
    for kind, found in kinds.items():
        first, silent = zip(*(taken_over(struck, rows) for struck in found), strict=True)
        _, deaf = zip(*(taken_over(struck, letters) for struck in found), strict=True)
        lines.append(f"{kind:25} | {len(found):5} | {_two(first):20} | {_two(silent):23} | {_two(deaf)}")
    return "\n".join([*lines, "seconds: median / most"])


def _two(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} / {max(seconds):.2f}"
