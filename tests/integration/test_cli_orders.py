"""An officer's orders at the command line of a running system, and what the book says of them in every form."""

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from services.commands.order_given import KEPT
from tests.conftest import THIS_YEAR
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.slow

OFFICER = ("--agency", "demo", "--by", "นางมาลี สุขใจ", "--reason", "ทดสอบ")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "world")
    await world.start()
    yield world
    await world.stop()


def a_letter(number: int) -> bytes:
    return (
        f"From: clerk@sender.localhost\r\nMessage-ID: <{number}@sender.localhost>\r\n"
        f"Subject: =?utf-8?q?=E0=B8=97=E0=B8=B5=E0=B9=88?= {number}\r\n\r\nx\r\n"
    ).encode()


async def test_the_life_of_entries(world: World, tmp_path: Path) -> None:
    """Entered, noted, corrected, voided, moved; refused where it makes no sense; listed, printed, found."""
    for number in range(1, 4):
        await world.send(a_letter(number))
    await until(lambda: len(world.rows()) == 3)

    # A letter of paper takes the next number of the same book.
    said = world.run(
        "order", "enter", *OFFICER, "--from", "กรมที่ดิน", "--subject", "ขอความอนุเคราะห์", "--letter-number",
        "มท ๐๕๑๑/ว๙", "--letter-date", "๑ มกราคม ๒๕๖๙", "--to", "ผู้อำนวยการ",
    ).stderr  # fmt: skip
    assert f"(received 4/{THIS_YEAR})" in said
    assert "noted" in world.run("order", "note", "4", "มอบกองคลัง", *OFFICER).stderr
    assert "corrected" in world.run("order", "correct", "2", "--subject", "เรื่องที่แก้แล้ว", *OFFICER).stderr
    assert "voided" in world.run("order", "void", "1", *OFFICER).stderr
    assert f"(general 1/{THIS_YEAR})" in world.run("order", "move", "3", "--to-series", "general", *OFFICER).stderr

    # What makes no sense is said before anything is published.
    before = len(await world.stored("ORDERS"))
    for words, reason in (
        (("void", "1"), "is void already by นางมาลี สุขใจ: ทดสอบ"),
        (("note", "99", "x"), "there is no entry 99"),
        (("move", "3", "--to-series", "classified"), "was moved to general"),
        (("correct", "2"), "nothing to correct"),
        (("move", "2", "--to-series", "received"), "where it stands already"),
        (("enter", "--from", "x", "--subject", "y", "--letter-date", "31 ก.พ. 2569"), "--letter-date"),
        (("enter", "--from", "x", "--subject", "y", "--series", "classified"), "registrar_certificate"),
    ):
        done = world.run("order", *words, *OFFICER, check=False)
        assert done.returncode in (1, 2), words
        assert reason in done.stderr, done.stderr
    assert len(await world.stored("ORDERS")) == before
    # What only the register knows comes back as its reason.
    refused = world.run("order", "open", "--first", "500", *OFFICER, check=False)
    assert refused.returncode == 1
    assert "has entries already" in refused.stderr

    rows: dict[Any, Any] = {(row["series"], row["number"]): row for row in world.rows()}
    states = {key: row["state"] for key, row in rows.items()}
    assert states == {
        ("received", 1): "voided", ("received", 2): "entered", ("received", 3): "moved", ("received", 4): "entered",
        ("general", 1): "entered",
    }  # fmt: skip
    assert rows["received", 2]["subject"] == "เรื่องที่แก้แล้ว"
    assert rows["received", 2]["sender"] == "citizen@sender.localhost", "what is not named stays"
    assert rows["received", 3]["moved_to"] == {"series": "general", "year": THIS_YEAR, "number": 1}
    assert (rows["received", 4]["channel"], rows["received", 4]["entered_by"]) == ("paper", "นางมาลี สุขใจ")
    (note,) = rows["received", 4]["actions"]
    assert (note["kind"], note["text"], note["by"]) == ("noted", "มอบกองคลัง", "นางมาลี สุขใจ")
    table = world.run("register", "list").stdout
    assert "ยกเลิก (นางมาลี สุขใจ: ทดสอบ)" in table
    assert f"moved to general 1/{THIS_YEAR}" in table
    history = world.run("register", "show", "2").stdout
    assert "came by mail" in history
    assert "corrected by นางมาลี สุขใจ: ทดสอบ" in history

    # Its series are numbered alike: the first letter, and the third, which was moved, each once with its own way.
    way = world.run("where", f"สตย ร/{THIS_YEAR}/1")
    hops = [
        json.loads(line) for line in world.run("where", f"สตย ร/{THIS_YEAR}/1", "--format", "jsonl").stdout.splitlines()
    ]
    assert "not numbered yet" not in way.stderr
    assert [hop["number"] for hop in hops if hop["hop"] == "numbered"] == [1, 3]
    assert [(hop["series"], hop["number"]) for hop in hops if hop.get("order") == "move"] == [("general", 1)]
    assert "did not come by mail (paper)" in world.run("where", f"สตย ร/{THIS_YEAR}/4").stderr

    paper = tmp_path / "book.pdf"
    assert "4 entries on 1 page (" in world.run("register", "print", "-o", str(paper)).stderr
    with pypdfium2.PdfDocument(paper) as document:
        text = document[0].get_textpage().get_text_range()
    assert "ยกเลิก" in text
    assert "มอบกองคลัง" in text
    assert "๑ ม.ค. ๒๕๖๙" in text

    asked: list[tuple[list[str], int]] = [
        (["เรื่องที่แก้แล้ว"], 2),
        (["--letter-number", "มท 0511/ว9"], 4),
        (["--sender", "กรมที่ดิน"], 4),
    ]
    for given, number in asked:
        found = world.run("register", "search", *given, "--format", "jsonl").stdout
        assert [json.loads(line)["number"] for line in found.splitlines()] == [number], given
    assert world.run("audit").returncode == 0


async def test_an_order_that_nobody_carries_out_is_kept_and_said(world: World) -> None:
    register = world.pid("register")
    os.kill(register, signal.SIGSTOP)
    try:
        kept = world.run(
            "order", "enter", *OFFICER, "--from", "x", "--subject", "y", "--wait-seconds", "0.5", check=False
        )
        assert kept.returncode == KEPT
        assert "the order is kept (ORDERS:1)" in kept.stderr
    finally:
        os.kill(register, signal.SIGCONT)
    done = world.run("order", "enter", *OFFICER, "--from", "x", "--subject", "z")
    assert f"(received 2/{THIS_YEAR})" in done.stderr, "the first one was carried out before"
