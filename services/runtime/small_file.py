"""A small file that others read while it changes, also where the disk is full."""

import contextlib
from pathlib import Path


def write(path: Path, octets: bytes) -> bool:
    """Replace what is in `path`; a reader sees the old or the new. Whether it could be written; never raises OSError.

    On a full disk no new file can be made, but the old one has its block: it is then written in place.
    """
    fresh = path.with_suffix(".new")
    try:
        fresh.write_bytes(octets)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        try:
            with path.open("r+b", buffering=0) as file:
                file.write(octets)
                file.truncate()
        except OSError:
            return False
    return True
