// Hands over one letter with nodemailer, octet for octet: node send.mjs PORT SENDER RECIPIENT FILE [CA]
// With CA the session has to be secured by STARTTLS, and the certificate has to chain to it.
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const [port, sender, recipient, file, ca] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  secure: false,
  requireTLS: Boolean(ca),
  ignoreTLS: !ca,
  tls: ca ? { ca: readFileSync(ca), servername: "mx.test", minVersion: "TLSv1.2" } : undefined,
});
const sent = await transport.sendMail({
  envelope: { from: sender, to: [recipient] },
  raw: readFileSync(file),
});
console.log(sent.response);
