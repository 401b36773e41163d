"""Events as NATS message headers: CloudEvents 1.0, binary mode, NATS protocol binding.

Attribute names are lower-case letters and digits, so `received_at` travels as `ce-receivedat`. Values are
percent-encoded as the binding says: everything outside U+0021..U+007E, and the space, `"` and `%`. Raw Thai
in a header gets lost in some clients. A field that is no string, number or boolean is written as JSON first.
"""

import re
from functools import cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from contracts.event import SPECVERSION, Event
from contracts.mail import MailReceived

HEADERS_BYTES = 32 * 1024
"""All headers of a message together. The server's own limit is 64 KiB."""

PREFIX = "ce-"
SOURCE = "saraban"
"""`ce-source`; the service is the first word of the type."""

_SAFE = "".join(chr(octet) for octet in range(0x21, 0x7F) if chr(octet) not in '"%')
_ATTRIBUTES = ("specversion", "id", "type", "source", "subject", "time", "datacontenttype", "dataschema")

_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")

E = TypeVar("E", bound=Event)


def percent_encode(text: str) -> str:
    """Encode one header value. Reading it back with `percent_decode` gives the same text."""
    if text.isascii() and text.isprintable():  # nearly every value: three passes in C
        return _escaped(text)
    return quote(text, safe=_SAFE, errors="surrogatepass")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace('"', "%22").replace(" ", "%20")


def _percent_encode_all(values: list[str]) -> list[str]:
    """The same for many values at once: an event has a dozen, and most of the time went into calling."""
    joined = "".join(values)
    if values and joined.isascii() and joined.isprintable():  # so there is no line end but ours
        return _escaped("\n".join(values)).split("\n")
    return [percent_encode(value) for value in values]


def percent_decode(value: str) -> str:
    """Read one header value."""
    if "%" not in value:
        return value
    # A literal % is always escaped, so these cannot meet half of another escape; they are most of a JSON value's.
    value = value.replace("%22", '"').replace("%20", " ")
    return _ESCAPES.sub(_unescaped, value) if "%" in value else value


def _unescaped(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "surrogatepass")


@cache
def attribute_name(field: str) -> str:
    """The header that carries a field of an event."""
    name = field.replace("_", "")
    # `source` and the like of ours must not pose as a core attribute of CloudEvents.
    return PREFIX + (f"x{name}" if name in _ATTRIBUTES else name)


def attributes(event: Event) -> dict[str, str]:
    """The CloudEvents attributes, and the content type of the body."""
    found = {
        "ce-specversion": SPECVERSION,
        "ce-id": percent_encode(event.key),
        "ce-type": event.type,
        "ce-source": SOURCE,
    }
    if event.about is not None:
        found["ce-subject"] = percent_encode(event.about)
    if (moment := event.occurred_at) is not None:
        found["ce-time"] = moment
    found["content-type"] = "message/rfc822" if isinstance(event, MailReceived) else "application/json"
    return found


def fields(event: Event) -> dict[str, str]:
    """Every field of the event as a header; those at their default are left out."""
    names: list[str] = []
    values: list[str] = []
    for name, header, required, default in _travelling(type(event)):
        value = getattr(event, name)
        if not required and value == default:
            continue
        names.append(header)
        values.append(value if isinstance(value, str) else _json(value))
    return dict(zip(names, _percent_encode_all(values), strict=True))


def read(headers: dict[str, str], kind: type[E]) -> E:
    """Read an event back from its headers; header names are matched without regard to case.

    Raises:
        ValueError, msgspec.ValidationError: a header is missing, or not what the contract says.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if lower.get("ce-type") != str(kind.__struct_config__.tag):
        raise ValueError(f"ce-type is {lower.get('ce-type')!r}, not {kind.__struct_config__.tag!r}")
    values: dict[str, Any] = {"type": lower["ce-type"]}
    for name, header, is_text in _expected(kind):
        value = lower.get(header)
        if value is None:
            continue
        text = percent_decode(value)
        values[name] = text if is_text else _DECODER.decode(text)
    return msgspec.convert(values, kind, strict=True)


def size(headers: dict[str, str]) -> int:
    """Octets the headers take on the wire."""
    return len("NATS/1.0\r\n\r\n") + sum(map(len, headers)) + sum(map(len, headers.values())) + 4 * len(headers)


class _Travelling(NamedTuple):
    name: str
    header: str
    required: bool
    default: object


@cache
def _travelling(kind: type[Event]) -> tuple[_Travelling, ...]:
    return tuple(
        _Travelling(field.name, attribute_name(field.name), field.required, field.default)
        for field in msgspec.structs.fields(kind)
    )


@cache
def _expected(kind: type[Event]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((field.name, field.header, _is_text(kind, field.name)) for field in _travelling(kind))


_JSON = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()


def _json(value: object) -> str:
    return _JSON.encode(value).decode()


@cache
def _is_text(kind: type[Event], name: str) -> bool:
    """Whether the field is a string in the contract (Literals of strings included)."""
    spec = msgspec.inspect.type_info(kind)
    assert isinstance(spec, msgspec.inspect.StructType)
    found = next(field.type for field in spec.fields if field.name == name)
    if isinstance(found, msgspec.inspect.Metadata):
        found = found.type
    if isinstance(found, msgspec.inspect.LiteralType):
        return all(isinstance(value, str) for value in found.values)
    return isinstance(found, msgspec.inspect.StrType)
