"""What `pdfsig` of poppler says of a file, with NSS and the corpus's root as the only certificate it trusts."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

_NUMBER = re.compile(r"^Signature #(\d+):", re.MULTILINE)


class Said(NamedTuple):
    """What it said of one signature."""

    verdict: str
    """`passed`, `not passed`, `broken`, or `-` where it cannot judge."""
    whole: bool
    words: str


class Pdfsig:
    """The program, with a certificate database of its own."""

    def __init__(self, folder: Path, root: bytes) -> None:
        self._database = f"sql:{folder}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "root.der").write_bytes(root)
        _run("certutil", "-N", "-d", self._database, "--empty-password")
        _run("certutil", "-A", "-d", self._database, "-n", "root", "-t", "CT,CT,CT", "-i", str(folder / "root.der"))

    def signatures(self, file: Path) -> list[Said]:
        """Each signature, as it numbers them; empty where it finds none or cannot open the file."""
        done = subprocess.run(
            ["pdfsig", "-nssdir", self._database, file], capture_output=True, check=False, timeout=120
        )
        text = done.stdout.decode("utf-8", "replace")
        return [_said(part) for part in _NUMBER.split(text)[2::2]]


def _said(text: str) -> Said:
    lines = [line.strip(" -") for line in text.splitlines()]
    signature = _after(lines, "Signature Validation:")
    certificate = _after(lines, "Certificate Validation:")
    if "not yet been verified" in signature:
        verdict = "-"
    elif signature == "Signature is Valid.":
        verdict = "passed" if certificate == "Certificate is Trusted." else "not passed"
    else:
        verdict = "broken"
    return Said(verdict, "Total document signed" in lines, certificate or signature)


def _after(lines: list[str], start: str) -> str:
    return next((line[len(start) :].strip() for line in lines if line.startswith(start)), "")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)
