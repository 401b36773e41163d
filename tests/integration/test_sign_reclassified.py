"""A letter that bears a secrecy mark in itself has its number already: it is moved to the classified series."""

from pathlib import Path

import msgspec

from contracts import codec
from contracts.mail import HeaderLines
from contracts.orders import MoveOrdered
from contracts.register import EntryMoved, LetterEntered
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from services.sign import reclassified
from tests import books, letters
from tests.books import Books
from tests.integration.test_register_classified import CERTIFICATE, opened
from tests.orders import record_of, refusals, rows
from tests.servers import NatsServer
from tests.signing import attached, events, letter, mail, prepare, sealed, sign, store

SECRET = """ลับ

ที่ กห ๐๒๐๑/๗๗                                  กรมตัวอย่าง

๕ มิถุนายน ๒๕๖๙

เรื่อง แผนป้องกัน

เรียน อธิบดี

ตามที่ได้รับมอบหมาย ขอส่งแผน

ขอแสดงความนับถือ
"""
SUBJECT = "ที่ กห ๐๒๐๑/๗๗ เรื่อง แผนป้องกัน"


async def moved(bus: Bus, messages: int) -> tuple[LetterEntered, EntryMoved, LetterEntered, Books]:
    """The row, the row that ends it, the row it became, and all books, once they have so many messages."""
    found = await books.until(bus, messages, 60)
    assert found.problems() == []
    (entered,) = [row for row in rows(found, LetterEntered) if row.number == 1]
    (gone,) = rows(found, EntryMoved)
    (became,) = rows(found, LetterEntered, "classified")
    return entered, gone, became, found


async def order_of(bus: Bus, row: EntryMoved) -> MoveOrdered:
    assert row.order is not None
    message = await read_message(bus.nc, "ORDERS", row.order.sequence)
    assert message is not None
    return codec.decode(message.body, MoveOrdered)


async def test_a_stamp_on_the_page_moves_the_entry_and_envelopes_its_record(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus, registrar_certificate=CERTIFICATE)
    octets = mail(SUBJECT, pdf=letters.letter_pdf(SECRET), name="แผนป้องกัน.pdf")
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, letter(octets, lines=HeaderLines(subject=SUBJECT, message_id="<s@x>")))
        (made,) = await sealed(bus, 1)
        _, gone, _, _ = await moved(bus, 3)
        order = await order_of(bus, gone)
        assert (order.by, order.to_series) == (reclassified.BY, "classified")
        assert "“ลับ”" in order.reason
        # Given again, as after a crash between the order and the receipt: it is the same one.
        await bus.publish(order)
        await store(bus, letter(mail("ที่ กห ๐๒๐๑/๗๘ เรื่อง อื่น"), lines=HeaderLines(subject="x", message_id="<t@x>")))
        await sealed(bus, 2)
        entered, gone, became, found = await moved(bus, 4)
    assert await refusals(bus) == []
    assert (gone.number, gone.to_number) == (entered.number, became.number)
    record = record_of(found, became.record)
    assert (record.subject, record.sender) == (None, None)
    assert opened(record)["subject"] == SUBJECT
    # Neither what was found nor the receipt says what the letter is about; both say that it is classified.
    said = msgspec.json.encode([codec.encode(event).decode() for event in await events(bus)][:2]).decode()
    for secret in ("แผนป้องกัน", "๐๒๐๑/๗๗"):
        assert secret not in said
        assert secret not in attached(made.pdf).decode()
    assert made.receipt.series == "received"
    assert any("ไม่ให้ส่งทางไปรษณีย์อิเล็กทรอนิกส์" in words for words in made.receipt.statements)


async def test_a_word_in_the_running_text_moves_nothing(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    await prepare(bus)
    text = SECRET.removeprefix("ลับ\n\n").replace("ขอส่งแผน", "ห้ามเปิดเผยความลับทางการค้า และเอกสารลับของบริษัท")
    octets = mail(SUBJECT, pdf=letters.letter_pdf(text))
    async with books.worker(nats_server.settings()), sign(nats_server, tmp_path):
        await store(bus, letter(octets, lines=HeaderLines(subject=SUBJECT, message_id="<s@x>")))
        (made,) = await sealed(bus, 1)
    assert len(rows(await books.read(bus), LetterEntered)) == 1
    assert (await bus.api("STREAM.INFO.ORDERS"))["state"]["messages"] == 0
    assert "แผนป้องกัน" in attached(made.pdf).decode()
