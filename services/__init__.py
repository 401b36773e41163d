"""The services, what they share, and the command line."""
