"""JSON Schemas of the events, as msgspec gives them and as a validator of any language reads them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.event import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def type_of(kind: type[Event]) -> str:
    """The `ce-type` of an event."""
    return str(kind.__struct_config__.tag)


def schema(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema of one event, whole in itself."""
    found = components((kind,), "#/$defs/{name}")
    body = found.pop(kind.__name__)
    whole = {"$schema": DIALECT, "$id": f"urn:saraban:{type_of(kind)}", **body}
    return whole | ({"$defs": dict(sorted(found.items()))} if found else {})


def components(kinds: Sequence[type[Event]], template: str) -> dict[str, Any]:
    """The schemas of events and of all they are made of, by name; references have the form of `template`."""
    _, found = msgspec.json.schema_components(kinds, ref_template=template)
    plain: dict[str, Any] = _plain(found)
    return plain


def _plain(node: Any) -> Any:
    """Without msgspec's `discriminator`: it is OpenAPI's, which AsyncAPI reads otherwise, and the tags say the same."""
    if isinstance(node, dict):
        return {
            key: _plain(value)
            for key, value in node.items()
            if not (key == "discriminator" and "propertyName" in value)
        }
    return [_plain(value) for value in node] if isinstance(node, list) else node
