"""One nats-server and one ingress for all programs of a file; each test sees what is stored while it runs."""

from collections.abc import AsyncIterator, Iterator

import pytest

from services.runtime.bus import Bus
from tests.clients.arrivals import Arrivals
from tests.smtp.ingress import Ingress, ingress
from tests.smtp.world import World, world


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("clients")) as made:
        yield made


@pytest.fixture(scope="module")
def mx(place: World) -> Iterator[Ingress]:
    """The ingress, with STARTTLS."""
    with ingress(place.nats, place.folder, certificate=str(place.certificate), private_key=str(place.key)) as running:
        yield running


@pytest.fixture
async def arrivals(place: World) -> AsyncIterator[Arrivals]:
    bus = await Bus.connect(place.nats, "test")
    yield await Arrivals.begin(bus)
    await bus.close()
