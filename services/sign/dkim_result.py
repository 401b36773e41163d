"""DKIM (RFC 6376) and ARC (RFC 8617) by dkimpy, in the words of RFC 8601.

What dkimpy 1.1.8 does not look at is looked at here: that From is signed at all, the flags of the key's record, keys
that were withdrawn, and that a signature's time is judged by when the letter came and not by when it is examined.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from services.sign.mail_domains import ascii_domain, has_field
from services.sign.questions import Ask, NoAnswerError, Records

SIGNATURES = 5
"""Most DKIM signatures of one letter that are verified; each costs a pass over its body."""
ARC_SETS = 10
"""Most hops of an ARC chain that are verified, for the same reason; RFC 8617 section 4.2.1 allows 50."""
MIN_KEY_BITS = 1024
"""RFC 8301 section 3.2: verifiers take no shorter RSA key."""

_ORDER = ("pass", "temperror", "fail", "policy", "permerror", "neutral")
"""Of several signatures the best for the sender counts."""
_QUIET = logging.getLogger("saraban.dkim")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
_RESULT = re.compile(r"(?:^|;)\s*(spf|dkim|dmarc|arc)\s*=\s*([a-z]{3,10})\b", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]{0,500}\)")


class Arc(NamedTuple):
    """State of the chain; where it passes, who sealed it last and what that domain says it saw."""

    state: str
    domain: str = ""
    results: tuple[str, ...] = ()


def dkim_result(octets: bytes, received_at: float, ask: Ask) -> tuple[str, tuple[str, ...]]:
    """Pass if any signature does; the domains of those that do. `received_at`: seconds of the epoch."""
    if not has_field(octets, b"DKIM-Signature"):
        return "none", ()
    with _clock(received_at):
        try:
            verifier = dkim.DKIM(octets, logger=_QUIET, minkey=MIN_KEY_BITS)
        except (dkim.DKIMException, ValueError, IndexError):
            return "permerror", ()
        count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
        results: list[str] = []
        domains: dict[str, None] = {}
        for index in range(min(count, SIGNATURES)):
            result = _one(verifier, index, ask)
            results.append(result)
            if result == "pass":
                domains.setdefault(ascii_domain(verifier.domain.decode("utf-8", "replace")))
    return next((result for result in _ORDER if result in results), "none"), tuple(domains)


def _one(verifier: dkim.DKIM, index: int, ask: Ask) -> str:
    try:
        fields, signed, _ = verifier.verify_headerprep(index)
    except Exception:  # noqa: BLE001 - dkimpy raises plain errors on signatures that are not to be read
        return "fail" if _expired(verifier, index) else "neutral"
    if fields[b"a"] == b"rsa-sha1":
        return "policy"  # RFC 8301 section 3.1
    if b"from" not in signed:
        return "permerror"  # section 6.1.1: who wrote it is not signed, so anybody may have
    try:
        record = _key_record(fields[b"s"] + b"._domainkey." + fields[b"d"], ask)
    except NoAnswerError:
        return "temperror"
    key = _key(record, fields)
    if key is None:
        return "permerror"
    # Without s=, of which dkimpy knows single words only; it was looked at above.
    result = _verified(verifier, index, b"; ".join(name + b"=" + value for name, value in key.items() if name != b"s"))
    if result == "fail" and b"y" in _flags(key):
        return "neutral"  # section 3.6.1: the domain says that it is still trying; a failure says nothing then
    if result == "pass" and b"l" in fields:
        return "policy"  # a signature over the first octets only lets anybody write what follows them
    return result


def _verified(verifier: dkim.DKIM, index: int, record: bytes) -> str:
    if verifier.signature_fields[b"a"].startswith(b"ed25519-"):
        dkim.nacl = _ed25519()
    try:
        dkim.evaluate_pk("key", record)  # `verify` would call a key that cannot be read a failure
    except Exception:  # noqa: BLE001 - dkimpy raises plain errors on keys that are none
        return "permerror"
    try:
        valid = verifier.verify(idx=index, dnsfunc=lambda name, timeout=0: record)
    except dkim.KeyFormatError as error:
        return "policy" if "too small" in str(error) else "permerror"
    except dkim.ValidationError:
        return "fail"
    except Exception:  # noqa: BLE001 - dkimpy raises plain errors on signatures that are not to be read
        return "neutral"
    return "pass" if valid else "fail"


def _ed25519() -> SimpleNamespace:
    """What dkimpy asks of PyNaCl for RFC 8463, by the library that is here; loaded for such signatures alone."""
    import base64

    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    class Key:
        def __init__(self, text: bytes, encoder: object) -> None:
            self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text))

        def verify(self, digest: bytes, signature: bytes) -> None:
            self._key.verify(signature, digest)

    return SimpleNamespace(
        signing=SimpleNamespace(VerifyKey=Key),
        encoding=SimpleNamespace(Base64Encoder=None),
        exceptions=SimpleNamespace(ValueError=ValueError, BadSignatureError=InvalidSignature),
    )


def _key_record(name: bytes, ask: Ask) -> bytes:
    """The key's record; of several at one name, one that is a key. Empty if there is none."""
    records: Records = ask(name.decode("utf-8", "replace"), "TXT")
    keys = [record for record in records if re.search(r"(?:^|;)\s*p\s*=", record)]
    return (keys or [*records, ""])[0].encode("latin-1", "replace")


