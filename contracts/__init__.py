"""What the services, and everyone who subscribes, agree on: events, streams, words. Imports no service, no NATS client."""
