"""Plain values as TOML text. The standard library reads TOML and does not write it."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(values: Mapping[str, object]) -> str:
    """Write a mapping of strings, numbers, days, booleans, lists and mappings. None is left out: TOML has none."""
    return "\n".join(_table(values, ())).strip() + "\n"


def _table(values: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    inner: list[str] = []
    for key, value in values.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            below = (*path, key)
            inner += ["", f"[{'.'.join(map(_key, below))}]", *_table(value, below)]
        elif _is_tables(value):
            assert isinstance(value, Sequence)
            below = (*path, key)
            for one in value:
                inner += ["", f"[[{'.'.join(map(_key, below))}]]", *_table(one, below)]
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + inner


def _is_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items() if one is not None) + " }"
    raise TypeError(f"TOML has no word for {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    """A JSON string is a TOML string, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
