"""The words of an HTML body; nothing is fetched, run or laid out."""

from html.parser import HTMLParser

CHARACTERS = 500_000

_BLOCKS = frozenset(
    {
        "p",
        "div",
        "br",
        "tr",
        "li",
        "table",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "blockquote",
        "pre",
        "hr",
        "section",
    }
)
_SILENT = frozenset({"script", "style", "head", "title", "template"})


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.words.append("\n")
        elif tag == "td":
            self.words.append("   ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            # Line breaks of the source are spaces to a reader.
            self.words.append(data.replace("\r", " ").replace("\n", " "))


def text_of(html: str) -> str:
    """The text a reader sees, roughly."""
    words = _Words()
    words.feed(html[:CHARACTERS])
    words.close()
    return "".join(words.words)
