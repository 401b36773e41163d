"""The AsyncAPI 3.0 document: channels, messages, and who sends what. Generated, since FastStream's generator cannot
read msgspec Structs and knows nothing of the streams."""

import inspect
import re
from typing import Any

import msgspec

from contracts import headers
from contracts.event import Event
from contracts.events import EVENTS
from contracts.golden import examples
from contracts.json_schema import components
from contracts.mail import MailReceived
from contracts.streams import STREAMS
from contracts.values import SERIES

VERSION = "1.0.0"
"""Of this document: the major number changes when a type ends, the minor when one is added."""

_PARAMETERS: dict[str, dict[str, Any]] = {
    "agency": {"description": "Token of the agency in the directory."},
    "series": {"description": "Series of the book.", "enum": list(SERIES)},
    "year": {"description": "Year of the book, พ.ศ."},
    "mail": {"description": "Id of the letter."},
    "service": {"description": "Service that gave up.", "enum": ["ingest", "register", "sign", "notify"]},
}

_WRITERS = {
    "ingest": "Receives letters by SMTP.",
    "register": "Numbers letters and keeps the books.",
    "sign": "Examines letters and seals receipts.",
    "notify": "Sends receipts and cover mails.",
    "officers": "What officers decide, by the desk or the command line.",
    "any": "Whichever service gave up, and the officers who decide about it.",
}


def document() -> dict[str, Any]:
    """The whole document."""
    schemas = components(EVENTS, "#/components/schemas/{name}")
    golden = examples()
    return {
        "asyncapi": "3.0.0",
        "id": "urn:saraban",
        "info": {
            "title": "saraban",
            "version": VERSION,
            "description": "Events of official letters received by mail. Each subject below is kept in a JetStream "
            "stream; delivery is at least once, and ce-id is a subscriber's key. See contracts/README.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_word(form): _channel(form) for form in dict.fromkeys(kind.form for kind in EVENTS)},
        "operations": {f"send_{_name(kind)}": _operation(kind) for kind in EVENTS},
        "components": {
            "messages": {_name(kind): _message(kind, golden[kind]) for kind in EVENTS},
            "messageTraits": {"cloudevent": {"headers": _attributes()}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _channel(form: str) -> dict[str, Any]:
    kinds = [kind for kind in EVENTS if kind.form == form]
    family = kinds[0].stream
    stream = next(stream for stream in STREAMS if stream.family == family)
    return {
        "address": form,
        "description": f"Kept in the stream {stream.family}{'_<year พ.ศ.>' if stream.yearly else ''}.",
        "parameters": {name: _PARAMETERS[name] for name in re.findall(r"\{(\w+)\}", form)},
        "messages": {_name(kind): {"$ref": f"#/components/messages/{_name(kind)}"} for kind in kinds},
    }


def _operation(kind: type[Event]) -> dict[str, Any]:
    channel = f"#/channels/{_word(kind.form)}"
    writer = next(stream.writer for stream in STREAMS if stream.family == kind.stream)
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "summary": f"{writer}: {_WRITERS[writer]}",
        "messages": [{"$ref": f"{channel}/messages/{_name(kind)}"}],
    }


def _message(kind: type[Event], example: Event) -> dict[str, Any]:
    letter = kind is MailReceived
    fields = msgspec.to_builtins(example)
    found: dict[str, Any] = {
        "name": str(kind.__struct_config__.tag),
        "title": kind.__name__,
        "summary": (inspect.getdoc(kind) or "").partition("\n")[0],
        "description": f"ce-id is `{kind.__struct_config__.tag}:{kind.key_form}`.",
        "contentType": "message/rfc822" if letter else "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": {"type": "string", "description": "The letter, octet for octet; empty where it lies in parts."}
        if letter
        else {"$ref": f"#/components/schemas/{kind.__name__}"},
    }
    if letter:
        found["headers"] = _letter_headers()
        found["examples"] = [{"name": "letter", "headers": headers.attributes(example) | headers.fields(example)}]
    else:
        found["examples"] = [{"name": "example", "headers": headers.attributes(example), "payload": fields}]
    return found


def _attributes() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "CloudEvents 1.0, binary mode; values percent-encoded as the NATS binding says.",
        "required": ["ce-specversion", "ce-id", "ce-type", "ce-source", "content-type"],
        "properties": {
            "ce-specversion": {"type": "string", "const": "1.0"},
            "ce-id": text | {"description": "A subscriber's key: the same at every repeat."},
            "ce-type": text,
            "ce-source": {"type": "string", "const": headers.SOURCE},
            "ce-subject": text | {"description": "Id of the letter, where the event is about one."},
            "ce-time": text | {"format": "date-time", "description": "When it happened, where the event says."},
            "content-type": text,
        },
    }


def _letter_headers() -> dict[str, Any]:
    """The fields of mail.received.v1 as headers: text as it is, everything else as JSON; both percent-encoded."""
    fields = msgspec.structs.fields(MailReceived)
    return {
        "type": "object",
        "description": "The fields of MailReceived. A string as it is, anything else as JSON, both percent-encoded; "
        "a field at its default is left out.",
        "required": [headers.attribute_name(field.name) for field in fields if field.required],
        "properties": {
            headers.attribute_name(field.name): {
                "type": "string",
                "description": f"Field `{field.name}` of the schema MailReceived.",
            }
            for field in fields
        },
    }


def _name(kind: type[Event]) -> str:
    return kind.__name__


def _word(form: str) -> str:
    """A channel's name: a word of the address without its punctuation."""
    return re.sub(r"[{}]", "", form).replace(".", "_")
