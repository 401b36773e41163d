"""The decoded attachments of a letter: name, type by content, size, digest, and what an officer should be warned of."""

from collections.abc import Sequence
from dataclasses import replace

from contracts import findings
from contracts.findings import Attachment
from contracts.values import sha256_hex
from services.sign import attachment_name, danger, media_type
from services.sign.listing import ENTRIES, LETTER_TIMES, UNPACKED, Budget
from services.sign.message import Part
from services.sign.warnings import warning


def describe(parts: Sequence[Part]) -> tuple[tuple[Attachment, ...], list[findings.Warning]]:
    """Every attachment of the letter, in its order."""
    found: list[Attachment] = []
    warnings: list[findings.Warning] = []
    left = Budget(LETTER_TIMES * ENTRIES, LETTER_TIMES * UNPACKED)
    saved = attachment_name.for_saving([part.name for part in parts])
    for part, save_as in zip(parts, saved, strict=True):
        share = left.share()
        given = replace(share)
        content = media_type.look(part.octets, part.media_type, part.name, share)
        left.pay(given, share)
        found.append(
            Attachment(
                name=part.name,
                media_type=content.media_type,
                size=len(part.octets),
                sha256=sha256_hex(part.octets),
                encrypted=content.encrypted,
                inside=part.inside,
                save_as="" if save_as == part.name else save_as,
            )
        )
        if content.encrypted:
            warnings.append(warning("attachment_encrypted", name=part.name))
        if part.damaged:
            warnings.append(warning("part_damaged", name=part.name))
        warnings += danger.of(part, content)
    return tuple(found), warnings
