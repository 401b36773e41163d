"""The addresses of MAIL and RCPT by RFC 5321 section 4.1.2 and RFC 6531, and whose they are in the tests' directory."""

import re
from typing import Final, NamedTuple

OWNERS: Final = {
    "saraban@demo.test": "demo",
    "saraban@two.test": "two",
    "saraban@three.test": "three",
    "saraban_01@local.test": "north",
    "saraban_02@local.test": "south",
    "สารบรรณ@ตัวอย่าง.ไทย": "thai",
}
KNOWN: Final = frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "NOTIFY", "ORCPT"})

_UTF8: Final = "\u0080-\ud7ff\ue000-\U0010ffff"
_ATOM: Final = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_UTF8}-]+"
_QUOTED: Final = rf'"(?:[\x20\x21\x23-\x5b\x5d-\x7e{_UTF8}]|\\[\x20-\x7e])*"'
_LABEL: Final = rf"[A-Za-z0-9{_UTF8}](?:[A-Za-z0-9{_UTF8}-]*[A-Za-z0-9{_UTF8}])?"
_DOMAIN: Final = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL: Final = r"\[(?:[0-9.]+|IPv6:[0-9A-Fa-f:.]+)\]"
_LOCAL: Final = rf"{_ATOM}(?:\.{_ATOM})*|{_QUOTED}"
_PLAIN_LOCAL: Final = re.compile(_LOCAL)
_PATH: Final = re.compile(
    rf"((?:@[^:<>]*:)?)((?:{_ATOM}|\.)+|{_QUOTED})(?:@({_ATOM}(?:\.{_ATOM})*\.?|\[[^\[\]<>\s]*\]))?"
)
"""Wider than the grammar: dots side by side in a local part, for one, are known from real senders."""

_PLAIN_DOMAIN: Final = re.compile(rf"{_DOMAIN}\.?|{_LITERAL}")


class Path(NamedTuple):
    """An address as it was written."""

    local: str
    domain: str
    odd: bool
    """With a source route, or without angle brackets."""

    @property
    def plain(self) -> bool:
        """Whether nobody may refuse it for its form (RFC 5321 section 4.5.3.1: 64 octets and 255)."""
        return (
            not self.odd
            and _PLAIN_DOMAIN.fullmatch(self.domain) is not None
            and _PLAIN_LOCAL.fullmatch(self.local) is not None
            and len(self.local.encode()) <= 64
            and len(self.domain.encode()) <= 255
        )

    @property
    def owner(self) -> str | None:
        """The agency whose address it is."""
        local = self.local
        if local.startswith('"'):
            local = re.sub(r"\\(.)", r"\1", local[1:-1])
        domain = self.domain.rstrip(".").lower().replace("。", ".")
        if "xn--" in domain:
            domain = domain.encode().decode("idna")
        return OWNERS.get(f"{local.lower()}@{domain}")


class Said(NamedTuple):
    """The argument of MAIL or RCPT, as far as the grammar knows it."""

    path: Path | None
    """None: the null sender."""
    words: dict[str, str]


def read(argument: bytes, keyword: bytes) -> Said | None:
    """Read what stands behind MAIL or RCPT; None where the grammar forbids it.

    Borne with: spaces behind the colon and in the brackets, no brackets, a sender without a domain, what `_PATH` says.
    """
    if argument[: len(keyword)].upper() != keyword:
        return None
    try:
        text = argument[len(keyword) :].decode().strip(" \t")
    except UnicodeDecodeError:
        return None
    angle = text.startswith("<")
    if text.startswith("<>"):
        whole, rest = None, text[2:]
    else:
        text = re.sub("^< *", "<", text)
        whole = _PATH.match(text, int(angle))
        if whole is None:
            return None
        rest = text[whole.end() :]
        if angle:
            inside, closed, rest = rest.partition(">")
            if inside.strip(" ") or not closed:
                return None
    if rest[:1] not in ("", " "):
        return None
    words: dict[str, str] = {}
    for word in filter(None, rest.split(" ")):
        name, _, value = word.partition("=")
        if name.upper() in words or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
            return None
        words[name.upper()] = value
    path = Path(whole[2], whole[3] or "", bool(whole[1]) or not angle) if whole is not None else None
    return Said(path, words)
