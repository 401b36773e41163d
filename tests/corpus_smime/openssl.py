"""OpenSSL's judgement on a mail, by `openssl cms -verify` and `openssl smime -verify`."""

import re
import subprocess
from pathlib import Path
from typing import Final, Literal

Tool = Literal["cms", "smime"]
Answer = Literal["good", "bad", "cannot"]

TOOLS: Final[tuple[Tool, ...]] = ("cms", "smime")
_SECONDS: Final = 120
_INSIDE: Final = re.compile(rb"Content-Type: multipart/signed; boundary=\"signed\".*?\r\n--signed--\r\n", re.DOTALL)
_WHOLE: Final = re.compile(rb"Content-Type: (?:multipart/signed|application/(?:x-)?pkcs7-mime)", re.IGNORECASE)


def answer(tool: Tool, mail: Path, anchor: Path) -> Answer:
    """What it says of the mail as a whole; `cannot` where it finds no S/MIME to judge (exit code 2 or 3)."""
    line = [
        "openssl",
        tool,
        "-verify",
        "-in",
        mail,
        "-CAfile",
        anchor,
        "-no-CApath",
        "-no-CAstore",
        "-out",
        "/dev/null",
    ]
    done = subprocess.run(line, capture_output=True, timeout=_SECONDS, check=False)
    return "good" if done.returncode == 0 else "bad" if done.returncode == 4 else "cannot"


def askable(mail: bytes) -> bytes:
    """The mail as it can be asked for: it knows S/MIME as the whole of a mail, so a part is given by itself."""
    header = re.split(rb"\r?\n\r?\n", mail, maxsplit=1)[0]
    inside = None if _WHOLE.search(header) else _INSIDE.search(mail)
    return inside.group() if inside else mail
