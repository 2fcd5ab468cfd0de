"""The one error that the simulator shows a person: what happened, and what to do. Exit code 3 (docs/interface.md)."""

from __future__ import annotations


class SimulatorError(Exception):
    """what: one sentence of what happened. todo: one sentence of what to do."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what, todo)
        self.what = what
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.what} {self.todo}"
