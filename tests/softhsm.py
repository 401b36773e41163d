"""SoftHSM, a PKCS#11 token in files: one for the whole run, since a process initialises the module once."""

import os
import subprocess
from pathlib import Path

import pkcs11
from cryptography.hazmat.primitives import serialization
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import UserAlreadyLoggedIn

from tests.pki import Identity

MODULES = (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/softhsm/libsofthsm2.so"))
PIN = "4711"


class SoftHsm:
    """Tokens in `folder`."""

    def __init__(self, folder: Path) -> None:
        (folder / "tokens").mkdir(parents=True)
        self._folder = folder
        self.module = next(module for module in MODULES if module.exists())
        conf = folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(conf)  # read when the module is initialised

    def token(self, label: str) -> None:
        """A new token with this label."""
        self._util("--init-token", "--free", "--label", label, "--so-pin", "0000", "--pin", PIN)
        self.restart()

    def put(self, token: str, label: str, identity: Identity, *, certificate: bool = True) -> None:
        """A key and, with it, its certificate; both with the same id, another for each label."""
        file = self._folder / "key.pem"
        file.write_bytes(
            identity.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        number = label.encode().hex()
        self._util("--import", str(file), "--token", token, "--label", label, "--id", number, "--pin", PIN)
        file.unlink()
        self.restart()
        if certificate:
            self.put_certificate(token, label, identity)

    def put_certificate(self, token: str, label: str, identity: Identity) -> None:
        """The certificate in place of the one that is there."""
        with self._session(token) as session:
            for old in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.ID: label.encode()}):
                old.destroy()
            subject = identity.certificate.subject.public_bytes()
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    Attribute.TOKEN: True,
                    Attribute.LABEL: label,
                    Attribute.ID: label.encode(),
                    Attribute.SUBJECT: subject,
                    Attribute.VALUE: identity.certificate.public_bytes(serialization.Encoding.DER),
                }
            )

    def uri(self, token: str, label: str) -> str:
        return f"pkcs11:token={token};object={label}?module-path={self.module}"

    def restart(self) -> None:
        """As after the device was unplugged: every session that was open is lost."""
        pkcs11.lib(str(self.module)).reinitialize()

    def _session(self, token: str) -> pkcs11.Session:
        found = pkcs11.lib(str(self.module)).get_token(token_label=token)
        try:
            return found.open(rw=True, user_pin=PIN)
        except UserAlreadyLoggedIn:
            return found.open(rw=True)  # by a key under test, in this process

    def _util(self, *words: str) -> None:
        subprocess.run(["softhsm2-util", "--module", self.module, *words], check=True, capture_output=True)
