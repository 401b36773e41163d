"""The files are judged as in a child: with our reading of hexadecimal strings (forkserver.py installs it)."""

from collections.abc import Iterator

import pytest
from pyhanko.pdf_utils import generic

from services.sign import hex_strings


@pytest.fixture(scope="module", autouse=True)
def hexadecimal_strings() -> Iterator[None]:
    own = generic.read_hex_string_from_stream
    hex_strings.install()
    yield
    generic.read_hex_string_from_stream = own
