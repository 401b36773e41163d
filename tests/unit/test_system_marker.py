"""A test that needs a system package is skipped where it is missing, and fails in CI."""

import pytest

from tests import conftest


@pytest.fixture
def marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> pytest.Item:
    """This very test, as if it needed a program that is nowhere."""
    monkeypatch.setitem(conftest.PROGRAMS, "nowhere", "no-such-program")
    item = request.node
    assert isinstance(item, pytest.Item)
    item.add_marker(pytest.mark.system("nowhere"))
    return item


def test_without_ci_it_is_skipped(marked: pytest.Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs 'no-such-program' of the Debian package nowhere"):
        conftest.pytest_runtest_setup(marked)


def test_in_ci_it_fails(marked: pytest.Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="nowhere"):
        conftest.pytest_runtest_setup(marked)


def test_what_is_there_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(conftest.PROGRAMS, "shell", "sh")
    request.node.add_marker(pytest.mark.system("shell"))
    conftest.pytest_runtest_setup(request.node)
