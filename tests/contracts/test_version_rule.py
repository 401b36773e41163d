"""The version rule: what may change within a version of an event, and what says so when something else does."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from contracts import generate
from contracts.event import Event
from contracts.json_schema import schema
from contracts.version_rule import breaks


class Inner(Struct, frozen=True, kw_only=True):
    value: int
    words: str = ""


class Before(Event, tag="test.before.v1", frozen=True, kw_only=True):
    """A form as it was published."""

    form: ClassVar[str] = "test.v1.{agency}"

    number: int
    text: Annotated[str, Meta(pattern="^a")] = "a"
    kind: Literal["one", "two"]
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()


PUBLISHED = schema(Before)


def changed(edit: Callable[[dict[str, Any]], object]) -> list[str]:
    present = copy.deepcopy(PUBLISHED)
    edit(present)
    return breaks(PUBLISHED, present)


def test_the_same_form_breaks_nothing() -> None:
    assert breaks(PUBLISHED, schema(Before)) == []


def test_a_field_added_with_a_default_breaks_nothing() -> None:
    assert changed(lambda s: s["properties"].update(new={"type": "string", "default": ""})) == []
    assert changed(lambda s: s["$defs"]["Inner"]["properties"].update(new={"type": "string", "default": ""})) == []


def test_clearer_words_break_nothing() -> None:
    assert changed(lambda s: s["properties"]["number"].update(description="Clearer.", title="Number")) == []


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda s: s["properties"].pop("text"), "text: removed; old readers ask for it"),
        (lambda s: s["properties"]["number"].update(type="string"), "number: type was 'integer', is 'string'"),
        (lambda s: s["required"].remove("number"), "number: no longer required; old readers ask for it"),
        (lambda s: s["required"].append("text"), "text: now required; archived events may lack it"),
        (
            lambda s: (s["properties"].update(new={"type": "string"}), s["required"].append("new")),
            "new: added without a default; archived events lack it",
        ),
        (lambda s: s["properties"]["text"].update(pattern="^b"), "text: pattern was '^a', is '^b'"),
        (lambda s: s["properties"]["text"].update(default="ab"), "text: its default was 'a', is 'ab'"),
        (
            lambda s: s["properties"]["kind"]["enum"].append("three"),
            "kind: enum was ['one', 'two'], is ['one', 'two', 'three']",
        ),
        (lambda s: s["properties"]["number"].update(minimum=1), "number: minimum was not said, is 1"),
        (lambda s: s["$defs"]["Inner"]["properties"].pop("value"), "inner.value: removed; old readers ask for it"),
        (lambda s: s["properties"]["inner"]["anyOf"].pop(), "inner: could be one of 2 forms, now of 1"),
    ],
)
def test_everything_else_is_said_in_a_sentence(edit: Callable[[dict[str, Any]], object], sentence: str) -> None:
    assert sentence in changed(edit)


def test_a_change_inside_a_list_is_seen_too() -> None:
    def edit(found: dict[str, Any]) -> None:
        found["$defs"]["Inner"]["properties"]["words"]["type"] = "integer"

    assert "many[].words: type was 'string', is 'integer'" in changed(edit)


def test_generate_refuses_to_write_over_a_published_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--folder", str(tmp_path)]) == 0
    file = tmp_path / "schemas" / "register.entered.v1.json"
    published = msgspec.json.decode(file.read_bytes())
    published["properties"]["volume"] = {"type": "integer"}
    published["properties"]["number"]["type"] = "string"
    file.write_bytes(msgspec.json.encode(published))
    (tmp_path / "schemas" / "register.ended.v1.json").write_text("{}")
    before = file.read_bytes()
    assert generate.main(["--folder", str(tmp_path)]) == 1
    assert file.read_bytes() == before
    assert capsys.readouterr().err.splitlines() == [
        "The version rule is broken (contracts/README.md); make it a new version:",
        "  register.ended.v1: removed; a type that was published stays",
        "  register.entered.v1: number: type was 'string', is 'integer'",
        "  register.entered.v1: volume: removed; old readers ask for it",
    ]
