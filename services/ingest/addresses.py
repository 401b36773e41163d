"""The address of MAIL and RCPT in its common form. What it does not match goes to aiosmtpd's parser, which is slower.

`<local@domain>`, an unquoted local part, ASCII or UTF-8; or `<>`, the null sender.
"""

import re
from typing import Final, NamedTuple

ADDRESS_OCTETS: Final = 900
"""RFC 5321 allows 64 + 1 + 255; UTF-8 and the source routes of old are longer. Beyond it nothing is parsed."""

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\ud7ff\ue000-\U0010ffff-]+"
_LABEL: Final = r"[A-Za-z0-9_\u0080-\ud7ff\ue000-\U0010ffff-]+"
_COMMON: Final = re.compile(rf"[ ]*<({_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*\.?)?>(?:[ ]+(.*))?", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_UNACCEPTABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Addressed(NamedTuple):
    """An address, and the parameters behind it as they were written."""

    address: str
    parameters: str

    @property
    def local(self) -> str:
        """The part before the last `@`."""
        return self.address.rpartition("@")[0] if "@" in self.address else self.address

    @property
    def domain(self) -> str:
        """The part behind the last `@`, empty where there is none."""
        return self.address.rpartition("@")[2] if "@" in self.address else ""


def common(argument: str) -> Addressed | None:
    """Read the argument of MAIL FROM: or RCPT TO:, or return None where it has not the common form."""
    found = _COMMON.fullmatch(argument)
    return Addressed(found[1] or "", found[2] or "") if found else None


def said(argument: str, address: str) -> bool:
    """Whether `address` is what an argument of MAIL or RCPT says: quoted or not, behind a source route or not."""
    angle = argument.startswith("<")
    path = argument.lstrip(" <")
    path = path.partition(":")[2] if path.startswith("@") else path
    plain = _QUOTED_PAIR.sub(r"\1", path)
    for form in (path, plain, plain.replace('"', "")):
        if form.startswith(address):
            behind = form[len(address) :]
            if angle:
                closed, _, behind = behind.partition(">")
                if closed.strip(" "):
                    continue
            if behind[:1] in ("", " "):
                return True
    return False


def acceptable(address: str) -> bool:
    """Whether an address may stand in an event and in a reply: real text, no control octet, not endless."""
    return len(address) <= ADDRESS_OCTETS and _UNACCEPTABLE.search(address) is None
