"""The version rule as code (invariant 13): an event means for ever what it meant when it was published.

Within a version a field may be added, with a default, and words may be made clearer. Everything else breaks either
the readers of today, who know the old form, or the readers of tomorrow, who read today's archive: it needs a new
Struct with the next version in its tag, and the old one keeps flowing until its announced end.
"""

from typing import Any

Schema = dict[str, Any]

_WORDS = frozenset({"title", "description", "$schema", "$id", "$defs", "examples"})
"""What may change: it says the same in other words."""


def breaks(published: Schema, present: Schema) -> list[str]:
    """What in `present` breaks the rule against `published`, one sentence each. Both are JSON Schemas of one event."""
    return _compare(published, present, published, present, "")


def _compare(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> list[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    where = path or "the event"
    found = [
        f"{where}: {name} was {_said(old, name)}, is {_said(new, name)}"
        for name in sorted((old.keys() | new.keys()) - _WORDS - {"properties", "required", "items", "anyOf", "default"})
        if old.get(name) != new.get(name)
    ]
    if _default(old, old_root) != _default(new, new_root):
        found.append(f"{where}: its default was {_said(old, 'default')}, is {_said(new, 'default')}")
    found += _fields(old, new, old_root, new_root, path)
    if ("items" in old) != ("items" in new):
        found.append(f"{where}: its form changed")
    elif isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
        found += _compare(old["items"], new["items"], old_root, new_root, f"{path}[]")
    elif old.get("items") != new.get("items"):
        found.append(f"{where}: its form changed")
    return found + _choices(old, new, old_root, new_root, path)


def _fields(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> list[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    must_before, must_after = set(old.get("required", ())), set(new.get("required", ()))
    found = []
    for name in before:
        field = f"{path}.{name}" if path else name
        if name not in after:
            found.append(f"{field}: removed; old readers ask for it")
            continue
        if name in must_before and name not in must_after:
            found.append(f"{field}: no longer required; old readers ask for it")
        if name not in must_before and name in must_after:
            found.append(f"{field}: now required; archived events may lack it")
        found += _compare(before[name], after[name], old_root, new_root, field)
    for name in after:
        if name not in before and name in must_after:
            found.append(f"{f'{path}.{name}' if path else name}: added without a default; archived events lack it")
    return found


def _choices(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> list[str]:
    before, after = old.get("anyOf", []), new.get("anyOf", [])
    if len(before) != len(after):
        return [f"{path or 'the event'}: could be one of {len(before)} forms, now of {len(after)}"]
    return [
        line
        for one, other in zip(before, after, strict=True)
        for line in _compare(one, other, old_root, new_root, path)
    ]


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        schema = {**root["$defs"][name], **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _default(schema: Schema, root: Schema) -> Any:
    """A struct's default lists all its fields: those that were added since do not count."""
    value = schema.get("default", ...)
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    return {
        name: inner
        for name, inner in value.items()
        if name not in properties or inner != _resolved(properties[name], root).get("default", ...)
    }


def _said(schema: Schema, name: str) -> str:
    return repr(schema[name]) if name in schema else "not said"
