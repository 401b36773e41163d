"""DKIM signatures of any shape for tests, made by RFC 6376 with nothing of the library that verifies them."""

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_HASHES: dict[str, hashes.HashAlgorithm] = {"rsa-sha256": hashes.SHA256(), "rsa-sha1": hashes.SHA1()}


def record(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, tags: str = "v=DKIM1; k=rsa") -> str:
    """The TXT record of a key."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{tags}; p={base64.b64encode(der).decode()}"


def signed(octets: bytes, key: rsa.RSAPrivateKey, *, headers: str = "from:subject", **tags: str | None) -> bytes:
    """The letter with a signature before it, relaxed/relaxed; `tags` replace or, with None, take out."""
    head, _, body = octets.partition(b"\r\n\r\n")
    values: dict[str, str | None] = {
        "v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": "my-agency.go.th", "s": "s", "h": headers,
    }  # fmt: skip
    values |= tags
    algorithm = _HASHES.get(values["a"] or "", hashes.SHA256())
    canonical = _body(body)
    if values.get("l"):
        canonical = canonical[: int(values["l"] or 0)]
    values.setdefault("bh", base64.b64encode(hashlib.new(algorithm.name, canonical).digest()).decode())
    field = "; ".join(f"{name}={value}" for name, value in values.items() if value is not None) + "; b="
    lines = re.split(rb"\r\n(?![ \t])", head)
    text = b""
    for name in headers.split(":"):
        found = [line for line in lines if line.lower().startswith(name.encode() + b":")]
        text += b"".join(_header(line) + b"\r\n" for line in found[-1:])
    text += _header(b"DKIM-Signature: " + field.encode())
    signature = base64.b64encode(key.sign(text, padding.PKCS1v15(), algorithm)).decode()
    return f"DKIM-Signature: {field}{signature}\r\n".encode() + octets


def _header(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return name.strip().lower() + b":" + re.sub(rb"\s+", b" ", value).strip()


def _body(body: bytes) -> bytes:
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    return re.sub(rb"(\r\n)*\Z", b"", b"\r\n".join(lines)) + b"\r\n" if any(lines) else b""
