"""The decoded attachments of a letter: name, type by content, size, digest, and what an officer should be warned of."""

from collections.abc import Sequence

from contracts import findings
from contracts.findings import Attachment
from contracts.values import sha256_hex
from services.sign import media_type
from services.sign.message import Part
from services.sign.warnings import warning


def describe(parts: Sequence[Part]) -> tuple[tuple[Attachment, ...], list[findings.Warning]]:
    """Every attachment of the letter, in its order."""
    found: list[Attachment] = []
    warnings: list[findings.Warning] = []
    for part in parts:
        kind = media_type.of(part.octets, part.media_type)
        encrypted = media_type.is_encrypted(part.octets)
        found.append(
            Attachment(
                name=part.name,
                media_type=kind,
                size=len(part.octets),
                sha256=sha256_hex(part.octets),
                encrypted=encrypted,
            )
        )
        if encrypted:
            warnings.append(warning("attachment_encrypted", name=part.name))
        if part.damaged:
            warnings.append(warning("part_damaged", name=part.name))
        if media_type.can_run(part.name, kind):
            warnings.append(warning("attachment_executable", name=part.name))
        elif media_type.misleads(part.name, kind):
            warnings.append(warning("name_misleads", name=part.name, detail=kind))
    return tuple(found), warnings