def _key(record: bytes, fields: dict[bytes, bytes]) -> dict[bytes, bytes] | None:
    """The tags of the key's record, if this key may have made this signature (section 3.6.1, 6.1.2)."""
    try:
        tags: dict[bytes, bytes] = parse_tag_value(record)
    except InvalidTagValueList:
        return None
    algorithm, _, digest = fields[b"a"].partition(b"-")
    if not tags.get(b"p", b"").strip():
        return None  # none, or withdrawn
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or tags.get(b"k", b"rsa") != algorithm:
        return None
    if b"h" in tags and digest not in _words(tags[b"h"]):
        return None
    if b"s" in tags and not {b"*", b"email"} & _words(tags[b"s"]):
        return None
    identity = fields.get(b"i", b"@" + fields[b"d"]).rpartition(b"@")[2].lower()
    if b"s" in _flags(tags) and identity != fields[b"d"].lower():
        return None
    return tags


def _flags(tags: dict[bytes, bytes]) -> set[bytes]:
    return _words(tags.get(b"t", b""))


def _words(value: bytes) -> set[bytes]:
    return {word.strip() for word in value.split(b":")}


def _expired(verifier: dkim.DKIM, index: int) -> bool:
    """Whether the one thing wrong with a signature may be its age."""
    headers = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    try:
        fields = parse_tag_value(headers[index])
        made, expires = int(fields.get(b"t", b"0")), int(fields.get(b"x", b""))
    except (InvalidTagValueList, ValueError):
        return False
    return made <= expires < float(dkim.time.time())


def arc_result(octets: bytes, received_at: float, ask: Ask) -> Arc:
    """State of the ARC chain: none, pass, fail; temperror or policy where it was not verified to its end."""
    if not has_field(octets, b"ARC-Seal"):
        return Arc("none")
    with _clock(received_at):
        try:
            chain = dkim.ARC(octets, logger=_QUIET, minkey=MIN_KEY_BITS)
            if sum(1 for name, _ in chain.headers if name.lower() == b"arc-seal") > ARC_SETS:
                return Arc("policy")
            state, sets, _ = chain.verify(dnsfunc=lambda name, timeout=0: _key_record(name, ask))
        except NoAnswerError:
            return Arc("temperror")
        except Exception:  # noqa: BLE001 - the same as for DKIM
            return Arc("fail")
    if state != b"pass":
        return Arc("none" if state == b"none" else "fail")
    newest = sets[0]
    return Arc("pass", ascii_domain(newest["as-domain"].decode("utf-8", "replace")), _claims(newest["aar-value"]))


def _claims(header: bytes) -> tuple[str, ...]:
    """Method and result of each statement of an ARC-Authentication-Results line; addresses in it are left behind."""
    text = _COMMENT.sub("", header[:4_096].decode("ascii", "replace"))
    found = [f"{method.lower()}={result.lower()}" for method, result in _RESULT.findall(text)]
    return tuple(dict.fromkeys(found))[:8]


@contextmanager
def _clock(instant: float) -> Iterator[None]:
    """dkimpy asks its module `time`. A signature has to be valid when the letter came (section 3.5, x=)."""
    before = dkim.time
    dkim.time = SimpleNamespace(time=lambda: instant)
    try:
        yield
    finally:
        dkim.time = before
