"""The words of an HTML body; nothing is fetched, run or laid out.

Read from its first character to its last, once: the standard library's parser looks again and again for the end of
what has none, and half a megabyte of `<!--` took it minutes.
"""

import re
from html import unescape

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
_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "title")}
"""What is in these is no markup, up to their own end."""

_NAME = re.compile(r"</?([A-Za-z][^\s/>]*)")
_NOTED = re.compile(r"[>\"']")


class _Words:
    def __init__(self, html: str) -> None:
        self._html = html
        self._silent = 0
        self.words: list[str] = []

    def read(self) -> None:
        """Take everything in; what has no end goes to the end of the text, as browsers have it."""
        at = 0
        while (tag := self._html.find("<", at)) >= 0:
            self._say(self._html[at:tag])
            at = self._markup(tag)
            if at < 0:
                return
        self._say(self._html[at:])

    def _markup(self, at: int) -> int:
        """Where the markup that begins here ends; below 0: nowhere."""
        html = self._html
        if html.startswith("<!--", at):
            return _behind(html, "-->", at + 2 if html.startswith("<!-->", at) else at + 4)
        if html.startswith(("<!", "<?"), at):
            return _behind(html, ">", at)
        name = _NAME.match(html, at, at + 64)
        if name is None:
            self._say("<")
            return at + 1
        end = self._end(name.end())
        if end >= 0:
            return self._tag(name.group(1).lower(), html[at + 1] == "/", end)
        return end

    def _end(self, at: int) -> int:
        """Behind the tag; a `>` in quotes is none."""
        while (found := _NOTED.search(self._html, at)) is not None:
            if found.group() == ">":
                return found.end()
            at = _behind(self._html, found.group(), found.end())
            if at < 0:
                return at
        return -1

    def _tag(self, name: str, closing: bool, end: int) -> int:
        if name in _SILENT:
            self._silent = max(0, self._silent - 1) if closing else self._silent + 1
        elif name in _BLOCKS:
            self.words.append("\n")
        elif name == "td" and not closing:
            self.words.append("   ")
        if name in _RAW and not closing:
            found = _RAW[name].search(self._html, end)
            return found.start() if found else -1
        return end

    def _say(self, text: str) -> None:
        if text and not self._silent:
            # Line breaks of the source are spaces to a reader.
            self.words.append(unescape(text).replace("\r", " ").replace("\n", " "))


def text_of(html: str) -> str:
    """The text a reader sees, roughly."""
    words = _Words(html[:CHARACTERS])
    words.read()
    return "".join(words.words)


def _behind(html: str, mark: str, at: int) -> int:
    found = html.find(mark, at)
    return found + len(mark) if found >= 0 else -1
