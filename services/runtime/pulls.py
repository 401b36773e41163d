"""FastStream's pull requests, kept from a connection that is away."""

import asyncio
from typing import Any, cast

import nats.errors
from faststream.nats.subscriber.usecases.stream_pull_subscriber import PullStreamSubscriber
from nats.aio.client import Client
from nats.aio.msg import Msg

PAUSE_SECONDS = 0.5
"""Between two looks at whether the connection is back, and after a pull request that failed."""


def pace(subscriber: Any, connection: Client) -> None:
    """Let a started subscriber's `fetch` wait while there is no connection, and never fail at once.

    nats-py keeps what is sent into an outage, and when that ends the server would deliver for each of those requests.
    When the buffer is full, after three quarters of an hour, every fetch fails at once, and FastStream begins a task
    for each: a processor and some gigabytes. A failure ends as the TimeoutError after which FastStream fetches again.
    """
    subscription = cast("PullStreamSubscriber", subscriber).subscription
    assert subscription is not None, "started"
    fetch = subscription.fetch

    async def paced(batch: int = 1, timeout: float | None = None, heartbeat: float | None = None) -> list[Msg]:
        while not connection.is_connected:
            await asyncio.sleep(PAUSE_SECONDS)
            if connection.is_closed:
                raise nats.errors.ConnectionClosedError
        try:
            return await fetch(batch, timeout, heartbeat)
        except TimeoutError:
            raise
        except (nats.errors.Error, OSError) as error:
            await asyncio.sleep(PAUSE_SECONDS)
            raise TimeoutError from error

    subscription.fetch = paced  # type: ignore[method-assign]  # FastStream makes it, and asks nobody before it fetches
