"""Print the register numbers of an agency as they are given. Needs nats-py and nothing of saraban.

    python subscribe.py nats://reader:PASSWORD@127.0.0.1:4222 demo

The user and its password stand in subscribers.toml of the state folder. What the events mean: contracts/README.md.
"""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy


async def main(url: str, agency: str) -> None:
    user = urlsplit(url).username or ""
    nc = await nats.connect(url, max_reconnect_attempts=-1)
    js = nc.jetstream()
    # The server checks the name and the filter: <user>-rows-<agency> sees the rows of that agency and nothing else.
    name = f"{user}-rows-{agency}"
    await js.add_consumer(
        "REGISTER",
        ConsumerConfig(
            name=name,
            durable_name=name,  # goes on where it was, also after days
            filter_subject=f"register.v1.entered.{agency}.>",
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
        ),
    )
    rows = await js.pull_subscribe_bind(consumer=name, stream="REGISTER")
    while True:
        try:
            messages = await rows.fetch(100, timeout=5)
        except nats.errors.TimeoutError:  # nothing new
            continue
        for message in messages:
            row = json.loads(message.data)
            if row["type"] == "register.entered.v1":  # a book has other rows too: openings, corrections
                # Delivered at least once: where a repeat would hurt, keep the ce-id as a key.
                key = (message.headers or {})["ce-id"]
                print(row["number_text"], row["deemed_at"], row["sha256"], key, sep="\t", flush=True)
            await message.ack()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:3]))
    except KeyboardInterrupt:
        pass
    except TypeError:
        sys.exit(__doc__)
