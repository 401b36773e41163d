"""TOML that we write is read back as what was meant."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.commands import toml

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
names = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(names, inner, max_size=3),
    ),
    max_leaves=12,
)


@given(st.dictionaries(names, values, max_size=4))
def test_what_is_written_is_read_back(meant: dict[str, object]) -> None:
    assert tomllib.loads(toml.dumps(meant)) == meant


def test_none_is_left_out() -> None:
    assert tomllib.loads(toml.dumps({"a": None, "b": {"c": None, "d": 1}})) == {"b": {"d": 1}}


def test_a_table_in_an_array_of_tables() -> None:
    meant = {"agency": [{"id": "a", "hours": {"opens": "08:30"}}, {"id": "b", "officers": [{"id": "x"}, {"id": "y"}]}]}
    assert tomllib.loads(toml.dumps(meant)) == meant


def test_what_toml_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError):
        toml.dumps({"a": object()})
