"""smtplib, nodemailer and curl, in clear and with TLS."""

import asyncio
import os
import smtplib
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.clients.arrivals import Arrivals
from tests.clients.letters import LONG_LINES, ORDERLY, THAI, letter
from tests.smtp.ingress import Ingress
from tests.smtp.world import World

LETTERS = ORDERLY | LONG_LINES
TO = "saraban@demo.test"
THAI_TO = "สารบรรณ@ตัวอย่าง.ไทย"
SENDER = "clerk@sender.test"
HERE = Path(__file__).parent


async def run(*command: str) -> str:
    """Run a program to its end; what it printed."""
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node_packages() -> None:
    if not (HERE / "node_modules").exists():
        assert not os.environ.get("CI"), "`make test` installs nodemailer"
        pytest.skip("needs `npm ci` in tests/clients")


# --- smtplib ----------------------------------------------------------------------------------------------------------


def by_smtplib(port: int, letters: list[bytes], *, authority: Path | None, to: str = TO, utf8: bool = False) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
        if authority is not None:
            context = ssl.create_default_context(cafile=str(authority))
            server._host = "mx.test"  # type: ignore[attr-defined]  # the certificate is for this name, the port here
            server.starttls(context=context)
        for octets in letters:
            options = ["BODY=8BITMIME", *(["SMTPUTF8"] if utf8 else [])]
            assert server.sendmail(SENDER, [to], octets, mail_options=options) == {}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_smtplib(place: World, mx: Ingress, arrivals: Arrivals, tls: bool) -> None:
    authority = place.certificate if tls else None
    await asyncio.to_thread(by_smtplib, mx.port, list(LETTERS.values()), authority=authority)
    for octets in LETTERS.values():
        arrival = await arrivals.next()
        assert arrival.octets == octets
        assert arrival.event.eight_bit
        assert (arrival.event.protocol, arrival.event.peer.tls) == (("ESMTPS", "TLSv1.3") if tls else ("ESMTP", ""))


async def test_smtplib_to_a_thai_address(mx: Ingress, arrivals: Arrivals) -> None:
    octets = letter("smtplib-thai", THAI.encode())
    await asyncio.to_thread(by_smtplib, mx.port, [octets], authority=None, to=THAI_TO, utf8=True)
    arrival = await arrivals.next()
    assert (arrival.octets, arrival.event.agency, arrival.event.protocol) == (octets, "thai", "UTF8SMTP")


# --- nodemailer -------------------------------------------------------------------------------------------------------


@pytest.mark.system("nodejs")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_nodemailer(place: World, mx: Ingress, arrivals: Arrivals, tmp_path: Path, tls: bool) -> None:
    node_packages()
    octets = letter("nodemailer", b".\r\n..x\r\n" + THAI.encode() + b"y" * 5_000 + b"\r\n")
    (tmp_path / "letter.eml").write_bytes(octets)
    words = [str(mx.port), SENDER, TO, str(tmp_path / "letter.eml"), *([str(place.certificate)] if tls else [])]
    assert (await run("node", str(HERE / "send.mjs"), *words)).startswith("250 2.6.0")
    arrival = await arrivals.next()
    assert arrival.octets == octets
    assert arrival.event.protocol == ("ESMTPS" if tls else "ESMTP")


@pytest.mark.system("nodejs")
async def test_nodemailer_to_a_thai_address(mx: Ingress, arrivals: Arrivals, tmp_path: Path) -> None:
    node_packages()
    octets = letter("nodemailer-thai", THAI.encode())
    (tmp_path / "letter.eml").write_bytes(octets)
    await run("node", str(HERE / "send.mjs"), str(mx.port), SENDER, THAI_TO, str(tmp_path / "letter.eml"))
    arrival = await arrivals.next()
    assert (arrival.octets, arrival.event.agency, arrival.event.protocol) == (octets, "thai", "UTF8SMTP")


# --- curl -------------------------------------------------------------------------------------------------------------


def by_curl(place: World, mx: Ingress, file: Path, *, tls: bool, to: str = TO) -> list[str]:
    return [
        "curl", "--silent", "--show-error", f"smtp://mx.test:{mx.port}/curl.test",
        "--resolve", f"mx.test:{mx.port}:127.0.0.1", "--mail-from", SENDER, "--mail-rcpt", to,
        "--upload-file", str(file),
        *(["--ssl-reqd", "--cacert", str(place.certificate)] if tls else []),
    ]  # fmt: skip


@pytest.mark.system("curl")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_curl(place: World, mx: Ingress, arrivals: Arrivals, tmp_path: Path, tls: bool) -> None:
    file = tmp_path / "letter.eml"
    for octets in LETTERS.values():
        file.write_bytes(octets)
        await run(*by_curl(place, mx, file, tls=tls))
        arrival = await arrivals.next()
        assert arrival.octets == octets
        assert (arrival.event.protocol, arrival.event.peer.helo) == ("ESMTPS" if tls else "ESMTP", "curl.test")


@pytest.mark.system("curl")
async def test_curl_to_a_thai_address(place: World, mx: Ingress, arrivals: Arrivals, tmp_path: Path) -> None:
    octets = letter("curl-thai", THAI.encode())
    (tmp_path / "letter.eml").write_bytes(octets)
    await run("env", "LC_ALL=C.UTF-8", *by_curl(place, mx, tmp_path / "letter.eml", tls=False, to=THAI_TO))
    arrival = await arrivals.next()
    assert (arrival.octets, arrival.event.agency, arrival.event.protocol) == (octets, "thai", "UTF8SMTP")
