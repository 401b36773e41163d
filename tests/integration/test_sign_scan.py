"""Malware in letters: the whole way from MAIL to the mailboxes with a real clamd, and every way it can fail."""

import asyncio
import base64
import contextlib
import signal
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest

from contracts.directory import Mailbox
from contracts.findings import LetterExamined, Scan
from contracts.mail import HeaderLines, Peer
from contracts.notices import LetterDelivered, RegistrarAlerted, SenderReceipted
from contracts.values import instant
from services.commands.toml import dumps
from services.runtime.bus import Bus
from services.runtime.letters import read_letter
from services.runtime.settings import Settings
from services.sign import clamd as asked
from services.sign import log
from services.sign.clamd import Clamd
from tests import books
from tests import clamd as real
from tests.clamd import EICAR, NAME, STREAM_OCTETS
from tests.dispatch import Dispatch
from tests.servers import NatsServer, free_port
from tests.signing import events, letter, prepare, sealed, sign, store
from tests.sinks import Taken, sink
from tests.world import typed

pytestmark = pytest.mark.system("clamav-daemon")

MAILBOX, REGISTRAR, SENDER = "officer@demo.example", "registrar@demo.example", "clerk@sender.example"
TRUSTED = Peer(address="10.0.0.1", trusted=True)
SCAN = Scan(outcome="infected", malware=NAME, scanner="ClamAV 1.4.6", scanned_at=instant(1_780_000_000_000_000_000))
CLEAN = b"Subject: clean\r\n\r\nnothing in here\r\n"


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Clamd]:
    with real.clamd(tmp_path_factory.mktemp("clamd")) as running:
        yield running


def infected(subject: str = "infected", first: bytes = b"") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = SENDER, subject
    # Where a program that takes this for a mailbox file would begin another mail.
    mail.set_content("text\n\nFrom here on\n")
    mail.add_attachment(EICAR, maintype="application", subtype="octet-stream", filename="หนังสือ.bin")
    mail.set_boundary("between")
    return first + mail.as_bytes().replace(b"\n", b"\r\n")


