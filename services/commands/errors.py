"""What a command ends with where a person can do something about it."""


class CommandError(Exception):
    """What a person did or has to know, in one line. `code` is the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
