"""Raises the walls around this process and becomes Tesseract. Started by ocr.py with memory, seconds and its line."""

import os
import sys

from services.sign import sandbox


def main() -> None:
    """`python -m services.sign.ocr_process <bytes of memory> <seconds> <program> [argument …]`."""
    memory, seconds, *line = sys.argv[1:]
    os.nice(10)  # a receipt that others wait for comes first
    sandbox.raise_walls(int(memory), programs=True)
    sandbox.allow_seconds(float(seconds))
    os.execv(line[0], line)  # noqa: S606 - no shell: the program's path is the operator's setting


if __name__ == "__main__":
    main()
