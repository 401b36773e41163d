"""What every service stands on: configuration, logs, metrics, NATS, the clock, the directory. No domain rule."""
