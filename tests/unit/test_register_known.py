"""What a worker remembers of numbered letters: as many as it may, as long as their guards live."""

from contracts.streams import GUARD_TTL_SECONDS
from services.register.known import Numbered


def test_the_oldest_are_forgotten_beyond_the_bound() -> None:
    numbered = Numbered(3)
    numbered.add(["a", "b", "c"], 1.0)
    numbered.add(["a", "d"], 2.0)
    assert [mail for mail in "abcd" if mail in numbered] == ["a", "c", "d"], "a was numbered again after b"
    numbered.add([str(number) for number in range(10)], 3.0)
    assert len(numbered) == 3
    assert "9" in numbered


def test_they_are_forgotten_with_their_guards() -> None:
    numbered = Numbered(100)
    numbered.add(["a", "b"], 1.0)
    numbered.add(["c"], 2.0)
    numbered.add([], 1.0 + GUARD_TTL_SECONDS)
    assert [mail for mail in "abc" if mail in numbered] == ["c"]
