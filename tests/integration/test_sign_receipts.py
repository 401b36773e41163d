"""From a letter in MAIL to its sealed receipt, with the real register before sign and a real nats-server below."""

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from contracts import chain, codec
from contracts.dead import MessageGivenUp
from contracts.directory import SealOwner
from contracts.event import Position
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.mail import HeaderLines
from contracts.receipt import Receipt, Unknown
from contracts.values import sha256_hex
from services.runtime import settings
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from services.runtime.provision import provision
from services.runtime.readiness import Readiness
from services.runtime.settle import ConsumerLost
from services.sign import app, authority, metrics
from services.words import wording
from tests import books, letters, receipts
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.signing import attached, events, judged_by, known, letter, mail, prepare, sealed, sign, store
from tests.waiting import until, until_it


async def test_a_letter_gets_its_findings_and_then_its_sealed_receipt(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    pdf = letters.letter_pdf(letters.letter_text("opdc-w56"))
    octets = mail(pdf=pdf, name="ว56.pdf")
    lines = HeaderLines(message_id="<w56@opdc.go.th>", subject="x")
    event, octets = letter(octets, lines=lines)
    await prepare(bus)
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, (event, octets))
        (made,) = await sealed(bus, 1)
    examined, _ = await events(bus)
    assert isinstance(examined, LetterExamined)
    receipt, row = made.receipt, (await books.read(bus)).rows[f"register.v1.entered.demo.received.{THIS_YEAR}"][0]

    assert (examined.mail, made.mail, receipt.mail) == (event.mail,) * 3
    assert (examined.number, receipt.number, receipt.register_number) == (1, 1, row.event.number_text)
    assert known(receipt.letter_number) == "นร ๑๒๐๐/ว๕๖"
    assert known(receipt.letter_date) == "2024-11-15"
    assert known(receipt.message_id) == "<w56@opdc.go.th>"
    assert (receipt.clock.received_at, receipt.clock.bound_ms) == (event.received_at, event.bound_ms)
    assert receipt.sha256 == sha256_hex(octets)
    assert isinstance(receipt.files, tuple)
    assert [(file.name, file.size, file.sha256) for file in receipt.files] == [("ว56.pdf", len(pdf), sha256_hex(pdf))]
    # The proof: the row as it lies in the register, and the link that the book goes on with.
    assert receipt.proof.row == row.body
    assert receipt.proof.link == row.link == chain.next_link(row.event.previous, receipt.proof.row)
    assert receipt.proof.head == Unknown(reason="no head of the book was signed before this row")
    # The PDF: the same JSON, one seal over all of it.
    assert attached(made.pdf) == msgspec.json.encode(receipt)
    assert await asyncio.to_thread(judged_by, made.pdf, tmp_path / "test-authority" / authority.ROOT_FILE)
    assert receipt.seal.kind == "test"


async def test_the_receipt_reads_the_same_in_any_language(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """Plain JSON with base64 in it; nothing of ours is needed to read it."""
    await prepare(bus)
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, letter(mail()))
        await sealed(bus, 1)
    message = await read_message(bus.nc, "FINDINGS", 2)
    assert message is not None
    plain = msgspec.json.decode(message.body)
    assert plain["type"] == message.headers["ce-type"] == "sign.receipt.v1"
    assert message.headers["ce-id"] == f"sign.receipt.v1:{books.MAIL}:1"
    assert base64.b64decode(plain["pdf"]).startswith(b"%PDF-1.7")
    assert plain["receipt"]["letter_number"] == {"known": "text", "value": "นร ๑๒๐๐/ว๕๖"}
    assert msgspec.json.decode(attached(base64.b64decode(plain["pdf"]))) == plain["receipt"]


async def test_of_two_workers_and_a_consumer_made_anew_each_letter_has_one_receipt(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus)
    found = [letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(12)]
    async with books.worker(nats_server.settings()):
        async with sign(nats_server, tmp_path), sign(nats_server, tmp_path):
            await store(bus, *found)
            await sealed(bus, 12)
        # Every row is delivered again, as if for the first time: the consumer forgot all it knew.
        await bus.api("CONSUMER.DELETE.REGISTER.sign-entered")
        await provision(nats_server.settings(), THIS_YEAR)
        async with sign(nats_server, tmp_path):
            await store(bus, letter(mail("ที่ นร ๑๒๐๐/๙๙")))
            await sealed(bus, 13)
    everything = await events(bus)
    keys = [event.key for event in everything]
    assert len(keys) == len(set(keys)) == 26
    assert sorted(e.receipt.number for e in everything if isinstance(e, ReceiptSealed)) == list(range(1, 14))


