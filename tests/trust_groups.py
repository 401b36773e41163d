"""Groups of a trust store on disk, as an operator would write them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tests.pki import Authority

EVERYTHING = ("signatures", "seals", "timestamps", "smime")


def write_group(
    folder: Path,
    *authorities: Authority,
    purposes: Sequence[str] = EVERYTHING,
    known: Sequence[Authority] = (),
    more: str = "",
) -> Path:
    """A group of these anchors; `known` are authorities below them, `more` further lines of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f'name = "{folder.name}"',
        f"purposes = {list(purposes)}",
        'source = "made by the test"',
        "taken = 2026-11-30",
        more,
    ]
    for number, authority in enumerate((*authorities, *known)):
        (folder / f"{number}.pem").write_bytes(authority.pem)
        lines += [
            "[[certificate]]",
            f'file = "{number}.pem"',
            f'sha256 = "{hashlib.sha256(authority.der).hexdigest()}"',
            f"anchor = {str(authority not in known).lower()}",
        ]
    (folder / "group.toml").write_text("\n".join([*lines, ""]))
    return folder
