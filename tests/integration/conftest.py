"""Fixtures of several integration tests."""

from collections.abc import AsyncIterator

import pytest

from services.runtime.bus import Bus
from tests.copies import Copy, good_state
from tests.servers import NatsServer


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return good_state(tmp_path_factory.mktemp("good"))


@pytest.fixture
async def notify(nats_server: NatsServer, bus: Bus) -> AsyncIterator[Bus]:
    connected = await Bus.connect(nats_server.settings(), "notify")
    yield connected
    await connected.close()
