"""Where a PDF file names its signatures, and whether their frame is one: for the child process only."""

import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyhanko.pdf_utils.crypt import AuthStatus
from pyhanko.pdf_utils.misc import PdfDecodeLimitError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.fields import enumerate_sig_fields

from services.sign.signature_policy import LIMITS, MALFORMED

SIGNATURES = 32
"""Most signatures of one file."""
REVISIONS = 64
"""Most earlier revisions that are searched for signatures which the file no longer shows."""

_SIGNED = re.compile(rb"/ByteRange\s*\[")


class EncryptedError(Exception):
    """Without a password or key that nobody gave us, nothing in the file can be read."""


class Field(NamedTuple):
    """A signature field that is filled."""

    name: str
    dictionary: Any
    field: Any


def may_be_signed(octets: bytes) -> bool:
    """Whether a file can carry a signature. The word may hide in a compressed object, so /ObjStm is asked too."""
    return b"/ByteRange" in octets or b"/Sig" in octets or b"/ObjStm" in octets


def shown(octets: bytes) -> int:
    """How many signatures the octets show, whether or not a reader finds them."""
    return len(_SIGNED.findall(octets))


def read(octets: bytes) -> tuple[PdfFileReader, list[Field]]:
    """The file and its filled signature fields.

    Raises:
        EncryptedError: it asks for a password or a key.
        PdfDecodeLimitError, and what MALFORMED lists: it cannot be read.
    """
    try:
        reader = PdfFileReader(io.BytesIO(octets), strict=True, decode_limits=LIMITS)
        if not reader.xrefs.hybrid_xrefs_present:
            return reader, _all(reader)
    except PdfDecodeLimitError:
        raise
    except MALFORMED:
        pass
    # Much official software writes files that are not quite PDF; the octets that are signed stay the same.
    reader = PdfFileReader(io.BytesIO(octets), strict=False, decode_limits=LIMITS)
    return reader, _all(reader)


def lost(reader: PdfFileReader, present: Sequence[Field]) -> list[tuple[int, str]]:
    """Revision and name of each signature that an earlier revision showed and the file as it lies here does not."""
    names = {field.name for field in present}
    found: dict[str, int] = {}
    for revision in range(min(reader.xrefs.total_revisions - 1, REVISIONS)):
        try:
            for field in _filled(reader.get_historical_resolver(revision)):
                if field.name not in names:
                    found.setdefault(field.name, revision)
        except MALFORMED:
            continue
    return [(revision, name) for name, revision in list(found.items())[:SIGNATURES]]


def ranges_are_sound(dictionary: Any) -> bool:
    """EN 319 142-1 clause 5.3: two ranges, from the start, one after the other; and a container between them."""
    try:
        numbers = list(dictionary["/ByteRange"])
    except (KeyError, TypeError):
        return False
    if len(numbers) != 4 or not all(isinstance(number, int) and 0 <= number < 1 << 40 for number in numbers):
        return False
    return bool(numbers[2] >= numbers[0] + numbers[1])


def tail_is_blank(reader: PdfFileReader) -> bool:
    """Whether nothing but white space follows the end of the file's last revision.

    Objects behind it are in no table: a comparison of revisions does not see them, a viewer that repairs files does.
    """
    last = reader.xrefs.get_xref_container_info(reader.xrefs.total_revisions - 1)
    reader.stream.seek(last.end_location)
    tail: bytes = reader.stream.read()
    return not tail[tail.find(b"%%EOF") + 5 :].strip(b"\x00\t\n\x0c\r ")


def _all(reader: PdfFileReader) -> list[Field]:
    if reader.encrypted:
        try:
            opened = reader.decrypt(b"").status is not AuthStatus.FAILED
        except MALFORMED as error:
            raise EncryptedError from error
        if not opened:
            raise EncryptedError
    return _filled(reader)


def _filled(handler: PdfHandler) -> list[Field]:
    found = []
    for name, dictionary, field in enumerate_sig_fields(handler, filled_status=True):
        found.append(Field(str(name), dictionary.get_object(), field))
        if len(found) >= SIGNATURES:
            break
    return found
