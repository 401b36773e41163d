"""How pyHanko reads a hexadecimal string, at one go (decision 0025). For the child process only.

A signature lies in a file as such a string of tens of thousands of digits, most of them padding. pyHanko reads it digit
by digit, which is a third of what a verdict takes, and ten seconds where a hostile file has megabytes of it. Whatever
is not plain digits and white space (ISO 32000-1 clause 7.3.4.3) is left to pyHanko.
"""

import binascii
import io
from importlib.metadata import version
from typing import BinaryIO, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PDF_WHITESPACE

COMPARED_WITH: Final = "0.38.0"
"""The version of pyHanko whose reading was compared with this one; beside another one it is not used."""

_PIECE = 16_384
_PLAIN = generic.HEX_DIGITS + PDF_WHITESPACE
_digit_by_digit = generic.read_hex_string_from_stream


def install() -> None:
    """Have pyHanko read so in this process."""
    if version("pyhanko") == COMPARED_WITH:
        generic.read_hex_string_from_stream = read


def read(stream: BinaryIO) -> generic.ByteStringObject | generic.TextStringObject:
    """The string that begins here; the stream stands behind it then.

    Raises:
        PdfStreamError: pyHanko's, where it is none.
    """
    start = stream.tell()
    stream.seek(1, io.SEEK_CUR)
    digits = bytearray()
    while piece := stream.read(_PIECE):
        said, end, _ = piece.partition(b">")
        if said.translate(None, _PLAIN):
            break
        digits += said.translate(None, PDF_WHITESPACE)
        if end:
            stream.seek(len(said) + 1 - len(piece), io.SEEK_CUR)
            return generic.pdf_string(binascii.unhexlify(digits + b"0" * (len(digits) % 2)))
    stream.seek(start)
    return _digit_by_digit(stream)
