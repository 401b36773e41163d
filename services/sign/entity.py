"""One entity of a mail (RFC 2045 section 2.4), as it lies in the octets that were received."""

from dataclasses import dataclass, field
from email.message import Message as Header

from services.sign.cms_content import Content


@dataclass
class Entity:
    """A header and what stands below it. Its octets are those that a signature over it was made from."""

    source: bytes
    """What the ranges lie in: the mail, or the content of a signed file inside it."""
    header: Header
    kind: str
    """Media type as declared, lower case, without parameters."""
    start: int
    body: tuple[int, int]
    name: str = ""
    decoded: bytes = b""
    """Of a leaf: its body without its transfer encoding."""
    attached: bool = False
    """A reader shows it as a file, not as text."""
    children: list["Entity"] = field(default_factory=list)
    content: Content | None = None
    """Of an S/MIME file: what it is. Where it carries an entity, that one is the only child."""

    @property
    def octets(self) -> bytes:
        """Header and body, exactly as received; the line break before a boundary is not part of them."""
        return self.source[self.start : self.body[1]]

    def parameter(self, name: str) -> str:
        """A parameter of its Content-Type, or an empty string."""
        value = self.header.get_param(name, "")
        return value.strip() if isinstance(value, str) else value[2].strip()
