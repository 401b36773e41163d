"""A letter through a real Postfix that encodes it anew, into a whole running system, and its receipt verified with the
network unplugged: by the stored letter, by the officer's copy, by the sender's own copy, and alone.
"""

import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from contracts.findings import CheckpointSealed, ReceiptSealed
from contracts.mail import MailReceived
from contracts.notices import LetterDelivered, SenderReceipted
from contracts.receipt import Head
from contracts.values import sha256_hex
from tests import pki, proofs
from tests.postfix import postfix
from tests.timestamp_authority import TimestampAuthority, timestamp_authority
from tests.world import World

pytestmark = pytest.mark.slow

OPERATOR = "ผู้ให้บริการ สารบรรณ"
SENDER = "somsri@citizen.example"
CONFIG = """\
[ingest]
trusted_networks = ["127.0.0.0/8"]
[sign]
seals = {{ operator = "{seal}" }}
operator = "{operator}"
checkpoint_seconds = 0.5
timestamp_authorities = ["{tsa}"]
dns_servers = ["127.0.0.1:9"]
dns_seconds = 0.5
sender_patience_seconds = 0
"""
AGENCY = {
    "id": "demo",
    "name": "สำนักงานตัวอย่าง",
    "domains": [{"name": "demo.example"}],
    "addresses": ["saraban@demo.example"],
    "mailboxes": [{"address": "office@demo.example"}],
    "seal": {"kind": "operator"},
}
EIGHT_BIT_STOPS = "smtp_discard_ehlo_keywords = 8bitmime, smtputf8, chunking"
"""Then Postfix makes quoted-printable of every text part that is 8bit, as it must for a next hop that is not clean."""


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[TimestampAuthority]:
    with timestamp_authority(tmp_path / "tsa") as made:
        yield made


TYPED = """
import json, sys
from tests.world import typed
for words in json.loads(sys.argv[1]):
    done = typed(["verify", *words, "--format", "json"])
    print(json.dumps([done.returncode, json.loads(done.stdout)]))
"""


def unplugged(folder: Path, *typed: Sequence[str]) -> list[tuple[int, dict[str, object]]]:
    """What `saraban verify` says, where there is no network, and watched whether it asks the kernel for one."""
    trace, words = folder / "trace", json.dumps(typed)
    done = subprocess.run(
        ["unshare", "-n", "strace", "-f", "-o", trace, "--seccomp-bpf", "-e", "trace=socket,connect,sendto,bind",
         sys.executable, "-c", TYPED, words],
        capture_output=True, timeout=120, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    asked = [line for line in trace.read_text().splitlines() if "connect(" in line or "AF_INET" in line]
    assert asked == []
    return [(code, report) for code, report in map(json.loads, done.stdout.splitlines())]


def proven(report: dict[str, object]) -> set[str]:
    findings = report["findings"]
    assert isinstance(findings, list)
    return {one["code"] for one in findings if one["status"] == "proven"}


@pytest.mark.system("postfix", "strace")
async def test_a_letter_is_proven_with_the_network_unplugged(tmp_path: Path, tsa: TimestampAuthority) -> None:
    root = pki.make_root("Operator Root")
    (tmp_path / "operator.p12").write_bytes(pki.make_signer(root, OPERATOR).pkcs12())
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "operator.pem").write_bytes(root.pem)
    (tmp_path / "trust" / "tsa.pem").write_bytes(tsa.root.pem)
    config = CONFIG.format(seal=tmp_path / "operator.p12", operator=OPERATOR, tsa=tsa.url)
    world = World(tmp_path / "world", config)
    await world.start()
    try:
        (tmp_path / "agency.json").write_text(json.dumps(AGENCY))
        world.run("agency", "import", str(tmp_path / "agency.json"))
        # A letter before it, whose row gets a signed and stamped head.
        await world.send(proofs.mail(Message_ID="<zero@citizen.example>"), SENDER, ["saraban@demo.example"])
        await world.events(CheckpointSealed, 1, lambda head: head.token is not None)

        letter = proofs.mail(To="saraban@demo.example")
        with (
            postfix(f"relayhost = [127.0.0.1]:{world.smtp}\n{EIGHT_BIT_STOPS}") as relay,
            smtplib.SMTP(relay.host, relay.port, timeout=60) as client,
        ):
            client.sendmail(SENDER, ["saraban@demo.example"], letter, mail_options=["body=8bitmime"])
            sealed = (await world.events(ReceiptSealed, 2))[1]
        await world.events(LetterDelivered, 2)
        receipted = (await world.events(SenderReceipted, 2))[1]
        arrived = (await world.events(MailReceived, 2))[1]
        stored = next(
            m.body for m in await world.stored(sealed.position.stream) if sha256_hex(m.body) == arrived.sha256
        )
        mails = {
            str(message_from_bytes(path.read_bytes(), policy=policy.default)["Message-ID"]): path
            for path in world.mails
        }
    finally:
        await world.stop()

    assert b"quoted-printable" in stored, "Postfix encoded it anew"
    assert b"8bit" in letter
    assert b"quoted-printable" not in letter
    assert isinstance(sealed.receipt.proof.head, Head)
    receipt, answer = tmp_path / "receipt.pdf", mails[receipted.message_id]
    receipt.write_bytes(sealed.pdf)
    (tmp_path / "stored.eml").write_bytes(stored)
    (tmp_path / "sent.eml").write_bytes(letter)
    (cover,) = [
        path for name, path in mails.items() if name.startswith("<cover.") and f".{sealed.position.sequence}@" in name
    ]
    everything = {
        "seal_intact",
        "seal_trusted",
        "seal_owner",
        "page_agrees",
        "row_agrees",
        "link_agrees",
        "deemed_agrees",
    }
    everything |= {"head_agrees", "token_agrees"}
    cases: list[tuple[list[Path], set[str]]] = [
        ([tmp_path / "stored.eml", receipt], {"letter_stored"}),
        ([cover, receipt], {"letter_covered"}),
        ([tmp_path / "sent.eml", answer], {"letter_message_id", "letter_text", "letter_file"}),
        ([receipt], set()),
    ]
    reports = unplugged(tmp_path, *([*map(str, files), "--trust", str(tmp_path / "trust")] for files, _ in cases))
    for (files, by), (code, report) in zip(cases, reports, strict=True):
        assert code == 0, report
        assert proven(report) >= everything | by, files
