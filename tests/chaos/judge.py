"""Judges a chaos run from the streams and the relay's notes, without any code of the services."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import nats
from nats.js import api
from nats.js.client import JetStreamContext

from tests.chaos.letters import Letter
from tests.chaos.system import ADDRESSES, OPENS_AT

Json = dict[str, Any]
Broken = Callable[[str], None]


@dataclass
class Verdict:
    """What was counted, and every promise that was found broken."""

    rows: int = 0
    notices: int = 0
    stored: int = 0
    stored_bytes: int = 0
    final_receipts: int = 0
    receipt_mails: int = 0
    repeated_mails: int = 0
    reloads: int = 0
    by_bdat: int = 0
    bystanders: int = 0
    problems: list[str] = field(default_factory=list)


async def messages(js: JetStreamContext, stream: str, subject: str) -> list[tuple[int, str, dict[str, str], bytes]]:
    """Every message of a stream below `subject`: sequence, subject, headers, body. Small streams only."""
    found = []
    count = await counted(js, stream, subject)
    if not count:
        return []
    subscription = await js.subscribe(
        subject, stream=stream, ordered_consumer=True, config=api.ConsumerConfig(deliver_policy=api.DeliverPolicy.ALL)
    )
    for _ in range(count):
        message = await subscription.next_msg(30)
        found.append((message.metadata.sequence.stream, message.subject, dict(message.headers or {}), message.data))
    await subscription.unsubscribe()
    return found


async def counted(js: JetStreamContext, stream: str, subject: str) -> int:
    """Messages of a stream below `subject`."""
    info = await js.stream_info(stream, subjects_filter=subject)
    return sum((info.state.subjects or {}).values())


async def settled(js: JetStreamContext, letters: int, notes: Path, seconds: float) -> None:
    """Wait until every letter has its final receipt, or nothing came for `seconds`: judging says what is missing."""
    before = 0
    async with asyncio.timeout(seconds) as patience:
        while True:
            sealed = await counted(js, "FINDINGS", "sign.v1.receipt.>")
            sent = await counted(js, "RECEIPTS", "notify.v1.receipted.>")
            # An event may be there twice after a crash: only mails that differ count.
            said = notes.read_text() if notes.exists() else ""  # the relay begins it with the first mail
            mails = {line.partition("\t")[0] for line in said.splitlines() if line.startswith("<final.")}
            if sealed >= letters and sent >= letters and len(mails) >= letters:
                return
            if sealed + sent + len(mails) > before:
                before = sealed + sent + len(mails)
                patience.reschedule(asyncio.get_running_loop().time() + seconds)
            await asyncio.sleep(1)


async def judge(
    servers: str | list[str], user: str, password: str, accepted: list[Letter], notes: Path, seconds: float
) -> Verdict:
    """Hold the streams against what the ingress answered 250."""
    verdict = Verdict()
    broken = verdict.problems.append
    nc = await nats.connect(servers, user=user, password=password, inbox_prefix=f"_INBOX_{user}".encode())
    js = nc.jetstream(timeout=30)
    try:
        try:
            await settled(js, len(accepted), notes, seconds)
        except TimeoutError:
            broken(f"not settled, and nothing came for {seconds:.0f} s")
        rows = await _books(js, verdict, broken)
        await _letters(js, verdict, broken, rows, accepted)
        await _receipts(js, verdict, broken, rows)
    finally:
        await nc.close()
    _mails(verdict, broken, notes, len(rows))
    return verdict


async def _books(js: JetStreamContext, verdict: Verdict, broken: Broken) -> dict[str, Json]:
    """Rows by the letter's digest; each book first..n, chained, in MAIL order."""
    by_digest: dict[str, Json] = {}
    books: dict[str, list[Json]] = defaultdict(list)
    links: dict[str, str] = {}
    for _, subject, _, body in await messages(js, "REGISTER", "register.v1.entered.>"):
        row = msgspec.json.decode(body)
        link = links.get(subject, hashlib.sha256(subject.encode()).hexdigest())
        if row["previous"] != link:
            broken(f"{subject}: the link before {row.get('number', 'its opening')} is another")
        links[subject] = hashlib.sha256(bytes.fromhex(row["previous"]) + hashlib.sha256(body).digest()).hexdigest()
        if row["type"] != "register.entered.v1":
            continue
        books[subject].append(row)
        if row["sha256"] in by_digest:
            broken(f"letter {row['sha256'][:12]} has two numbers")
        by_digest[row["sha256"]] = row
    opened = f"register.v1.entered.{ADDRESSES[1].partition('@')[2].partition('.')[0]}.received."
    for subject, rows in books.items():
        first = OPENS_AT if subject.startswith(opened) else 1
        numbers = [row["number"] for row in rows]
        if numbers != list(range(first, first + len(rows))):
            broken(f"{subject}: numbers are not {first}..{first + len(rows) - 1}")
        places = [(row["position"]["stream"], row["position"]["sequence"]) for row in rows]  # MAIL_<year>: in its order
        if places != sorted(places):
            broken(f"{subject}: numbers are not in MAIL order")
    verdict.rows = len(by_digest)
    verdict.notices = len(await messages(js, "REGISTER", "register.v1.notice.>"))
    return by_digest


