"""swaks: plain, with TLS, with pipelining, and to a Thai address."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.clients.arrivals import Arrivals
from tests.clients.letters import LONG_LINES, ORDERLY, THAI, letter
from tests.smtp.ingress import Ingress
from tests.smtp.world import World

pytestmark = pytest.mark.system("swaks")

LETTERS = ORDERLY | LONG_LINES
TO = "saraban@demo.test"
SENDER = "clerk@sender.test"


async def swaks(port: int, octets: bytes, file: Path, *words: str, sender: str = SENDER, to: str = TO) -> str:
    """Hand a letter over by way of `file`; the whole dialogue. swaks itself ends the last line."""
    file.write_bytes(octets.removesuffix(b"\r\n"))
    command = ["swaks", "--server", f"127.0.0.1:{port}", "--helo", "swaks.test", "--from", sender, "--to", to,
               "--data", f"@{file}", "--suppress-data", *words]  # fmt: skip
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("words", [(), ("--pipeline",), ("--tls",), ("--tls", "--pipeline")], ids=" ".join)
async def test_swaks(place: World, mx: Ingress, arrivals: Arrivals, tmp_path: Path, words: tuple[str, ...]) -> None:
    tls = "--tls" in words
    verify = ("--tls-verify", "--tls-ca-path", str(place.certificate)) if tls else ()
    for name, octets in LETTERS.items():
        said = await swaks(mx.port, octets, tmp_path / f"{name}.eml", *words, *verify)
        arrival = await arrivals.next()
        assert arrival.octets == octets
        assert arrival.event.protocol == ("ESMTPS" if tls else "ESMTP")
        assert arrival.event.peer.helo == "swaks.test"
        if "--pipeline" in words:
            mail = said.index("MAIL FROM:")
            assert "<" not in said[mail : said.index("RCPT TO:")].replace("FROM:<", ""), "no reply between the two"


async def test_swaks_to_a_thai_address(mx: Ingress, arrivals: Arrivals, tmp_path: Path) -> None:
    octets = letter("swaks-thai", THAI.encode())
    # swaks has no word for SMTPUTF8, but says what --from is, between angle brackets: the last of them is ENVID's.
    sender = f"{SENDER}> SMTPUTF8 ENVID=swaks"
    said = await swaks(mx.port, octets, tmp_path / "letter.eml", sender=sender, to="สารบรรณ@ตัวอย่าง.ไทย")
    assert "RCPT TO:<สารบรรณ@ตัวอย่าง.ไทย>" in said
    arrival = await arrivals.next()
    assert (arrival.octets, arrival.event.agency, arrival.event.protocol) == (octets, "thai", "UTF8SMTP")
    assert [recipient.address for recipient in arrival.event.recipients] == ["สารบรรณ@ตัวอย่าง.ไทย"]
