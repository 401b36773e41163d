"""A letter as somebody has it, against its receipt: as stored, in the officer's cover mail, the sender's own copy.

The strongest proof that holds is the one that is stated. Octets of the whole letter come first; then the letter's id
in the row, which relays that only add trace fields or fold lines leave alone; then Message-ID, text and attachments
one by one, which outlive a relay that encodes anew.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from contracts.receipt import Receipt, ReceivedFile, Text
from contracts.values import sha256_hex
from services.ingest import header_lines
from services.ingest.identity import identify
from services.sign import body_hash, message
from services.verify.report import Finding
from services.verify.sentences import say

_BARE_NEWLINE: Final = re.compile(rb"(?<!\r)\n")


class Copy(Struct, frozen=True):
    """One mail that may be the letter."""

    octets: bytes
    inside: bool
    """It was attached to another mail: the officer's copy."""

    @property
    def message_id(self) -> str:
        """As the ingress reads it."""
        return header_lines.message_id(self.octets[: header_lines.HEAD_BYTES]).strip()


def check(octets: bytes, receipt: Receipt) -> list[Finding]:
    """What of the letter is proven by the receipt, and by which part of it."""
    if receipt.sha256 is not None:
        for copy in _copies(octets):
            if case := _exact(copy, receipt):
                return [say(case)]
    if not message.read(octets).readable:
        return list(_file(octets, receipt))
    meant = _meant(octets, receipt)
    if meant is None:
        return [_unlike(receipt)]
    if _identity(meant.octets, receipt):
        return [say("letter_named")]
    return list(_pieces(meant, receipt))


def is_of(octets: bytes, receipt: Receipt) -> bool:
    """Whether these octets are a letter of this receipt, or meant to be: not a receipt that has to be read."""
    if sha256_hex(octets) in {file.sha256 for file in _files(receipt)}:
        return True
    return any(_exact(copy, receipt) or _same_message_id(copy, receipt) for copy in _copies(octets))


def _copies(octets: bytes) -> Iterator[Copy]:
    yield Copy(octets, False)
    for part in message.read(octets).parts:
        if part.media_type == "message/rfc822" or part.name.lower().endswith(".eml"):
            yield Copy(part.octets, True)


def _exact(copy: Copy, receipt: Receipt) -> str | None:
    """Octet for octet; a mail folder may have changed the line ends, and these alone."""
    if sha256_hex(copy.octets) == receipt.sha256:
        return "letter_covered" if copy.inside else "letter_stored"
    restored = _BARE_NEWLINE.sub(b"\r\n", copy.octets)
    if receipt.sha256 in (sha256_hex(restored), sha256_hex(restored + b"\r\n")):
        return "letter_line_ends"
    return None


def _meant(octets: bytes, receipt: Receipt) -> Copy | None:
    """The mail, given or attached to it, that has most in common with the letter; None where none has anything."""
    ranked = sorted(_copies(octets), key=lambda copy: _resemblance(copy, receipt), reverse=True)
    return ranked[0] if _resemblance(ranked[0], receipt) > 0 else None


def _resemblance(copy: Copy, receipt: Receipt) -> int:
    taken = message.read(copy.octets)
    digests = {sha256_hex(part.octets) for part in taken.parts}
    return (
        8 * _identity(copy.octets, receipt)
        + 4 * _same_message_id(copy, receipt)
        + 2 * _stated(receipt.body_sha256, body_hash.body_sha256(copy.octets))
        + 2 * (bool(taken.text_digests) and _stated(receipt.text_sha256, taken.text_sha256))
        + any(file.sha256 in digests for file in _files(receipt))
    )


def _identity(octets: bytes, receipt: Receipt) -> bool:
    """Whether it has the letter's id (services/ingest/identity.py), which the row carries."""
    restored = _BARE_NEWLINE.sub(b"\r\n", octets)
    for candidate in (octets, restored, restored + b"\r\n"):
        section = header_lines.read(candidate[: header_lines.HEAD_BYTES])
        body = hashlib.sha256(candidate[section.body :]).digest()
        if receipt.mail is not None and identify(receipt.agency, section, body) == receipt.mail:
            return True
    return False


def _pieces(copy: Copy, receipt: Receipt) -> Iterator[Finding]:
    taken = message.read(copy.octets)
    if isinstance(receipt.message_id, Text):
        if _same_message_id(copy, receipt):
            yield say("letter_message_id")
        elif not copy.message_id:
            yield say("letter_no_message_id")
        else:
            yield say("letter_other_message_id", found=copy.message_id or "-", said=receipt.message_id.value)
    if _stated(receipt.body_sha256, body_hash.body_sha256(copy.octets)):
        yield say("letter_body")
        yield say("letter_header_differs")
        return
    if not isinstance(receipt.body_sha256, Text) and not isinstance(receipt.files, tuple):
        yield say("letter_not_comparable")
        return
    yield _text(taken, receipt)
    yield from _attachments(taken.parts, receipt)
    yield say("letter_header_open")


def _text(taken: message.Message, receipt: Receipt) -> Finding:
    if not isinstance(receipt.text_sha256, Text):
        return say("letter_text_unknown")
    return say("letter_text" if receipt.text_sha256.value == taken.text_sha256 else "letter_other_text")


def _attachments(parts: Sequence[message.Part], receipt: Receipt) -> Iterator[Finding]:
    """Each file of the receipt in the copy, by its digest; then what the copy has beside."""
    if not isinstance(receipt.files, tuple):
        yield say("letter_files_unknown")
        return
    left = Counter(sha256_hex(part.octets) for part in parts)
    lacking: list[ReceivedFile] = []
    for file in receipt.files:
        if left[file.sha256]:
            left[file.sha256] -= 1
            yield say("letter_file", file=file.name)
        else:
            lacking.append(file)
    # What an S/MIME file carries came with that file; receipts of earlier versions list the file alone.
    added = [part for part in parts if _taken(left, sha256_hex(part.octets)) and not part.inside]
    for file in lacking:
        changed = next((part for part in added if part.name == file.name), None)
        if changed is not None:
            added.remove(changed)
        yield say("letter_file_changed" if changed else "letter_file_missing", file=file.name)
    for part in added:
        if part.inside:
            continue  # older receipts do not name what lies in a winmail.dat, which they do name
        yield say("letter_file_added", file=part.name)


def _taken(left: Counter[str], digest: str) -> bool:
    if not left[digest]:
        return False
    left[digest] -= 1
    return True


def _file(octets: bytes, receipt: Receipt) -> Iterator[Finding]:
    """A file that is no mail: one of the letter's attachments, by itself."""
    if not isinstance(receipt.files, tuple):
        yield say("letter_files_unknown")
        return
    digest = sha256_hex(octets)
    found = next((file for file in receipt.files if file.sha256 == digest), None)
    if found is None:
        yield say("letter_no_file")
        return
    yield say("letter_is_file", file=found.name)
    yield say("letter_rest_open")


def _unlike(receipt: Receipt) -> Finding:
    """A mail that has nothing in common with the letter."""
    known = isinstance(receipt.message_id, Text) or isinstance(receipt.body_sha256, Text)
    return say("letter_other" if known else "letter_not_comparable")


def _same_message_id(copy: Copy, receipt: Receipt) -> bool:
    said = receipt.message_id
    return isinstance(said, Text) and " ".join(copy.message_id.split()) == " ".join(said.value.split()) != ""


def _stated(said: object, digest: str) -> bool:
    return isinstance(said, Text) and said.value == digest


def _files(receipt: Receipt) -> tuple[ReceivedFile, ...]:
    return receipt.files if isinstance(receipt.files, tuple) else ()
