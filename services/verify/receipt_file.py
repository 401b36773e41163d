"""A receipt as somebody has it: the sealed PDF, the JSON alone, or the mail that carries either."""

import io
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from contracts.receipt import Receipt
from services.sign import message
from services.sign.signature_policy import LIMITS

EMBEDDED: Final = "receipt.json"
_DECODER: Final = msgspec.json.Decoder(Receipt, strict=True)
MALFORMED: Final = (
    PdfError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    zlib.error,
)
"""What a damaged PDF makes pyHanko raise."""

_NAMES_DEPTH, _NAMES_MOST = 8, 64


class UnreadableError(ValueError):
    """The file is no receipt; the reason in one line."""


class ReceiptFile(Struct, frozen=True, kw_only=True):
    """A receipt that could be read; nothing of it is proven by that."""

    receipt: Receipt
    pdf: bytes | None
    """The paper that carries it; None where only the JSON was given."""


def read(octets: bytes) -> ReceiptFile:
    """Read a receipt.

    Raises:
        UnreadableError: it is none, carries several, or its data are not those of contracts/receipt.py.
    """
    if _is_pdf(octets):
        return ReceiptFile(receipt=_receipt(_embedded(octets)), pdf=octets)
    if octets.lstrip().startswith(b"{"):
        return ReceiptFile(receipt=_receipt(octets), pdf=None)
    return _in_mail(octets)


def _in_mail(octets: bytes) -> ReceiptFile:
    """The one receipt that a mail carries; a PDF is worth more than the same as JSON."""
    if not octets.strip():
        raise UnreadableError("is empty")
    parts = message.read(octets).parts
    pdfs = [part.octets for part in parts if _is_pdf(part.octets) and _carries(part.octets)]
    found = pdfs or [
        part.octets for part in parts if part.name == EMBEDDED or b'"saraban.receipt.' in part.octets[:200]
    ]
    if not found:
        raise UnreadableError("is neither a receipt nor a mail that carries one")
    if len(found) > 1:
        raise UnreadableError("carries several receipts; save the one that is meant and give that")
    return read(found[0])


def _is_pdf(octets: bytes) -> bool:
    return b"%PDF-" in octets[:1024] and not octets.lstrip().startswith(b"{")


def _carries(pdf: bytes) -> bool:
    try:
        _embedded(pdf)
    except UnreadableError:
        return False
    return True


def _embedded(pdf: bytes) -> bytes:
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=True, decode_limits=LIMITS)
        found = set(_files(reader.root))
    except MALFORMED as error:
        raise UnreadableError(
            f"cannot be read as PDF: {str(error).splitlines()[0] if str(error) else 'damaged'}"
        ) from error
    if not found:
        raise UnreadableError(f"is a PDF without {EMBEDDED} in it, so no receipt")
    if len(found) > 1:
        raise UnreadableError(f"has several files called {EMBEDDED} in it")
    return found.pop()


def _files(root: Any) -> Iterator[bytes]:
    """Every file of that name that the document names, in its name tree or as associated file."""
    named = list(_named(root.get("/Names", {}).get("/EmbeddedFiles", {}), 0))
    for entry in [*named, *list(root.get("/AF", []))[:_NAMES_MOST]]:
        file = entry.get_object()
        if EMBEDDED in (file.get("/F"), file.get("/UF")):
            streams = file["/EF"]
            yield from {bytes(streams[name].data) for name in ("/F", "/UF") if name in streams}


def _named(node: Any, depth: int) -> Iterator[Any]:
    if depth > _NAMES_DEPTH:
        raise ValueError("the tree of names is too deep")
    entries = node.get("/Names", [])
    if len(entries) > 2 * _NAMES_MOST:
        raise ValueError("too many embedded files")
    for place in range(1, len(entries), 2):
        yield entries[place]
    for kid in list(node.get("/Kids", []))[:_NAMES_MOST]:
        yield from _named(kid.get_object(), depth + 1)


def _receipt(octets: bytes) -> Receipt:
    try:
        # Two readers may take two values from a doubled key: then the data say two things.
        json.loads(octets, object_pairs_hook=_once)
        return _DECODER.decode(octets)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableError(f"its data are no receipt: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands there twice")
    return found
