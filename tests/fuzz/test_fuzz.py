"""The fuzzer's short form, with fixed seeds (`make fuzz` is the long one), and a look at its reference."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import letters, sessions
from tests.fuzz.answers import Answer, parse
from tests.fuzz.campaign import Campaign, campaign, transcript
from tests.fuzz.reference import Walk
from tests.fuzz.sessions import Session
from tests.fuzz.wire import speak

SEEDS = (1, 3461)
INPUTS = 5_000


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Campaign]:
    with tempfile.TemporaryDirectory() as folder, campaign(Path(folder)) as running:
        yield running


@pytest.mark.parametrize("seed", SEEDS)
def test_no_session_is_answered_wrongly(fuzzed: Campaign, seed: int) -> None:
    """Every letter with a 250 is in MAIL octet for octet, none without; nothing breaks, nothing stays in flight."""
    tally = fuzzed.run(seed, INPUTS, large=False)
    assert not tally.failed, transcript(tally.failed[0])
    assert not tally.faults
    assert tally.inputs >= INPUTS
    assert tally.kept > INPUTS / 100


def test_nothing_is_taken_from_a_client_that_was_gone_before_anybody_looked(fuzzed: Campaign) -> None:
    """Its address is lost with it, and with that every bound and all evidence."""
    gone = Session(0, 0x6FFFFF, (BEGIN, b"DATA\r\nSubject: from nobody\r\n.\r\n"), "burst", "reset", 1.0, None)
    os.kill(fuzzed.ingress.pid, signal.SIGSTOP)
    try:
        list(speak(iter([gone]), fuzzed.ingress.port))
    finally:
        os.kill(fuzzed.ingress.pid, signal.SIGCONT)
    after = Session(0, 0x6FFFFE, (BEGIN, b"DATA\r\nSubject: from somebody\r\n.\r\n"), "burst", "eof", 1.0, None)
    judged = fuzzed.round(iter([after]))
    assert [(one.problems, one.kept) for one in judged] == [([], 1)]


def test_a_session_can_be_made_again() -> None:
    assert sessions.make(7, 11) == sessions.make(7, 11)
    assert sessions.make(7, 11) != sessions.make(7, 12)


BEGIN = b"EHLO a\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<saraban@demo.test>\r\n"
BEGUN = "220 x\r\n250 x\r\n250 2.1.0 x\r\n250 2.1.5 x\r\n"
KEPT = "250 2.6.0 Kept as x\r\n"
DATA = "354 x\r\n"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"NOOP\r\n", "220 x\r\n250 Ok\r\n"),  # no enhanced code
        (b"NOOP\r\n", "220 x\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"),  # a reply to nothing
        (b"NOOP\r\nNOOP\r\n", "220 x\r\n250 2.0.0 Ok\r\n"),  # none to a command
        (b"MAIL FROM:<a@b>\r\n", "220 x\r\n250 2.1.0 x\r\n"),  # before EHLO
        (b"EHLO a\r\nMAIL FROM:<a@b>\r\n", "220 x\r\n250 x\r\n553 5.1.7 x\r\n"),
        (BEGIN[:-2] + b"\0\r\n", BEGUN),
        (BEGIN + b"DATA\r\nx\n.\nQUIT\r\n.\r\n", BEGUN + DATA + KEPT),  # smuggled
        (BEGIN + b"DATA\r\nx\n.\nQUIT\r\n.\r\n", BEGUN + DATA + KEPT + "221 2.0.0 x\r\n"),  # ended at LF.LF
        (BEGIN + b"DATA\r\nx\r\n.\r\n", BEGUN + DATA + "451 4.3.0 x\r\n"),
        (BEGIN + b"BDAT 3 LAST\r\nx\n.", BEGUN + KEPT),
        (BEGIN + b"BDAT 4\r\n.\nabBDAT 0 LAST\r\n", BEGUN + "250 2.0.0 x\r\n" + KEPT),  # at the beginning
        (BEGIN + b"BDAT 6 LAST\r\nNOOP\r\n", BEGUN + KEPT + "250 2.0.0 x\r\n"),  # a chunk obeyed
    ],
)
def test_the_reference_sees_a_wrong_answer(sent: bytes, said: str) -> None:
    assert Walk(sent, parse(said.encode()), cut=False).over().problems


@pytest.mark.parametrize(
    ("sent", "said", "letter"),
    [
        (b"DATA\r\n..a\r\n.b\r\n.\r\n", DATA + KEPT, b".a\r\nb\r\n"),
        (b"DATA\r\n.\r\n", DATA + KEPT, b""),
        (b"BDAT 2\r\n.\rBDAT 2 LAST\r\n\nb", "250 2.0.0 x\r\n" + KEPT, b".\r\nb"),
    ],
)
def test_the_reference_knows_a_letter(sent: bytes, said: str, letter: bytes) -> None:
    verdict = Walk(BEGIN + sent, parse((BEGUN + said).encode()), cut=False).over()
    assert not verdict.problems
    assert [(kept.agencies, kept.octets) for kept in verdict.kept] == [(frozenset({"demo"}), letter)]


def test_replies_are_read_whole() -> None:
    assert parse(b"250-a\r\n250 b\r\n221 2.0.0 c\r\n25") == [Answer(250, "a b"), Answer(221, "2.0.0 c")]


def test_a_lone_dot_is_one_for_lax_readers_only() -> None:
    assert not letters.lone_dot(b"a\r\n.\r\n")
    assert all(letters.lone_dot(b"a" + before + b"." + behind + b"\r\n") for before, behind in [
        (b"\n", b"\n"), (b"\r", b"\r"), (b"\r\n", b"\n"), (b"\n", b"\r\n"), (b"\r", b"\r\n"), (b"\r\n", b"\rx"),
    ])  # fmt: skip
