"""What went wrong, and what to do about it, as the person at the test's output reads it."""

from __future__ import annotations


class SimulatorError(Exception):
    """what, todo: a sentence each."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(f"{what} {todo}")
        self.what = what
        self.todo = todo