async def _letters(
    js: JetStreamContext, verdict: Verdict, broken: Broken, rows: dict[str, Json], accepted: list[Letter]
) -> None:
    """Every letter answered 250 has its row, and the stored octets are those that were sent."""
    for letter in accepted:
        digest = letter.digest()
        row = rows.get(digest)
        if row is None:
            broken(f"letter {letter.number} was answered 250 and has no number")
            continue
        place = row["position"]
        stored = hashlib.sha256()
        wanted = (
            range(place["sequence"] - place["parts"], place["sequence"]) if place["parts"] else (place["sequence"],)
        )
        for sequence in wanted:
            message = await js.get_msg(place["stream"], sequence)  # of the leader: a replica may lag
            stored.update(message.data or b"")
            verdict.stored_bytes += len(message.data or b"")
        if stored.hexdigest() != digest:
            broken(f"letter {letter.number}: the stored octets are not those that were sent")
        verdict.stored += 1


async def _receipts(js: JetStreamContext, verdict: Verdict, broken: Broken, rows: dict[str, Json]) -> None:
    """Exactly one final receipt each."""
    finals: Counter[str] = Counter()
    for sequence, _, _, body in await messages(js, "FINDINGS", "sign.v1.receipt.>"):
        event = msgspec.json.decode(body)
        if event["receipt"]["kind"] != "final":
            broken(f"FINDINGS {sequence}: a receipt that is not final")
        finals[event["receipt"]["sha256"]] += 1
    verdict.final_receipts = len(finals)
    for digest in rows.keys() - finals.keys():
        broken(f"letter {digest[:12]} has a number and no final receipt")
    for digest, count in finals.items():
        if count != 1:
            broken(f"letter {digest[:12]} has {count} final receipts")


def _mails(verdict: Verdict, broken: Broken, notes: Path, letters: int) -> None:
    """Distinct Message-IDs of final receipt mails at the relay; a repeat after a crash keeps its Message-ID."""
    taken = [line.split("\t") for line in notes.read_text().splitlines()]
    finals = Counter(message_id for message_id, _, _ in taken if message_id.startswith("<final."))
    verdict.receipt_mails = len(finals)
    verdict.repeated_mails = sum(finals.values()) - len(finals)
    if len(finals) != letters:
        broken(f"{len(finals)} distinct receipt mails for {letters} letters")
    to = defaultdict(set)
    for message_id, _, recipient in taken:
        if message_id.startswith("<final."):
            to[recipient].add(message_id)
    for recipient, ids in to.items():
        if len(ids) > 1:
            broken(f"{recipient} got {len(ids)} different final receipts")
