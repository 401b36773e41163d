"""Octets of letters in memory at once. The server behind us does not protect itself; this does, and us too."""


class Flight:
    """A bound on octets. Nobody waits for room: who gets none is told 452 and comes again."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, octets: int) -> bool:
        """Take room, or say that there is none."""
        if self.held + octets > self.limit:
            return False
        self.held += octets
        return True

    def give(self, octets: int) -> None:
        """Give room back."""
        self.held -= octets

    def has_room(self, octets: int) -> bool:
        """Whether so many octets would fit at this moment; nothing is taken."""
        return self.held + octets <= self.limit
