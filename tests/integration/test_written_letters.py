"""Particulars of letters that were written without a look at the parser (tests/written_letters/README.md)."""

from collections import Counter

import pytest

from tests.written_letters.corpus import FORMS, letters
from tests.written_letters.makers import DAMAGES
from tests.written_letters.run import read_all
from tests.written_letters.score import Score

pytestmark = pytest.mark.slow

WHOLLY = ("number", "number_ascii", "date", "urgency")
NEARLY = ("issuer", "subject", "addressee")


@pytest.fixture(scope="module")
def score() -> Score:
    return read_all()


def test_there_are_enough_of_every_kind() -> None:
    written = letters()
    assert len({letter.id for letter in written}) == len(written)
    assert sum(bool(letter.paper) for letter in written) >= 62  # the two real ones and sixty
    harmed = Counter(letter.damage for letter in written if letter.paper)
    assert all(harmed[damage] >= 4 for damage in DAMAGES), harmed


@pytest.mark.parametrize("name", WHOLLY)
@pytest.mark.parametrize("form", FORMS)
def test_number_date_and_urgency_are_always_right(score: Score, name: str, form: str) -> None:
    wrong = [str(miss) for miss in score.misses if (miss.field, miss.form) == (name, form)]
    assert not wrong, "\n".join(wrong)
    assert score.share(name, [form]) == 1


@pytest.mark.parametrize("name", NEARLY)
@pytest.mark.parametrize("form", FORMS)
def test_subject_issuer_and_addressee_are_nearly_always_right(score: Score, name: str, form: str) -> None:
    wrong = [str(miss) for miss in score.misses if (miss.field, miss.form) == (name, form)]
    assert score.share(name, [form]) >= 0.97, "\n".join(wrong)


def test_nothing_is_invented(score: Score) -> None:
    assert not score.invented, "\n".join(map(str, score.invented))