async def test_an_infected_letter_is_numbered_and_goes_to_nobody(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, scanner: real.Clamd
) -> None:
    """Infected, clean, too large for clamd: the three at once, through register, sign and notify."""
    world = Dispatch(bus, tmp_path)
    large = b"Subject: large\r\n\r\n" + b"x" * 70 * (STREAM_OCTETS // 70 + 2_000)
    found = {
        name: letter(octets, peer=TRUSTED, lines=HeaderLines(message_id=f"<{name}@sender.example>", subject=name))
        for name, octets in (("infected", infected()), ("clean", CLEAN), ("large", large))
    }
    async with sink() as relay:
        await prepare(bus, mailboxes=(Mailbox(address=MAILBOX),), registrar=REGISTRAR, relay=relay.relay)
        async with (
            books.worker(nats_server.settings()),
            sign(nats_server, tmp_path, clamd=scanner.path),
            world.running(nats_server.settings(), clamd=scanner.path),
        ):
            await store(bus, *found.values())
            made = {event.mail: event.receipt for event in await sealed(bus, 3)}
            await relay.mails(7, 60)
            await world.idle()
        told = await world.told(LetterDelivered)
        (alert,) = await world.told(RegistrarAlerted)
        receipted = await world.told(SenderReceipted)
    scans = {event.mail: event.findings for event in await events(bus) if isinstance(event, LetterExamined)}
    bad, good, big = (found[name][0].mail for name in ("infected", "clean", "large"))

    assert sorted(receipt.number for receipt in made.values()) == [1, 2, 3]
    outcomes = {mail: (scan.outcome, scan.malware, scan.reason) for mail, f in scans.items() if (scan := f.scan)}
    assert outcomes == {bad: ("infected", NAME, ""), good: ("clean", "", ""), big: ("not_scanned", "", "too_large")}
    assert all(f.scan is not None and f.scan.scanner.startswith("ClamAV ") for f in scans.values())
    assert {
        mail: [said.code for said in f.warnings if said.code.startswith("malware")] for mail, f in scans.items()
    } == {
        bad: ["malware_found"],
        good: [],
        big: ["malware_not_scanned"],
    }
    # Its receipt tells the sender, in words and on paper; nobody else's does.
    assert [mail for mail, receipt in made.items() if any(NAME in said for said in receipt.statements)] == [bad]
    assert {(event.mail, event.sent) for event in receipted} == {(bad, True), (good, True), (big, True)}
    # The cover mail says what and from whom, and has nothing of the letter's octets; nor has any other mail.
    covers = {name: cover for name in found if (cover := _cover(relay.taken, name))}
    assert {event.mail: event.original is None for event in told} == {bad: True, good: False, big: False}
    assert CLEAN in covers["clean"].octets
    assert len(list(covers["infected"].message.iter_attachments())) == 0
    for words in (NAME, made[bad].register_number, SENDER, found["infected"][0].sha256, "ผู้ดูแลระบบ", "MAIL_"):
        assert words in covers["infected"].text
    assert "พบโปรแกรมประสงค์ร้าย" in covers["infected"].header("Subject")
    assert "ยังไม่ได้ตรวจหาโปรแกรมประสงค์ร้าย" in covers["large"].text
    encoded = infected().split(b"\r\n\r\n")[-1][:60]
    assert not [mail for mail in relay.taken if EICAR in mail.octets or encoded in mail.octets]
    # The registrar knows.
    assert (alert.mail, alert.why, alert.sent) == (bad, "infected", True)
    (warned,) = [mail for mail in relay.taken if mail.recipient == REGISTRAR]
    assert NAME in warned.text
    assert "ไม่ส่งต่อหนังสือ" in warned.text
    # And what was sealed away is whole.
    position = next(event.position for event in told if event.mail == bad)
    assert (await read_letter(bus.nc, position, 10))[1] == infected()
    config, file = tmp_path / "c.toml", tmp_path / "letter.eml"
    config.write_text(dumps(msgspec.to_builtins(Settings(state=str(tmp_path), nats=nats_server.settings()))))
    typing = ["letter", str(position), str(file), "--config", str(config)]
    done = await asyncio.to_thread(typed, typing)
    assert (done.returncode, file.read_bytes(), file.stat().st_mode & 0o777) == (0, infected(), 0o600), done.stderr
    again = await asyncio.to_thread(typed, typing)
    assert (again.returncode, "File exists" in again.stderr) == (1, True)
    nowhere = await asyncio.to_thread(
        typed, ["letter", "MAIL_2569:999999", str(tmp_path / "x"), "--config", str(config)]
    )
    assert (nowhere.returncode, (tmp_path / "x").exists()) == (1, False)


def _cover(taken: list[Taken], subject: str) -> Taken | None:
    return next(
        (mail for mail in taken if mail.recipient == MAILBOX and mail.header("Subject").endswith(subject)), None
    )


BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(EICAR)
QUOTED = (
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"".join(b"=%02X" % octet for octet in EICAR) + b"\r\n"
)
PARTS = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + BASE64 + b"\r\n--b--\r\n"


@pytest.mark.parametrize("how", ["path", "address"])
@pytest.mark.parametrize(
    "octets",
    [
        infected(),
        infected(first=b"From a@b Mon Jan  1 00:00:00 2024\r\n"),
        infected(first=b"\r\n"),
        # clamd alone does not take these for mail, and finds nothing in them.
        b"DKIM-Signature: v=1\r\nFrom: a@b.th\r\nTo: c@d.th\r\nSubject: x\r\n" + BASE64,
        b"ARC-Seal: i=1\r\nFrom: a@b.th\r\nSubject: x\r\n" + QUOTED,
        b"Authentication-Results: x\r\n" + PARTS,
        b"MZ: x\r\n" + BASE64,
        b"\0\0: x\r\n" + BASE64,
        PARTS,
        BASE64,
    ],
)
async def test_the_parts_are_opened_whatever_the_letter_begins_with(
    scanner: real.Clamd, how: str, octets: bytes
) -> None:
    scan, said = await Clamd(getattr(scanner, how), 60, 0).scan(octets)
    assert (scan.outcome, scan.malware, said and said.code) == ("infected", NAME, "malware_found")


@pytest.mark.parametrize("how", ["path", "address"])
async def test_its_answer_is_heard_although_it_stops_listening(scanner: real.Clamd, how: str) -> None:
    """clamd closes the connection in the middle of a letter that is too long; its answer lies there."""
    one = Clamd(getattr(scanner, how), 60, 0)
    found = [
        await one.scan(b"x" * (STREAM_OCTETS + size)) for size in (1, 5_000, 300_000, 20_000_000) for _ in range(5)
    ]
    assert {(scan.outcome, scan.reason) for scan, _ in found} == {("not_scanned", "too_large")}


async def test_letters_wait_for_one_that_is_away_and_only_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, back = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(log, "scanner_silent", lambda *_: silent.set())
    monkeypatch.setattr(log, "scanner_back", lambda *_: back.set())
    folder = tmp_path / "clamd"
    one = Clamd(str(folder / "clamd.sock"), 60, 0.0)
    assert [(await one.scan(CLEAN))[0].reason for _ in range(3)] == ["unreachable"] * 3
    assert silent.is_set()
    silent.clear()
    patient = Clamd(str(folder / "clamd.sock"), 60, 300)
    waiting = [asyncio.create_task(patient.scan(infected())) for _ in range(3)]
    await silent.wait()
    running = await asyncio.to_thread(real.start, folder)
    try:
        assert [scan.outcome for scan, _ in await asyncio.gather(*waiting)] == ["infected"] * 3
        assert back.is_set()
        # The impatient one asks again too, if not at once.
        monkeypatch.setattr(asked, "PROBE_SECONDS", 0.0)
        assert (await one.scan(CLEAN))[0].outcome == "clean"
        # It hangs: the kernel takes the connection, and nobody answers.
        monkeypatch.setattr(asked, "GREETING_SECONDS", 0.2)
        running.process.send_signal(signal.SIGSTOP)
        assert (await one.scan(CLEAN))[0].reason == "unreachable"
        running.process.send_signal(signal.SIGCONT)
        monkeypatch.setattr(asked, "GREETING_SECONDS", 60.0)
        assert (await one.scan(CLEAN))[0].outcome == "clean"
    finally:
        running.process.send_signal(signal.SIGCONT)
        running.end()


ENDLESS = b"x" * 10_000
NOT_SCANNED = "malware_not_scanned"
VERSION = b"ClamAV 1.4.6/27000/Mon Nov 30 08:00:00 2026\0"


@asynccontextmanager
async def pretending(version: bytes, answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """What answers VERSION and then, to a whole letter, this; None: nothing, and the connection stays open."""
    commands: list[bytes] = []
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        command = await reader.readuntil(b"\0")
        commands.append(command)
        if command == b"zVERSION\0":
            writer.write(version)
        else:
            while (size := struct.unpack(">I", await reader.readexactly(4))[0]) > 0:
                await reader.readexactly(size)
            if answer is None:
                await reader.read()
            with contextlib.suppress(ConnectionError):
                writer.write(answer or b"")
                while answer == ENDLESS:
                    await writer.drain()
                    writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", commands
        await asyncio.gather(*(task for task in served if task), return_exceptions=True)


async def test_one_that_never_ends_a_scan_is_given_up_and_then_let_alone() -> None:
    async with pretending(VERSION, None) as (place, commands):
        one = Clamd(place, 0.2, 0)
        reasons = [(await one.scan(CLEAN))[0].reason for _ in range(asked.SLOW + 5)]
    assert reasons == ["too_slow"] * asked.SLOW + ["unreachable"] * 5
    assert commands == [b"zVERSION\0", b"zINSTREAM\0"] * asked.SLOW


@pytest.mark.parametrize(
    ("version", "answer", "outcome", "reason", "code"),
    [
        (VERSION, b"stream: OK\0", "clean", "", None),
        (VERSION, b"stream: Win.Test.X-1 FOUND\0", "infected", "", "malware_found"),
        (VERSION, b"stream: Win.Test.X-1(" + b"4" * 32 + b":68) FOUND\0", "infected", "", "malware_found"),
        (VERSION, b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", "not_scanned", "too_large", NOT_SCANNED),
        (VERSION, b"stream: Heuristics.Encrypted.Zip FOUND\0", "clean", "", "malware_scanner_noted"),
        (VERSION, b"stream: Can't allocate memory ERROR\0", "not_scanned", "failed", NOT_SCANNED),
        (VERSION, b"", "not_scanned", "failed", NOT_SCANNED),
        (VERSION, ENDLESS, "not_scanned", "failed", NOT_SCANNED),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"", "not_scanned", "unreachable", NOT_SCANNED),
    ],
)  # fmt: skip
async def test_what_each_answer_means(
    version: bytes, answer: bytes, outcome: str, reason: str, code: str | None
) -> None:
    async with pretending(version, answer) as (place, _):
        scan, said = await Clamd(place, 60, 0).scan(CLEAN)
    assert (scan.outcome, scan.reason, said and said.code) == (outcome, reason, code)
    assert scan.malware == ("Win.Test.X-1" if outcome == "infected" else "")
    assert scan.scanner == ("" if reason == "unreachable" else VERSION[:-1].decode())


async def test_one_that_is_away_is_not_asked_by_every_letter() -> None:
    async with pretending(b"SSH-2.0-OpenSSH_9.2\r\n", b"") as (place, commands):
        one = Clamd(place, 60, 0)
        assert {(await one.scan(CLEAN))[0].reason for _ in range(20)} == {"unreachable"}
        assert commands == [b"zVERSION\0"]


async def test_the_registrar_hears_why_also_when_his_server_was_away(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    world = Dispatch(bus, tmp_path)
    async with sink() as relay:
        replies = iter(["451 4.3.0 later"])
        relay.rcpt = lambda address: next(replies, "") if address == REGISTRAR else ""
        await world.agency(relay=relay.relay, registrar=REGISTRAR)
        item = await world.letter(peer=TRUSTED)
        await world.sealed(item, scan=SCAN)
        async with world.running(nats_server.settings(), first_retry_seconds=1.0):
            alerted = await world.tells(RegistrarAlerted, item)
            await world.idle()
    assert (alerted.why, alerted.sent) == ("infected", True)
    assert len([mail for mail in relay.taken if mail.recipient == REGISTRAR]) == 1


async def test_until_sign_has_looked_no_letter_is_passed_on(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """After the grace the sender gets a provisional receipt; the letter waits for what the scanner says."""
    world = Dispatch(bus, tmp_path)
    place = f"127.0.0.1:{free_port()}"
    async with sink() as relay:
        await world.agency(relay=relay.relay, registrar=REGISTRAR)
        item = await world.letter(peer=TRUSTED)
        async with world.running(nats_server.settings(), clamd=place, grace_seconds=1.0):
            await relay.mails(1)
            await world.idle("notify-grace", "REGISTER")
            assert [mail.header("Message-ID").partition(".")[0] for mail in relay.taken] == ["<provisional"]
            await world.sealed(item, scan=SCAN)
            await relay.mails(4)
            await world.idle()
        (told,) = await world.told(LetterDelivered)
    assert told.original is None


async def test_a_letter_that_went_before_the_result_is_an_alarm(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    """Where notify was not told of the scanner: the registrar hears that the letter is in the mailbox."""
    world = Dispatch(bus, tmp_path)
    async with sink() as relay:
        await world.agency(relay=relay.relay, registrar=REGISTRAR)
        item = await world.letter(peer=TRUSTED)
        async with world.running(nats_server.settings(), grace_seconds=1.0):
            await relay.mails(2)
            await world.idle("notify-grace", "REGISTER")
            await world.sealed(item, scan=SCAN)
            await world.tells(RegistrarAlerted, item)
            await world.idle()
    (warned,) = [mail for mail in relay.taken if mail.recipient == REGISTRAR]
    assert "ก่อนทราบผลตรวจ" in warned.text
    assert NAME in warned.text


async def test_a_classified_letter_stays_classified(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    world = Dispatch(bus, tmp_path)
    async with sink() as relay:
        await world.agency(relay=relay.relay, registrar=REGISTRAR)
        item = await world.letter(series="classified", peer=TRUSTED)
        await world.sealed(item, scan=SCAN)
        async with world.running(nats_server.settings(), clamd=f"127.0.0.1:{free_port()}"):
            alerted = await world.tells(RegistrarAlerted, item)
            await world.idle()
    assert (alerted.why, alerted.sent) == ("classified", True)
    assert not await world.told(LetterDelivered)
