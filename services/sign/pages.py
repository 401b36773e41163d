"""Pages as pictures: what child and parent say to each other of them, and the bounds that both keep."""

from collections.abc import Callable
from typing import NamedTuple

PAGES = 2
"""Most pages of one letter that are read by character recognition: a letter's head, and where it is signed."""
POINTS = 4_200_000
"""Most points of a page: A4 at 200 dpi has 3.9 million, and less is read worse (DOMAIN: 150 dpi or more)."""

Look = Callable[["Bitmap"], str | None]
"""A bitmap to its text; None where nobody reads it."""


class Bitmap(NamedTuple):
    """A page in shades of grey, row by row."""

    width: int
    height: int
    octets: bytes
