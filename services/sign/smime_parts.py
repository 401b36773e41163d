"""Where a mail's S/MIME signatures lie, what octets each is over, and what of the mail stands outside of them.

A signature speaks of its own entity and of nothing else. What a reader shows beside it, before it or in its place was
signed by nobody, so that is named. Which octets are signed: RFC 8551 sections 3.1.1 and 3.5, RFC 1847 section 2.1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from services.sign import message
from services.sign.charset import decode
from services.sign.entity import Entity
from services.sign.html_text import text_of
from services.sign.message import Message
from services.sign.thai import scrub, tidy
from services.sign.verdict_words import Coverage

SIGNATURES: Final = 16
"""Most S/MIME signatures of one letter that are judged."""
FORWARDED: Final = 20
"""Most mails in a mail that are looked into."""
LEVELS: Final = 4
"""Deepest nesting of mails in mails."""
FOOTER_CHARACTERS: Final = 2000
"""A text below the signed part that a mailing list or a gateway may have added; a longer one is content of its own."""
SHOWN_CHARACTERS: Final = 60
"""Of a text that nobody signed, so that an officer sees which one is meant."""

_SIGNATURE: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_BARE_NEWLINE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")


@dataclass(frozen=True)
class Signed:
    """One S/MIME signature, and what it is over."""

    part: str
    """Name of the attachment: the mail that is forwarded, or the file signed by itself; empty for the mail itself."""
    cms: bytes
    contents: tuple[bytes, ...]
    """What it may be over, the likeliest first; none if there is nothing."""
    detached: bool
    entity: Entity | None
    """What was signed, where that is an entity of a mail."""
    coverage: Coverage
    outside: tuple[str, ...] = ()
    """What of the mail stands outside, in its order: a file's name or media type, how a text begins."""
    stray: bool = False
    """Its part does not belong to a multipart/signed: something on the way put the mail together anew."""
    foreign: str = ""
    """The protocol that multipart/signed names, where that is another than S/MIME."""
    micalg: str = ""
    """The digest that multipart/signed names; nothing rests on it."""
    irregular: tuple[str, ...] = ()
    """What is not as the standard has it, and changes nothing of the verdict."""


@dataclass
class Found:
    """What S/MIME there is in one mail: the letter, or a mail that is attached to it."""

    part: str
    root: Entity
    signed: list[Signed] = field(default_factory=list)
    encrypted: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """S/MIME files that are neither signed nor encrypted, or no CMS at all."""


def find(taken: Message) -> tuple[list[Found], str]:
    """The letter itself first, then the mails in it, those with S/MIME alone; and why some were not looked into."""
    search = _Search()
    search.look_into(taken, "", 0)
    return search.found, search.left_out


def is_bare(octets: bytes) -> bool:
    """Whether a line ends otherwise than with CRLF."""
    return _BARE_NEWLINE.search(octets) is not None


def canonical(octets: bytes) -> bytes:
    """With CRLF at the end of each line (RFC 8551 section 3.1.1). White space at line ends is content and stays."""
    return _BARE_NEWLINE.sub(b"\r\n", octets)


@dataclass
class _Search:
    found: list[Found] = field(default_factory=list)
    left: int = FORWARDED
    left_out: str = ""

    def look_into(self, taken: Message, part: str, level: int) -> None:
        if taken.entity is None:
            return
        found = Found(part, taken.entity)
        if taken.smime or any(_is_signature(entity) for entity in _all(taken.entity)):
            _look(taken.entity, [], found)
            self.found.append(found)
        for entity in _all(taken.entity):
            # Most mails that are forwarded have no such word in them, and need no second reading.
            if entity.children or not _is_mail(entity) or not message.SMIME_INSIDE.search(entity.decoded):
                continue
            if level >= LEVELS or not self.left:
                self.left_out = f"> {LEVELS} levels of mails" if level >= LEVELS else f"> {FORWARDED} mails"
                continue
            self.left -= 1
            self.look_into(message.read(entity.decoded), " / ".join(filter(None, (part, entity.name))), level + 1)


def _all(entity: Entity) -> Iterator[Entity]:
    yield entity
    for child in entity.children:
        yield from _all(child)


def _is_mail(entity: Entity) -> bool:
    return entity.kind == "message/rfc822" or entity.name.lower().endswith(".eml")


def _is_signature(entity: Entity) -> bool:
    return entity.kind in _SIGNATURE or (
        entity.kind == "application/octet-stream" and entity.name.lower().endswith(".p7s")
    )


_Path = list[tuple[Entity, int]]
"""From the mail down: each entity, and which of its children comes next."""


def _look(entity: Entity, path: _Path, found: Found) -> None:
    if entity.kind == "multipart/signed" and _is_smime(entity):
        found.signed.append(_multipart(entity, path, found.part))
    elif entity.kind.startswith("multipart/"):
        for index, child in enumerate(entity.children):
            if _is_signature(child):
                found.signed.append(_stray(entity, index, path, found.part))
    elif entity.content is not None:
        _file(entity, path, found)
    elif entity.kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        found.unread.append(entity.name)
    for index, child in enumerate(entity.children):
        _look(child, [*path, (entity, index)], found)


def _is_smime(entity: Entity) -> bool:
    return "pkcs7" in entity.parameter("protocol").lower() or any(_is_signature(child) for child in entity.children)


