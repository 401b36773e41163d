"""How the time of every reader of text grows with the text: `python -m tests.hostile.growth`. Nothing may grow faster
than its input up to the bound that the examiner itself keeps.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.sign import (
    attachments,
    body_hash,
    charset,
    html_text,
    letter_text,
    lines,
    message,
    particulars,
    subject_line,
    thai,
)
from services.sign.message import Part
from services.sign.particulars import Text
from tests.hostile import words

SMALL: Final = 10_000
STEPS: Final = 4
"""Each step twice as long."""
SECONDS: Final = 0.05
"""Below it a figure is noise."""

Reader = Callable[[str], object]

READERS: Final[dict[str, Reader]] = {
    "body": lambda text: particulars.read(None, text, ()),
    "subject": lambda text: particulars.read(text, "", ()),
    "pdf": lambda text: particulars.read(
        None, "", [Text("pdf", [lines.Line(row[: lines.LINE_CHARACTERS]) for row in text.split("\n")[: lines.LINES]])]
    ),
    "names": lambda text: particulars.read(None, "", (), [text[:255]] * 300),
    "repair": thai.repair,
    "html": html_text.text_of,
    "decoded": message.decoded,
    "header": lambda text: message.read(f"Subject: {text}\r\nFrom: {text}\r\n\r\n".encode("utf-8", "replace")),
    "type": lambda text: message.read(f"Content-Type: multipart/mixed; {text}\r\n\r\nx".encode("utf-8", "replace")),
    "parameters": lambda text: message.read(
        f'Content-Disposition: attachment; filename={text}\r\nContent-Type: a/b; name="{text}\r\n\r\nx'.encode(
            "utf-8", "replace"
        )
    ),
    "fields": lambda text: message.read(f"{text}\r\n\r\n{text}".encode("utf-8", "replace")),
    "hash": lambda text: body_hash.body_sha256(f"a: b\r\n\r\n{text}".encode("utf-8", "replace")),
    "octets": lambda text: charset.decode(text.encode("utf-8", "replace"), "x"),
    "attachment": lambda text: attachments.describe([Part("a/b", text[:255], text.encode("utf-8", "replace"))]),
    "letter": lambda text: letter_text.read(lines.of_text(text)),
    "subject line": subject_line.read,
}


@dataclass(frozen=True)
class Growth:
    """What one reader took for one text, at growing lengths."""

    reader: str
    text: str
    seconds: tuple[float, ...]

    @property
    def factor(self) -> float:
        """How many times as long the longest took as the one half as long: 2 is linear, 4 is quadratic."""
        return self.seconds[-1] / max(self.seconds[-2], SECONDS / 4)


def measure(reader: str, name: str, make: Callable[[int], str]) -> Growth:
    """Read the same kind of text at growing lengths; stops growing where it takes long."""
    took: list[float] = []
    for step in range(STEPS):
        text = make(SMALL << step)
        begun = time.thread_time()
        READERS[reader](text)
        took.append(time.thread_time() - begun)
        if took[-1] > 20 * SECONDS:
            break
    return Growth(reader, name, (0.0, *took))


def main() -> None:
    """Measure everything, print what took long or grows too fast."""
    kinds = [name for name, _ in words.texts(100)]
    made = {SMALL << step: [text for _, text in words.texts(SMALL << step)] for step in range(STEPS)}
    found: list[Growth] = []
    for reader in READERS:
        for index, kind in enumerate(kinds):
            found.append(measure(reader, kind, lambda size, at=index: made[size][at]))  # type: ignore[misc]  # the default holds the loop's value
    slow = sorted((one for one in found if one.seconds[-1] > SECONDS), key=lambda one: -one.seconds[-1])
    for one in slow[:60]:
        print(
            f"{one.reader:12} {one.text[:60]:60} x{one.factor:5.1f}  " + " ".join(f"{s:.3f}" for s in one.seconds[1:])
        )
    worst = [one for one in slow if one.factor > 3]
    print(f"{len(found)} pairs of reader and text; {len(worst)} grow faster than twice for twice the text")


if __name__ == "__main__":
    main()
