"""DKIM of our own mails (RFC 6376): the public half of the key that `notify` signs with."""

import base64
import re
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from contracts.directory import Dkim
from services.commands.dns.lookup import Lookup, SilenceError
from services.commands.dns.record import Record, State, quoted, silent, tags
from services.runtime.directory import normalise_domain

_SHORT: Final = 2_048
_SPACE: Final = re.compile(r"\s+")


class Key(NamedTuple):
    """The public half of a key, or why there is none."""

    octets: str = ""
    """base64 of the SubjectPublicKeyInfo."""
    bits: int = 0
    problem: str = ""


def public_key(folder: Path | None, owner: Dkim) -> Key:
    """Read the private key as `notify` does, and give its public half."""
    if folder is None:
        return Key(problem="[notify] dkim_keys names no folder")
    path = folder / f"{normalise_domain(owner.domain)}.{owner.selector}.pem"
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        return Key(problem=f"{path}: {error.strerror}")
    except (ValueError, TypeError) as error:
        return Key(problem=f"{path}: is no private key that can be read: {error}")
    if not isinstance(key, rsa.RSAPrivateKey):
        return Key(problem=f"{path}: is not an RSA key")
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(base64.b64encode(der).decode("ascii"), key.key_size)


async def dkim_record(lookup: Lookup, domain: str, owner: Dkim | None, folder: Path | None) -> Record:
    """Judge the key's record; `domain` is where it should be if the agency has none yet."""
    if owner is None:
        return Record(
            purpose="DKIM",
            name=f"saraban._domainkey.{domain}",
            kind="TXT",
            state=State.MISSING,
            remedy=f"our mails go unsigned: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "
            f'{domain}.saraban.pem` in [notify] dkim_keys, and dkim = {{domain = "{domain}", selector = "saraban"}} '
            "in the directory",
        )
    name = f"{owner.selector}._domainkey.{normalise_domain(owner.domain)}"
    key = public_key(folder, owner)
    wanted = (f"v=DKIM1; k=rsa; p={key.octets}",) if key.octets else ()
    try:
        found = (await lookup.ask(name, "TXT")).records
    except SilenceError as error:
        return silent("DKIM", name, "TXT", error, wanted)
    state, remedy = _judgement(found, key)
    return Record(purpose="DKIM", name=name, kind="TXT", values=wanted, found=found, state=state, remedy=remedy)


def _judgement(found: tuple[str, ...], key: Key) -> tuple[State, str]:
    if key.problem:
        # A key that only `notify`'s user may read says nothing about the record.
        state = State.SILENT if found else State.MISSING
        return state, f"{key.problem}: our mails go unsigned, unless `notify` reads another file than this command"
    if not found:
        return State.MISSING, "publish it; the zone form has it in strings of 255 octets"
    if len(found) > 1:
        return State.IN_THE_WAY, "several records under one selector: receivers may take any; keep one"
    said = tags(found[0])
    if "p" not in said:
        return State.IN_THE_WAY, f"{quoted(found)} is no DKIM key"
    published = _SPACE.sub("", said["p"])
    if not published:
        return State.DIFFERS, "the key is revoked (empty p=): replace it by this one"
    if published != key.octets:
        return State.DIFFERS, "another key is published: our signatures fail; replace it, or give notify the right file"
    notes = [f"RSA, {key.bits} bits"]
    if key.bits < _SHORT:
        notes.append("2048 would be better")
    if "y" in said.get("t", "").split(":"):
        notes.append("t=y says that it is only a test: take it out")
    return State.OK, "; ".join(notes)