def looked_at() -> float:
    """How many letters were handed to a child."""
    (family,) = metrics.EXAMINING.collect()
    return next(sample.value for sample in family.samples if sample.name.endswith("_count"))


async def test_findings_that_are_there_are_taken_as_they_are(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """A worker died between findings and receipt: the receipt speaks of the findings that were published."""
    await prepare(bus)
    async with books.worker(nats_server.settings()):
        event, octets = letter(mail())
        await store(bus, (event, octets))
        await books.until(bus, 1)
    first = LetterExamined(
        agency="demo",
        mail=event.mail,
        position=Position(stream=books.MAIL, sequence=1),
        series="received",
        year=THIS_YEAR,
        number=1,
        findings=receipts.findings(body_sha256="12" * 32),
    )
    await bus.publish(first)
    before = looked_at()
    async with sign(nats_server, tmp_path):
        (made,) = await sealed(bus, 1)
    assert looked_at() == before, "it was examined again"
    assert known(made.receipt.body_sha256) == "12" * 32
    assert [event.key for event in await events(bus)] == [first.key, made.key]


async def test_nothing_of_a_classified_letter_lies_in_the_findings(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus)
    subject = "ลับมาก ที่ กห ๐๒๐๑/๗๗ เรื่อง แผนป้องกัน"
    octets = mail(subject, pdf=letters.letter_pdf("เรื่อง แผนป้องกัน\n\nเนื้อความ"), name="แผนป้องกัน.pdf")
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, letter(octets, lines=HeaderLines(subject=subject, message_id="<s@x>")))
        (made,) = await sealed(bus, 1)
    assert made.receipt.series == "classified"
    for event in await events(bus):
        said = codec.encode(event).decode()
        assert "แผนป้องกัน" not in said
        assert "๐๒๐๑" not in said
    assert "แผนป้องกัน" not in attached(made.pdf).decode()
    assert any("ไม่ให้ส่งทางไปรษณีย์อิเล็กทรอนิกส์" in words for words in made.receipt.statements)


async def test_an_erased_letter_is_answered_by_what_its_row_says(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus)
    async with books.worker(nats_server.settings()):
        await store(bus, letter(mail()))
        await books.until(bus, 1)
    await bus.api(f"STREAM.MSG.DELETE.{books.MAIL}", {"seq": 1})
    async with sign(nats_server, tmp_path):
        (made,) = await sealed(bus, 1)
    assert made.receipt.subject == made.receipt.files == Unknown(reason=wording.ERASED)
    assert wording.LETTER_ERASED in made.receipt.statements
    examined = (await events(bus))[0]
    assert isinstance(examined, LetterExamined)
    assert [warning.code for warning in examined.findings.warnings] == ["letter_erased"]


async def test_a_message_that_is_no_event_is_answered_by_its_octets(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    """The register numbers it as unreadable; what it says can be read all the same."""
    await prepare(bus)
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await commit(bus.nc, [Outgoing("mail.v1.received.demo", mail(), {"ce-type": "mail.received.v1"})], 60)
        (made,) = await sealed(bus, 1)
    assert made.receipt.remarks == ("unreadable", "time_not_within_bound")
    assert made.receipt.clock.bound_ms is None
    assert known(made.receipt.letter_number) == "นร ๑๒๐๐/ว๕๖"
    assert made.receipt.message_id == Unknown(reason=wording.UNREADABLE)
    assert made.receipt.sha256 == sha256_hex(mail()) or made.receipt.sha256 is None


@pytest.mark.parametrize(
    "octets", [b"", b"\x00\xff\xfe" * 500, b"\r\n" * 40, b"a" * 70_000, b"Content-Type: multipart/mixed\r\n\r\n"]
)
async def test_what_no_parser_reads_is_answered_all_the_same(
    octets: bytes, nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus)
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, letter(octets, lines=HeaderLines()))
        (made,) = await sealed(bus, 1)
    assert isinstance(made.receipt.letter_number, Unknown)
    assert made.receipt.sha256 == sha256_hex(octets)


