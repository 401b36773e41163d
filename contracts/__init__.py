"""What the services and their subscribers agree on: events, streams, words. Imports no service, no NATS client."""
