"""A plain NATS client of one user, which notes what the server refused it."""

from nats.aio.client import Client
from nats.errors import NoRespondersError

from contracts.permissions import inbox
from tests.servers import NatsServer


class User:
    """A plain client of one user, which notes what the server refused."""

    def __init__(self) -> None:
        self.nc = Client()
        self.refused: list[str] = []

    async def connect(self, server: NatsServer, user: str, **options: object) -> "User":
        async def note(error: Exception) -> None:
            self.refused.append(str(error))

        await self.nc.connect(
            server.url,
            user=user,
            password=server.passwords[user],
            error_cb=note,
            allow_reconnect=False,
            **({"inbox_prefix": inbox(user)} | options),  # type: ignore[arg-type]  # options of a test
        )
        return self

    async def settled(self) -> None:
        """The server's word on what was sent is here: it comes before the answer to a request sent after it."""
        await self.nc.request("$JS.API.INFO", b"", timeout=5)

    async def may_publish(self, subject: str) -> bool:
        self.refused.clear()
        await self.nc.publish(subject, b"")
        await self.settled()
        return not any("permissions violation for publish" in line for line in self.refused)

    async def may_subscribe(self, subject: str) -> bool:
        self.refused.clear()
        await self.nc.subscribe(subject)
        await self.settled()
        return not any("permissions violation for subscription" in line for line in self.refused)

    async def is_answered(self, subject: str, body: bytes) -> bool:
        """Whether anybody answers a request; the server says at once where nobody listens."""
        try:
            await self.nc.request(subject, body, timeout=1)
        except (NoRespondersError, TimeoutError):
            return False
        return True