async def test_a_letter_in_parts(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    octets = mail(pdf=letters.letter_pdf("เรื่อง ทดลอง"))
    event, _ = letter(octets, parts=3)
    third = len(octets) // 3
    pieces = (octets[:third], octets[third : 2 * third], octets[2 * third :])
    parts = [Outgoing("mail.v1.part.demo", piece, {}) for piece in pieces]
    await prepare(bus)
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await commit(bus.nc, [*parts, books.stored(event, b"")], 60)
        (made,) = await sealed(bus, 1)
    assert made.position == Position(stream=books.MAIL, sequence=4, parts=3)
    assert isinstance(made.receipt.files, tuple)
    assert len(made.receipt.files) == 1


async def test_paper_letters_and_moved_entries_get_no_receipt_of_their_own(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus)
    paper = receipts.row(
        mail=None, sha256=None, size=None, position=None, channel="paper", bound_ms=None, within_bound=None
    )
    moved = receipts.row(number=1578, moved_from="๑/๒๕๖๙")
    for row in (paper, moved):
        await bus.publish(row)
    async with sign(nats_server, tmp_path):
        await sealed(bus, 0)
    assert await events(bus) == []


async def test_an_agency_without_its_key_does_not_hold_up_the_others(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus)
    await books.put(bus, books.agency("other", seal=SealOwner(kind="agency", key="gone")))
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, letter(mail(), agency_id="other"), letter(mail()))
        (made,) = await sealed(bus, 1)
        dead = (await until_it(lambda: given_up(bus)))[0]
    assert made.agency == "demo"
    assert (dead.agency, dead.consumer) == ("other", "sign-entered")
    assert "sign.seals has no 'gone'" in dead.reason


async def given_up(bus: Bus) -> list[MessageGivenUp]:
    message = await read_message(bus.nc, "DEAD", 1)
    return [codec.decode(message.body, MessageGivenUp)] if message else []


async def test_receipts_wait_for_the_operators_key(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """It is everybody's: nothing is given up, sign says that it is not ready, and goes on when the key is there."""
    await prepare(bus, seal=SealOwner())
    async with books.worker(nats_server.settings()):
        async with sign(nats_server, tmp_path) as readiness:
            await until(lambda: "seals: sign.seals has no 'operator'" in readiness.reasons)
            await store(bus, letter(mail()))
            await until_it(lambda: tried(bus))
        assert await events(bus) == []
        assert await given_up(bus) == []
        key = authority.ensure(tmp_path / "elsewhere")
        assert key.problem() is None
        # The message waits for its pause; a new consumer has none.
        await bus.api("CONSUMER.DELETE.REGISTER.sign-entered")
        await provision(nats_server.settings(), THIS_YEAR)
        async with sign(
            nats_server, tmp_path, seals={"operator": f"elsewhere/{authority.SEAL_FILE}"}, operator="ผู้ให้บริการ"
        ) as readiness:
            (made,) = await sealed(bus, 1)
            assert readiness.ready
    assert (made.receipt.seal.kind, known(made.receipt.seal.by)) == ("operator", "ผู้ให้บริการ")
    assert "ทดสอบ" not in " ".join(made.receipt.statements)


async def tried(bus: Bus) -> bool:
    info = await bus.api("CONSUMER.INFO.REGISTER.sign-entered")
    return bool(info["delivered"]["consumer_seq"]) and info["num_redelivered"] + info["num_ack_pending"] > 0


async def test_a_consumer_that_is_deleted_ends_the_service(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """The supervisor starts it anew; a pull on nothing would be a hot loop."""
    await prepare(bus)
    readiness = Readiness("sign")
    config = settings.Settings(state=str(tmp_path), nats=nats_server.settings(), sign=settings.Sign(test_authority="t"))
    running = asyncio.create_task(app.serve(config, asyncio.Event(), readiness))
    await until(lambda: readiness.ready)
    await bus.api("CONSUMER.DELETE.REGISTER.sign-entered")
    with pytest.raises(ConsumerLost):
        await asyncio.wait_for(running, 60)


def numbers(found: Sequence[ReceiptSealed]) -> list[int]:
    return [event.receipt.number for event in found]


async def test_it_goes_on_after_an_outage(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    await prepare(bus)
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, letter(mail()))
        await sealed(bus, 1)
        nats_server.kill()
        await until(lambda: not bus.connected)
        nats_server.start()
        await until(lambda: bus.connected)
        await store(bus, letter(mail()))
        found = await sealed(bus, 2)
    assert numbers(found) == [1, 2]
    assert all(isinstance(event.receipt, Receipt) for event in found)
