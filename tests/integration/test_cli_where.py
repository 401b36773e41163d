"""`saraban where`: a letter's whole way through a running system, and what there is to say of one that never came."""

import asyncio
import json
import os
import re
import signal
import smtplib
from collections import Counter
from collections.abc import Iterator, Sequence
from email.header import Header
from typing import Any

import msgspec
import pytest

from contracts import codec
from contracts.dead import MessageClosed, MessageGivenUp
from contracts.event import Event, Position
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.golden import examples
from contracts.mail import HeaderLines, MailReceived
from contracts.notices import LetterDelivered, MailDelayed, MailFailed, ReceiptHeld, RegistrarAlerted, SenderReceipted
from contracts.orders import ReleaseOrdered
from contracts.register import LetterEntered, NoticeKept
from services.audit.reading import messages
from services.commands import where_search
from services.commands.where_search import search, wanted
from services.commands.where_way import Way, told
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from tests.conftest import THIS_YEAR
from tests.world import World

pytestmark = pytest.mark.slow

ONE, TWO = "saraban@one.test", "saraban@two.test"
SENDER = "citizen@sender.test"
SUBJECT = "ขอเชิญประชุม"
CONFIG = """\
[ingest]
trusted_networks = ["127.0.0.0/8"]
message_bytes = 1000000
flight_bytes = 1000000
commit_seconds = 1
"""
GOLDEN: dict[Any, Any] = dict(examples())
AGENCY = {"name": "หน่วยงาน", "number_format": "สพร ร/{year_th}/{number_th}", "seal": {"kind": "test"}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("where")
    world = World(folder / "world", CONFIG)
    asyncio.run(world.start())
    try:
        for name in ("one", "two"):
            found = AGENCY | {
                "id": name,
                "domains": [{"name": f"{name}.test"}],
                "addresses": [f"saraban@{name}.test"],
                "mailboxes": [{"address": f"office@{name}.test"}],
            }
            (folder / f"{name}.json").write_text(json.dumps(found))
            world.run("agency", "import", str(folder / f"{name}.json"))
        yield world
    finally:
        asyncio.run(world.stop())


def letter(message_id: str, subject: str = SUBJECT, octets: int = 0) -> bytes:
    head = f"From: {SENDER}\r\nMessage-ID: <{message_id}>\r\nSubject: {Header(subject, 'utf-8').encode()}\r\n\r\n"
    return head.encode() + b"x\r\n" * (octets // 3 + 1)


def hand_over(world: World, content: bytes, to: Sequence[str], size: int = 0, sender: str = SENDER) -> list[int]:
    """One transaction, in which the sender does not mind who is refused; the codes of its replies."""
    with smtplib.SMTP("127.0.0.1", world.smtp, timeout=60) as server:
        server.ehlo("mail.sender.test")
        codes = [server.mail(sender, [f"size={size}"] if size else [])[0]]
        codes += [server.rcpt(address)[0] for address in to]
        return [*codes, server.data(content)[0]]


def where(world: World, *words: str, code: int = 0) -> list[dict[str, Any]]:
    done = world.run("where", *words, "--format", "jsonl", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def steps(lines: list[dict[str, Any]], agency: str = "one") -> list[str]:
    return [line["hop"] for line in lines if line["agency"] == agency]


async def delivered(world: World, message_id: str, letters: int = 1) -> None:
    """Wait until everything has happened to the letter at so many agencies."""

    def of_it() -> set[str]:
        lines = world.run("where", message_id, "--format", "jsonl", check=False).stdout.splitlines()
        return {line["mail"] for line in map(json.loads, lines) if line["hop"] == "received"}

    await world.until(lambda: len(of_it()) == letters, "the letter lies in MAIL")
    mails = of_it()
    await world.events(LetterDelivered, letters, lambda event: event.mail in mails)
    await world.events(SenderReceipted, letters, lambda event: event.mail in mails)


WAY = ["received", "numbered", "examined", "sealed", "receipt", "delivered"]


async def test_from_the_first_knock_to_the_mailbox(world: World) -> None:
    too_large = letter("whole.way@sender.test", octets=1_000_000)
    assert hand_over(world, too_large, [ONE]) == [250, 250, 552]
    assert hand_over(world, letter("whole.way@sender.test"), [ONE]) == [250, 250, 250]
    await delivered(world, "whole.way@sender.test")

    lines = where(world, "<whole.way@sender.test>")
    assert sorted(steps(lines)) == sorted(["refused", *WAY])
    assert steps(lines)[:3] == ["refused", "received", "numbered"]
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    found = {line["hop"]: line for line in lines}
    assert (found["refused"]["stage"], found["refused"]["code"]) == ("data", 552)
    assert found["refused"]["message_id"] == "<whole.way@sender.test>"
    assert found["received"]["peer"] == {"address": "127.0.0.1", "helo": "mail.sender.test", "tls": "", "trusted": True}
    assert (found["received"]["sender"], found["received"]["subject"]) == (SENDER, SUBJECT)
    (row,) = [row for row in world.rows() if row["message_id"] == "<whole.way@sender.test>"]
    assert [found["numbered"][name] for name in ("number_text", "received_at", "deemed_at")] == [
        row["number_text"], row["received_at"], row["deemed_at"],
    ]  # fmt: skip
    assert found["receipt"]["kind"] == "final"

    # However one asks.
    for asked in (
        "whole.way@sender.test",
        found["received"]["mail"],
        str(row["number_text"]),
        found["receipt"]["message_id"],
        found["delivered"]["message_id"],
    ):
        assert where(world, asked) == lines, asked
    assert where(world, "whole.way@sender.test", "--agency", "one") == lines

    said = world.run("where", "whole.way@sender.test").stdout.splitlines()
    assert len(said) == 1 + len(lines), "one line a hop"
    assert SUBJECT in said[2]
    assert "clock out of bound" in said[2] or "clock within" in said[2]
    assert f"สพร ร/{THIS_YEAR}".translate(str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")) in said[3]
    assert "ไม่พบลายมือชื่อดิจิทัล" in "\n".join(said)
    assert f"final receipt to <{SENDER}> kept in the folder" in "\n".join(said)


async def test_two_agencies_of_which_one_was_told_to_come_again(world: World) -> None:
    # Without SIZE two copies might not fit: the second agency is deferred, and named in no letter yet.
    content = letter("two@sender.test")
    assert hand_over(world, content, [ONE, TWO]) == [250, 250, 452, 250]
    assert hand_over(world, content, [TWO]) == [250, 250, 250]
    await delivered(world, "two@sender.test", 2)
    lines = where(world, "two@sender.test")
    assert sorted(steps(lines, "one")) == sorted(WAY)
    assert sorted(steps(lines, "two")) == sorted(["deferred", *WAY])
    (deferred,) = [line for line in lines if line["hop"] == "deferred"]
    assert (deferred["stage"], deferred["recipients"], deferred["message_id"]) == ("rcpt", [TWO], "")
    assert {line["agency"] for line in where(world, "two@sender.test", "--agency", "two")} == {"two"}

    # In one transaction.
    assert hand_over(world, letter("both@sender.test"), [ONE, TWO], size=1_000) == [250, 250, 250, 250]
    await delivered(world, "both@sender.test", 2)
    lines = where(world, "both@sender.test")
    received = [line for line in lines if line["hop"] == "received"]
    assert len({line["mail"] for line in received}) == 2
    assert len({line["at"] for line in received}) == 1
    assert sorted(steps(lines, "one")) == sorted(WAY)
    # What was deferred before is not of this letter for sure, but may have been.
    assert "deferred" in steps(lines, "two")
    assert "agency" in world.run("where", "both@sender.test").stdout.splitlines()[0]


async def test_a_store_that_is_away_and_the_letter_that_comes_again(world: World) -> None:
    content = letter("away@sender.test")
    pid = world.pid("nats-server")
    os.kill(pid, signal.SIGSTOP)
    try:
        code = await asyncio.to_thread(hand_over, world, content, [ONE])
    finally:
        os.kill(pid, signal.SIGCONT)
    assert code == [250, 250, 451]
    await world.ready()
    assert hand_over(world, content, [ONE], sender="second@sender.test") == [250, 250, 250]
    await delivered(world, "away@sender.test")

    def repeated() -> bool:
        return "noticed" in steps(where(world, "away@sender.test"))

    # The write that nobody could wait for succeeded after all: the second time it is a repeat.
    await world.until(repeated, "the second one is noticed")
    lines = where(world, "away@sender.test")
    assert sorted(steps(lines)) == sorted(["deferred", *WAY, "received", "noticed"])
    (deferred,) = [line for line in lines if line["hop"] == "deferred"]
    assert (deferred["stage"], deferred["code"], deferred["message_id"]) == ("data", 451, "<away@sender.test>")
    (noticed,) = [line for line in lines if line["hop"] == "noticed"]
    assert noticed["kind"] == "repeated"
    assert len({line["mail"] for line in lines if line["mail"]}) == 1


def test_a_number_that_several_agencies_have(world: World) -> None:
    for to in ([ONE], [TWO]):
        assert hand_over(world, letter(f"number.{to[0]}"), to)[-1] == 250
    asyncio.run(world.until(lambda: {row["agency"] for row in world.rows()} == {"one", "two"}, "both have entries"))
    number = f"สพร ร/{THIS_YEAR}/1"  # in digits of either kind
    done = world.run("where", number, check=False)
    assert (done.returncode, "--agency (one, two)" in done.stderr) == (2, True)
    found = where(world, number, "--agency", "two")
    assert {line["agency"] for line in found} == {"two"}
    assert {line["number"] for line in found if line["hop"] == "numbered"} == {1}


async def test_a_secret_keeps_its_subject(world: World) -> None:
    subject = "ลับ แผนปฏิบัติการ"
    assert hand_over(world, letter("secret@sender.test", subject), [ONE])[-1] == 250
    await world.until(lambda: "alerted" in steps(where(world, "secret@sender.test")), "the registrar is told")
    lines = where(world, "secret@sender.test")
    assert [line["subject"] for line in lines if line["hop"] == "received"] == [None]
    assert [line["series"] for line in lines if line["hop"] == "numbered"] == ["classified"]
    said = world.run("where", "secret@sender.test").stdout
    assert "classified" in said
    assert "แผนปฏิบัติการ" not in said + json.dumps(lines, ensure_ascii=False)


def test_a_letter_that_nobody_knows(world: World) -> None:
    done = world.run("where", "<never@sender.test>", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "<never@sender.test> is not known" in done.stderr
    assert where(world, "9999/2569", code=1) == []
    assert where(world, "a" * 52, code=1) == []
    done = world.run("where", "x@y", "--agency", "three", check=False)
    assert (done.returncode, "there is no agency 'three'; there are one, two" in done.stderr) == (2, True)


def test_a_letter_that_was_refused_and_did_not_come_again(world: World) -> None:
    assert hand_over(world, letter("gone@sender.test", octets=1_000_000), [ONE])[-1] == 552
    lines: list[dict[str, Any]] = []
    asyncio.run(world.until(lambda: bool(world.run("where", "gone@sender.test", check=False).stdout), "it is noted"))
    lines = where(world, "gone@sender.test", code=3)
    assert [(line["hop"], line["code"]) for line in lines] == [("refused", 552)]
    assert "has not been taken since" in world.run("where", "gone@sender.test", check=False).stderr


async def test_what_was_erased_is_still_in_the_book_and_in_the_traffic_log(world: World) -> None:
    assert hand_over(world, letter("erased@sender.test"), [ONE])[-1] == 250
    await delivered(world, "erased@sender.test")
    lines = where(world, "erased@sender.test")
    (received,) = [line for line in lines if line["hop"] == "received"]
    number = next(line["number_text"] for line in lines if line["hop"] == "numbered")
    records = [
        stored.sequence
        for stored in await world.stored("REGISTER", "register.v1.record.one")
        if b"erased@sender.test" in stored.body
    ]

    async def erase(stream: str, sequence: int) -> None:
        async with world.bus("retention") as bus:
            assert (await bus.api(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence}))["success"]

    await erase(received["position"]["stream"], received["position"]["sequence"])
    for asked in ("erased@sender.test", number, received["mail"]):
        lines = where(world, asked)
        assert sorted(steps(lines)) == sorted(WAY)
        assert "erased" in next(line for line in world.run("where", asked).stdout.splitlines() if "received " in line)

    await erase("REGISTER", records[0])
    traffic = world.state / "traffic"
    await world.until(
        lambda: any(b"erased@" in path.read_bytes() for path in traffic.iterdir()), "it is written, once a second"
    )
    done = world.run("where", "erased@sender.test", check=False)
    assert done.returncode == 1
    assert "is in no stream; this is what the ingress of this machine answered" in done.stderr
    assert re.search(
        r"traffic +250 2\.6\.0 Kept  \(DATA, from <citizen@sender\.test> to saraban@one\.test", done.stdout
    )
    assert traffic.stat().st_mode & 0o777 == 0o700
    assert sorted(steps(where(world, number))) == sorted(WAY)


async def stored_letter(bus: Bus, message_id: str, agency: str = "demo") -> Way:
    """A letter in MAIL and its row, as the ingress and the register write them."""
    letter = msgspec.structs.replace(
        GOLDEN[MailReceived], agency=agency, lines=HeaderLines(message_id=message_id), parts=0, sender=SENDER
    )
    place = await commit(bus.nc, [Outgoing(letter.nats_subject, b"", codec.encode_headers(letter))], bus.timeout)
    row = msgspec.structs.replace(GOLDEN[LetterEntered], agency=agency, position=place, mail=letter.mail)
    written = await bus.publish(row)
    return Way(
        agency=agency,
        mail=letter.mail,
        place=place,
        stored_ns=0,
        received=letter,
        row=row,
        row_sequence=written.sequence,
    )


async def test_whatever_happened_behind_it_is_found(bus: Bus) -> None:
    before = await stored_letter(bus, "<before@sender.test>")
    letter = await stored_letter(bus, "<it@sender.test>")
    assert letter.row is not None
    entry: dict[str, Any] = {
        "agency": "demo",
        "series": letter.row.series,
        "year": letter.row.year,
        "number": letter.row.number,
    }

    async def publish(which: type[Event], /, **changes: Any) -> Position:
        return await bus.publish(msgspec.structs.replace(GOLDEN[which], **({"agency": "demo"} | changes)))

    about: dict[str, Any] = {"mail": letter.mail, "position": letter.place}
    for kind in (LetterExamined, ReceiptSealed, ReceiptHeld, MailDelayed, MailFailed, RegistrarAlerted):
        await publish(kind, **about)
        await publish(kind, mail=before.mail, position=before.place)  # the same octets, another time
    released = await publish(ReleaseOrdered, **entry)
    await publish(ReleaseOrdered, **(entry | {"number": letter.row.number + 1}))
    await publish(SenderReceipted, **about, kind="final")
    await publish(
        NoticeKept, kind="delivery_report", matches=letter.mail, position=Position(stream="MAIL_2569", sequence=99)
    )
    for source in (letter.place, Position(stream="REGISTER", sequence=letter.row_sequence), released):
        await publish(MessageGivenUp, source=source, service="notify")
    await publish(MessageGivenUp, source=Position(stream="REGISTER", sequence=9_999), service="notify")
    await publish(MessageClosed, source=released, service="notify")

    said: list[str] = []
    found = await search(bus, wanted("it@sender.test"), None, lambda part, done, total: said.append(part))
    (way,) = found.ways
    assert (way.place, way.row) == (letter.place, letter.row)
    assert Counter(type(event) for event in way.later) == {
        LetterExamined: 1, ReceiptSealed: 1, ReceiptHeld: 1, MailDelayed: 1, MailFailed: 1, RegistrarAlerted: 1,
        SenderReceipted: 1, ReleaseOrdered: 1, NoticeKept: 1, MessageGivenUp: 3, MessageClosed: 1,
    }  # fmt: skip
    assert {"numbers", "RECEIPTS", "ORDERS", "DEAD"} < set(said)


async def test_letters_of_long_ago_and_of_today_lie_in_several_pieces(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where_search, "WINDOW", 3)
    for number in range(20):
        await stored_letter(bus, f"<{number}@sender.test>", "two" if number % 2 else "demo")
    for asked, agency, count in (
        ("0@sender.test", None, 1),
        ("19@sender.test", None, 1),
        ("19@sender.test", "demo", 0),
    ):
        found = await search(bus, wanted(asked), agency, lambda part, done, total: None)
        assert [way.received and way.received.lines.message_id for way in found.ways] == [f"<{asked}>"] * count


async def test_what_was_stored_before_the_letter_is_not_read(bus: Bus) -> None:
    for number in range(4):
        await stored_letter(bus, f"<{number}@sender.test>")
        await asyncio.sleep(0.001)
    subjects = ["register.v1.entered.demo.>", "register.v1.entered.two.>"]
    rows = [message async for message in messages(bus, "REGISTER", subjects)]
    since = rows[2].stored_ns - 1_000
    read = [message.sequence async for message in told(bus, "REGISTER", subjects, since, lambda *said: None)]
    assert read == [message.sequence for message in rows[2:]]
