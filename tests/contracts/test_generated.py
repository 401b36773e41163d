"""What subscribers are given: up to date, true, and readable by a validator that knows nothing of us."""

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from contracts import chain, codec, generate, headers
from contracts.event import Event
from contracts.events import EVENTS
from contracts.golden import BOOK, LETTER, examples
from contracts.json_schema import schema, type_of
from contracts.mail import MailReceived
from contracts.values import sha256_hex

FOLDER = Path(generate.__file__).parent
BODIES = [kind for kind in EVENTS if kind is not MailReceived]


def read(name: str) -> Any:
    return msgspec.json.decode((FOLDER / name).read_bytes())


def ids(kind: type[Event]) -> str:
    return type_of(kind)


def test_every_file_is_what_generate_makes_of_the_structs() -> None:
    assert generate.stale(generate.files(), FOLDER) == [], "run `python -m contracts.generate`"


def test_no_committed_schema_is_broken() -> None:
    """A field removed or a type changed shows here in words, whether or not the files were generated again."""
    assert generate.refused(generate.files(), FOLDER) == []


@pytest.mark.parametrize("kind", BODIES, ids=ids)
def test_the_example_is_read_by_the_strict_codec_and_stays_what_it_is(kind: type[Event]) -> None:
    body = (FOLDER / f"examples/{type_of(kind)}.json").read_bytes()
    event: Event = codec.decode(body)
    assert type(event) is kind
    assert event == examples()[kind]
    assert msgspec.json.decode(codec.encode(event)) == msgspec.json.decode(body)


@pytest.mark.parametrize("kind", EVENTS, ids=ids)
def test_the_example_is_valid_by_the_committed_schema(kind: type[Event]) -> None:
    found = read(f"schemas/{type_of(kind)}.json")
    validator = jsonschema.validators.validator_for(found)
    validator.check_schema(found)
    validator(found).validate(read(f"examples/{type_of(kind)}.json"))


@pytest.mark.parametrize("kind", EVENTS, ids=ids)
def test_the_schema_refuses_the_event_without_a_field_it_requires(kind: type[Event]) -> None:
    found = schema(kind)
    example = msgspec.to_builtins(examples()[kind])
    for name in found["required"]:
        lacking = {key: value for key, value in example.items() if key != name}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(lacking, found)


@pytest.mark.parametrize("kind", EVENTS, ids=ids)
def test_the_headers_are_committed_and_within_the_budget(kind: type[Event]) -> None:
    event = examples()[kind]
    written = read("examples/headers.json")[type_of(kind)]
    assert written == {"subject": event.nats_subject, "headers": codec.encode_headers(event)}
    assert headers.size(written["headers"]) < headers.HEADERS_BYTES
    assert all(value.isascii() for value in written["headers"].values())


def test_a_letter_is_read_from_its_headers_and_its_body_hashes_to_them() -> None:
    written = read("examples/headers.json")["mail.received.v1"]["headers"]
    event = codec.decode_received(written)
    assert event == examples()[MailReceived]
    letter = (FOLDER / "examples/mail.received.v1.eml").read_bytes()
    assert letter == LETTER
    assert (event.sha256, event.size) == (sha256_hex(letter), len(letter))


def test_the_book_vector_holds_by_itself() -> None:
    """As a subscriber would check it: bodies and links, nothing of ours but SHA-256."""
    vector = read("examples/book.json")
    assert vector["subject"] == BOOK
    link = vector["first_link"]
    assert link == sha256_hex(BOOK.encode())
    for row in vector["rows"]:
        body = row["body"].encode()
        assert msgspec.json.decode(body)["previous"] == link
        assert row["sha256"] == sha256_hex(body)
        link = sha256_hex(bytes.fromhex(link) + bytes.fromhex(row["sha256"]))
        assert row["link"] == link == chain.next_link(msgspec.json.decode(body)["previous"], body)


def test_the_record_of_the_example_belongs_to_its_row() -> None:
    row = next(event for event in examples().values() if type_of(type(event)) == "register.entered.v1")
    record = next(event for event in examples().values() if type_of(type(event)) == "register.recorded.v1")
    assert getattr(row, "record") == sha256_hex(codec.encode(record))  # noqa: B009 - typed as Event here


def test_the_asyncapi_document_keeps_the_official_schema() -> None:
    official = msgspec.json.decode((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_bytes())
    jsonschema.Draft7Validator(official).validate(read("asyncapi.json"))


def test_the_asyncapi_document_has_every_event_and_no_dangling_reference() -> None:
    document = read("asyncapi.json")
    assert {message["name"] for message in document["components"]["messages"].values()} == {type_of(k) for k in EVENTS}

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    for reference in set(references(document)):
        target = document
        for name in reference.removeprefix("#/").split("/"):
            assert name in target, f"{reference} leads nowhere"
            target = target[name]


def test_examples_in_asyncapi_are_valid_by_its_own_schemas() -> None:
    document = read("asyncapi.json")
    for message in document["components"]["messages"].values():
        for example in message["examples"]:
            if "payload" in example:
                jsonschema.validate(example["payload"], {**message["payload"], "components": document["components"]})


def test_check_says_what_is_not_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--folder", str(tmp_path)]) == 0
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 0
    (tmp_path / "asyncapi.json").write_text("{}")
    (tmp_path / "examples" / "left.over.json").write_text("{}")
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "Not up to date; run `python -m contracts.generate`:",
        "  asyncapi.json",
        "  examples/left.over.json",
    ]
