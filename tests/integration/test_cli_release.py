"""A receipt that was held because nobody vouches for its sender, and the officer who sends it all the same."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.notices import SenderReceipted
from tests.world import World

pytestmark = pytest.mark.slow

# Nobody is trusted, and nobody answers for SPF: whoever says who he is may be anybody.
CONFIG = """\
[ingest]
trusted_networks = []
[sign]
dns_servers = ["127.0.0.1:1"]
dns_seconds = 0.5
sender_patience_seconds = 0
"""
AGENCY = {
    "id": "held",
    "name": "หน่วยงาน",
    "domains": [{"name": "held.example"}],
    "addresses": ["saraban@held.example"],
    "mailboxes": [{"address": "office@held.example"}],
    "seal": {"kind": "test"},
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "world", CONFIG)
    await world.start()
    yield world
    await world.stop()


async def test_a_held_receipt_goes_out_when_an_officer_releases_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "agency.json").write_text(json.dumps(AGENCY))
    assert "ทดสอบ" in world.run("agency", "import", str(tmp_path / "agency.json")).stderr
    path = tmp_path / "letter.eml"
    path.write_bytes(b"From: victim@elsewhere.example\r\nMessage-ID: <1@elsewhere.example>\r\nSubject: x\r\n\r\nx\r\n")

    said = world.run("send", str(path), "--from", "victim@elsewhere.example").stdout
    assert "held, no mail left: unauthenticated" in said
    mails = [mail.name for mail in world.mails]
    assert len(mails) == 1, "the officers have the letter; the supposed sender has nothing"
    assert mails[0].startswith("cover")

    (row,) = world.rows()
    world.run(
        "order", "release", str(row["number"]), "--agency", "held", "--year", str(row["year"]),
        "--by", "นางมาลี สุขใจ", "--reason", "ผู้ส่งยืนยันทางโทรศัพท์",
    )  # fmt: skip
    (receipted,) = await world.events(SenderReceipted, 1)
    assert receipted.sent
    (mail,) = [mail for mail in world.mails if mail.name not in mails]
    assert b"Delivered-To: victim@elsewhere.example\r\n" in mail.read_bytes()
    assert world.run("audit").returncode == 0
