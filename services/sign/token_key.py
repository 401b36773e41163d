"""A seal key in a PKCS#11 token (an HSM, a smart card). It never leaves it; certificates lie there, or in a file.

The only module that knows python-pkcs11, and loaded only where the operator names a token.
"""

import hashlib
import threading
from collections.abc import Sequence
from typing import Any, Final

import pkcs11
from asn1crypto import x509
from pkcs11 import Attribute, Mechanism, ObjectClass, Session
from pkcs11.exceptions import PKCS11Error, UserAlreadyLoggedIn
from pkcs11.util.ec import encode_ecdsa_signature

from services.sign.seal import SealError, SealKey
from services.sign.token_uri import TokenUri

_RSA: Final = {"sha256": Mechanism.SHA256_RSA_PKCS, "sha384": Mechanism.SHA384_RSA_PKCS}


class _TokenKey:
    """A private key in a token. A session that was lost is opened anew, once for each signature."""

    def __init__(self, uri: TokenUri, pin: str | None) -> None:
        self._uri = uri
        self._pin = pin
        self._lock = threading.Lock()  # a session does one thing at a time
        self._session: Session | None = None
        self._key: Any = None

    def sign(self, octets: bytes, digest: str) -> bytes:
        """The signature over `octets`. Raises SealError: the token does not sign now."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    return self._sign(octets, digest)
                except PKCS11Error as error:
                    self._leave()
                    if attempt == 2:
                        raise SealError(f"the token does not sign: {_said(error)}") from error
        raise AssertionError("unreachable")

    def certificates(self) -> list[x509.Certificate]:
        """Those that lie in the token; the key's own first. Raises SealError."""
        with self._lock:
            try:
                session = self._open()
                found = [
                    (one[Attribute.ID], x509.Certificate.load(one[Attribute.VALUE]))
                    for one in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})
                ]
                own = self._key[Attribute.ID]
            except PKCS11Error as error:
                self._leave()
                raise SealError(f"the token's certificates cannot be read: {_said(error)}") from error
            except (ValueError, TypeError) as error:
                raise SealError("a certificate in the token cannot be read") from error
        return [one for id_, one in found if id_ == own] + [one for id_, one in found if id_ != own]

    def _sign(self, octets: bytes, digest: str) -> bytes:
        self._open()
        if self._key.key_type == pkcs11.KeyType.RSA:
            return bytes(self._key.sign(octets, mechanism=_RSA[digest]))
        # Not every token hashes for ECDSA; all of them sign a digest.
        raw = self._key.sign(hashlib.new(digest, octets).digest(), mechanism=Mechanism.ECDSA)
        return bytes(encode_ecdsa_signature(raw))

    def _open(self) -> Session:
        if self._session is None:
            try:
                self._session = self._token_session()
                self._key = self._find(self._session)
            except BaseException:
                self._leave()
                raise
        return self._session

    def _token_session(self) -> Session:
        try:
            library = pkcs11.lib(self._uri.module)
        except (PKCS11Error, RuntimeError, OSError) as error:
            raise SealError(f"the module {self._uri.module} cannot be loaded: {error}") from error
        for slot in library.get_slots(token_present=True):
            token = slot.get_token()
            if _is(self._uri, token):
                try:
                    return token.open(user_pin=self._pin) if self._pin else token.open()
                except UserAlreadyLoggedIn:
                    return token.open()  # another key of the same token: a log-in counts for all its sessions
        raise SealError("there is no such token in any slot")

    def _find(self, session: Session) -> Any:
        wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        if self._uri.object is not None:
            wanted[Attribute.LABEL] = self._uri.object
        if self._uri.id is not None:
            wanted[Attribute.ID] = self._uri.id
        found = list(session.get_objects(wanted))
        if len(found) != 1:
            raise SealError(f"the token has {len(found) or 'no'} private key{'s' if found else ''} of this name")
        return found[0]

    def _leave(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            try:
                session.close()
            except PKCS11Error:
                return  # it is gone, which is why we leave


def load(uri: TokenUri, pin: str | None, certificates: Sequence[x509.Certificate]) -> SealKey:
    """The key that a URI names. Without `certificates` (the key's own first) those in the token are taken.

    Raises:
        SealError: it is not there, does not sign, or its certificate is another key's.
    """
    key = _TokenKey(uri, pin)
    found = list(certificates) or key.certificates()
    if not found:
        raise SealError("the token holds no certificate, and sign.seal_certificates names none")
    seal = SealKey(key, found[0], found[1:])
    if not seal.fits():
        raise SealError(f"the certificate of {seal.name} is not this key's")
    return seal


def _is(uri: TokenUri, token: Any) -> bool:
    pairs = (
        (uri.token, token.label),
        (uri.manufacturer, token.manufacturer_id),
        (uri.model, token.model),
        (uri.serial, token.serial),
    )
    return all(
        wanted is None or wanted == (is_.decode(errors="replace") if isinstance(is_, bytes) else is_).strip()
        for wanted, is_ in pairs
    )


def _said(error: PKCS11Error) -> str:
    return str(error) or type(error).__name__
