"""Our mail's DKIM signatures, verified by dkimpy against the published key."""

import base64
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from contracts.directory import Dkim
from services.notify import wire
from services.notify.domain_key import Keyring
from services.notify.wire import Part

OWNER = Dkim(domain="demo.example", selector="saraban")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
MAIL = wire.compose(
    [
        wire.mailbox_field("From", "สารบรรณ สำนักงานตัวอย่าง", "saraban@demo.example"),
        wire.mailbox_field("To", "", "clerk@sender.example"),
        wire.field("Subject", "แจ้งเลขทะเบียนรับหนังสือ"),
        wire.field("Auto-Submitted", "auto-replied"),
    ],
    [Part(media_type="text/plain", content="ไทย".encode()), Part(media_type="application/pdf", content=b"%PDF" * 1000)],
    "<seed>",
)


def published(name: bytes, timeout: int = 5) -> bytes:
    """What the domain has in its DNS."""
    assert name == b"saraban._domainkey.demo.example."
    public = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def write(folder: Path, form: serialization.PrivateFormat, name: str = "demo.example.saraban.pem") -> Keyring:
    folder.mkdir(exist_ok=True)
    pem = KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / name).write_bytes(pem)
    return Keyring(folder)


@pytest.mark.parametrize("form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8])
def test_a_signed_mail_verifies(tmp_path: Path, form: serialization.PrivateFormat) -> None:
    signed = write(tmp_path / "keys", form).sign(MAIL, "demo", OWNER)
    assert signed.endswith(MAIL)
    assert dkim.verify(signed, dnsfunc=published)
    head = signed[: -len(MAIL)]
    assert b"d=demo.example" in head
    assert b"s=saraban" in head


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"saraban@demo.example", b"other@demo.example"), (b"auto-replied", b"no"), (b"JVBERiVQREYl", b"JVBERiVQREYm")],
)
def test_a_changed_mail_does_not(tmp_path: Path, old: bytes, new: bytes) -> None:
    signed = write(tmp_path / "keys", serialization.PrivateFormat.PKCS8).sign(MAIL, "demo", OWNER)
    assert old in signed
    assert not dkim.verify(signed.replace(old, new, 1), dnsfunc=published)


def test_nobody_can_add_another_author(tmp_path: Path) -> None:
    signed = write(tmp_path / "keys", serialization.PrivateFormat.PKCS8).sign(MAIL, "demo", OWNER)
    head, rest = signed[: -len(MAIL)], signed[-len(MAIL) :]
    assert not dkim.verify(b"From: evil@evil.example\r\n" + head + rest, dnsfunc=published)


def test_a_refolded_head_still_verifies(tmp_path: Path) -> None:
    signed = write(tmp_path / "keys", serialization.PrivateFormat.PKCS8).sign(MAIL, "demo", OWNER)
    assert dkim.verify(signed.replace(b"To: clerk", b"To:\r\n  clerk", 1), dnsfunc=published)


def test_without_a_key_the_mail_goes_unsigned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A receipt is a duty; the log says what to mend."""
    assert Keyring(tmp_path).sign(MAIL, "demo", OWNER) == MAIL
    assert Keyring(None).sign(MAIL, "demo", OWNER) == MAIL
    assert Keyring(tmp_path).sign(MAIL, "demo", None) == MAIL


def test_a_key_of_no_use_is_said_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "demo.example.saraban.pem").write_text("no key at all")
    assert Keyring(tmp_path).sign(MAIL, "demo", OWNER) == MAIL
    other = ed25519.Ed25519PrivateKey.generate()
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "demo.example.saraban.pem").write_bytes(pem)
    assert Keyring(tmp_path).sign(MAIL, "demo", OWNER) == MAIL


def test_a_selector_cannot_leave_the_folder(tmp_path: Path) -> None:
    keyring = write(tmp_path / "keys", serialization.PrivateFormat.PKCS8)
    write(tmp_path, serialization.PrivateFormat.PKCS8, "x.pem")
    assert keyring.sign(MAIL, "demo", Dkim(domain="demo.example", selector="/../../x")) == MAIL


def test_a_new_key_is_used_without_a_restart(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "keys")
    assert keyring.sign(MAIL, "demo", OWNER) == MAIL
    write(tmp_path / "keys", serialization.PrivateFormat.PKCS8)
    assert dkim.verify(keyring.sign(MAIL, "demo", OWNER), dnsfunc=published)
