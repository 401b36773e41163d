"""Mails that OpenSSL makes: what is judged was not made by the hand that made the corpus."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from contracts.findings import Findings
from services.sign import examine, trust
from tests.corpus_smime.mails import SENDER, text
from tests.corpus_smime.people import person, rsa_key
from tests.pki import Authority, Identity, make_root

pytestmark = [pytest.mark.slow, pytest.mark.system("openssl")]


class Maker:
    """`openssl cms` with a signer's key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root: Authority = make_root()
        self.signer: Identity = person(self.root, key=rsa_key())
        (folder / "key.pem").write_bytes(
            self.signer.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "certificate.pem").write_bytes(self.signer.certificate.public_bytes(serialization.Encoding.PEM))
        self.number = 0

    def run(self, arguments: Sequence[str], content: bytes) -> bytes:
        """A step; its output."""
        self.number += 1
        given = self.folder / f"{self.number}.in"
        given.write_bytes(content)
        done = subprocess.run(
            ["openssl", "cms", *arguments, "-in", given], cwd=self.folder, capture_output=True, timeout=120, check=True
        )
        return done.stdout

    def sign(self, *options: str, content: bytes | None = None) -> bytes:
        """A signed mail from its signer."""
        header = ["-from", SENDER, "-to", "saraban@demo.example", "-subject", "test letter"]
        who = ["-signer", "certificate.pem", "-inkey", "key.pem"]
        return self.run(["-sign", *who, *header, *options], text() if content is None else content)

    def encrypt(self, content: bytes, *options: str) -> bytes:
        """The same for the eyes of the signer alone."""
        return self.run(["-encrypt", *options, "-recip", "certificate.pem"], content)

    def judged(self, octets: bytes) -> Findings:
        """What is found in it."""
        return examine.examine_mail(octets, trust=trust.of([self.root.der]), now_ns=time.time_ns(), software="test")


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("openssl"))


FORMS = {
    "detached": (),
    "opaque": ("-nodetach",),
    "streamed": ("-nodetach", "-stream"),
    "key identifier": ("-keyid",),
    "without attributes": ("-noattr",),
    "signing-certificate-v2": ("-cades",),
    "sha-512": ("-md", "sha512"),
    "rsa-pss": ("-keyopt", "rsa_padding_mode:pss"),
    "crlf": ("-crlfeol",),
    "binary": ("-binary",),
}


@pytest.mark.parametrize("options", FORMS.values(), ids=FORMS)
def test_what_it_signs_passes(maker: Maker, options: tuple[str, ...]) -> None:
    found = maker.judged(maker.sign(*options))
    (verdict,) = found.signatures
    assert (verdict.indication, verdict.coverage) == ("TOTAL-PASSED", "whole")
    assert found.warnings == ()
    assert found.particulars.letter_number


@pytest.mark.parametrize("options", [("-text",), ("-text", "-nodetach")])
def test_what_it_makes_a_text_of_passes(maker: Maker, options: tuple[str, ...]) -> None:
    found = maker.judged(maker.sign(*options, content="ที่ นร ๑๒๐๐/ว๕๖\n".encode()))
    assert [said.indication for said in found.signatures] == ["TOTAL-PASSED"]


def test_what_it_signs_and_is_changed_fails(maker: Maker) -> None:
    mail = maker.sign(content=b"Content-Type: text/plain\n\nPay 100\n")
    changed = mail.replace(b"Pay 100", b"Pay 900")
    assert changed != mail
    (verdict,) = maker.judged(changed).signatures
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "HASH_FAILURE")


@pytest.mark.parametrize("options", [("-aes256",), ("-aes-256-gcm",), ("-des3", "-stream")])
def test_what_it_encrypts_cannot_be_read(maker: Maker, options: tuple[str, ...]) -> None:
    found = maker.judged(b"From: a@b.example\n" + maker.encrypt(text(), *options))
    assert found.signatures == ()
    assert [said.code for said in found.warnings] == ["attachment_encrypted", "smime_encrypted"]
    assert [file.encrypted for file in found.attachments] == [True]


def test_triple_wrapped(maker: Maker) -> None:
    """Signed, encrypted, signed (RFC 2634 section 1.1)."""
    found = maker.judged(maker.sign("-nodetach", content=maker.encrypt(maker.sign(), "-aes256")))
    assert [said.indication for said in found.signatures] == ["TOTAL-PASSED"]
    assert "smime_encrypted" in [said.code for said in found.warnings]
