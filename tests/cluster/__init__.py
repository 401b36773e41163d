"""Three nats-servers, two ingresses, two registers: one machine after the other is lost while letters come in."""