def _multipart(entity: Entity, path: _Path, part: str) -> Signed:
    """A multipart/signed: the first part was signed, exactly as it lies there with its header; the second signs."""
    protocol = entity.parameter("protocol").lower()
    parts = entity.children
    irregular = _doubled([*path, (entity, 0)])
    if not protocol:
        irregular.append("multipart/signed without protocol")
    if len(parts) != 2:
        irregular.append(f"multipart/signed with {len(parts)} parts")
    signature = parts[1] if len(parts) > 1 and _is_signature(parts[1]) else None
    if len(parts) == 2 and signature is None:
        irregular.append(f"multipart/signed with {parts[1].kind} as its signature")
    outside = _outside([*path, (entity, 0)]) if signature else []
    return Signed(
        part=part,
        cms=signature.decoded if signature else b"",
        contents=(parts[0].octets,) if parts else (),
        detached=True,
        entity=parts[0] if parts else None,
        coverage=_coverage(outside) if signature else "unknown",
        outside=tuple(said for said, _ in outside),
        micalg=entity.parameter("micalg").lower(),
        foreign="" if not protocol or protocol in _SIGNATURE else protocol,
        irregular=tuple(irregular),
    )


def _stray(entity: Entity, index: int, path: _Path, part: str) -> Signed:
    """A signature beside what it may sign, where something on the way took multipart/signed apart."""
    before = entity.children[index - 1] if index else None
    if before is not None and before.attached:  # a file and its signature, each attached by itself
        return Signed(
            part=" / ".join(filter(None, (part, before.name))),
            cms=entity.children[index].decoded,
            contents=(before.decoded, before.octets),
            detached=True,
            entity=None,
            coverage="whole",
            stray=True,
        )
    outside = _outside([*path, (entity, index - 1)]) if before else []
    return Signed(
        part=part,
        cms=entity.children[index].decoded,
        contents=() if before is None else (before.octets,),
        detached=True,
        entity=before,
        coverage=_coverage(outside) if before else "unknown",
        outside=tuple(said for said, _ in outside),
        stray=True,
        irregular=("signature outside of multipart/signed", *_doubled([*path, (entity, index)])),
    )


def _file(entity: Entity, path: _Path, found: Found) -> None:
    """An S/MIME file: application/pkcs7-mime, whatever its smime-type says, or known by its name."""
    content = entity.content
    assert content is not None
    if content.kind == "encrypted":
        found.encrypted.append(entity.name)
        return
    if content.kind == "certificates":
        return
    if content.kind == "other":
        found.unread.append(entity.name)
        return
    inner = entity.children[0] if entity.children else None
    alone = inner is None  # a file signed by itself, or one that carries nothing: it speaks of no mail
    outside = [] if alone and path else _outside(path)
    found.signed.append(
        Signed(
            part=" / ".join(filter(None, (found.part, entity.name))) if alone and path else found.part,
            cms=entity.decoded,
            contents=() if content.inside is None else (content.inside,),
            detached=False,
            entity=inner,
            coverage=_coverage(outside) if content.inside is not None else "unknown",
            outside=tuple(said for said, _ in outside),
            irregular=tuple(_doubled([*path, (entity, 0)])),
        )
    )


def _doubled(path: _Path) -> list[str]:
    """Fields that an entity has once, and here has twice: another reader may go by the other one."""
    entities = [entity for parent, index in path for entity in (parent, *parent.children[index : index + 1])]
    return sorted(
        {
            f"{name} twice"
            for entity in entities
            for name in ("Content-Type", "Content-Transfer-Encoding", "Content-Disposition")
            if len(entity.header.get_all(name, [])) > 1
        }
    )


def _outside(path: _Path) -> list[tuple[str, bool]]:
    """What a reader may show beside the signed entity, and whether it is no more than a text below it."""
    found: list[tuple[str, bool]] = []
    for parent, index in path:
        for place, sibling in enumerate(parent.children):
            if place == index or _belongs(parent, place, sibling):
                continue
            below = place > index and parent.kind not in ("multipart/alternative", "multipart/related")
            for leaf in _leaves(sibling):
                is_text = leaf.kind in ("text/plain", "text/html") and not leaf.attached
                if is_text and not leaf.decoded.strip():
                    continue
                said = f"“{_beginning(leaf)}”" if is_text else leaf.name or leaf.kind
                found.append((said, below and is_text and len(leaf.decoded) <= FOOTER_CHARACTERS))
    return found


def _beginning(leaf: Entity) -> str:
    text = decode(leaf.decoded[: 8 * SHOWN_CHARACTERS], leaf.parameter("charset"))
    said = tidy(scrub(text_of(text) if leaf.kind == "text/html" else text))
    return said if len(said) <= SHOWN_CHARACTERS else said[:SHOWN_CHARACTERS] + "…"


def _belongs(parent: Entity, place: int, sibling: Entity) -> bool:
    """The signature itself is nothing that is shown."""
    return _is_signature(sibling) and (place == 1 or parent.kind != "multipart/signed")


def _leaves(entity: Entity) -> Iterator[Entity]:
    if entity.kind.startswith("multipart/") and entity.children:
        for child in entity.children:
            yield from _leaves(child)
    else:
        yield entity


def _coverage(outside: list[tuple[str, bool]]) -> Coverage:
    if not outside:
        return "whole"
    return "earlier revision" if all(footer for _, footer in outside) else "changed afterwards"
