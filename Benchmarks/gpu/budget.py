"""Time that may be spent: of the whole script, of a part of it, of a command."""

import time


class Budget:
    """A number of seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self.end - time.monotonic())

    def part(self, seconds: float) -> "Budget":
        """At most this many of the remaining seconds."""
        return Budget(min(seconds, self.left))
