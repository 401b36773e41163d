// Print the register numbers of an agency as they are given. Needs two packages (`npm ci` here) and nothing of saraban.
//
//     node subscribe.mjs nats://reader:PASSWORD@127.0.0.1:4222 demo
//
// The user and its password stand in subscribers.toml of the state folder. What the events mean: contracts/README.md.

import { connect } from "@nats-io/transport-node";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";

const [address, agency] = process.argv.slice(2);
if (!agency) {
  console.error("usage: node subscribe.mjs nats://USER:PASSWORD@HOST:PORT AGENCY");
  process.exit(2);
}
const url = new URL(address);
const user = decodeURIComponent(url.username);

const nc = await connect({
  servers: url.host,
  user,
  pass: decodeURIComponent(url.password),
  maxReconnectAttempts: -1,
});

// The server checks the name and the filter: <user>-rows-<agency> sees the rows of that agency and nothing else.
const name = `${user}-rows-${agency}`;
const manager = await jetstreamManager(nc, { checkAPI: false });
await manager.consumers.add("REGISTER", {
  name,
  durable_name: name, // goes on where it was, also after days
  filter_subject: `register.v1.entered.${agency}.>`,
  deliver_policy: DeliverPolicy.All,
  ack_policy: AckPolicy.Explicit,
});

const rows = await jetstream(nc, { checkAPI: false }).consumers.get("REGISTER", name);
for await (const message of await rows.consume()) {
  const row = message.json();
  if (row.type === "register.entered.v1") { // a book has other rows too: openings, corrections
    // Delivered at least once: where a repeat would hurt, keep the ce-id as a key.
    console.log([row.number_text, row.deemed_at, row.sha256, message.headers.get("ce-id")].join("\t"));
  }
  message.ack();
}
