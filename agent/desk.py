"""Desk: all that a user interface may ask. Two implementations, one contract: in this process, and over the home's socket."""

from __future__ import annotations

from typing import Protocol

from agent.views import Status, SyncResult, TerminalInfo, Today, TransactionDetail, TransactionPage


class Desk(Protocol):
    """Every method may raise `agent.errors.CounterfoilError` (two sentences for a person); none blocks beyond its time-out.

    Methods may be called from any thread.
    """

    def status(self) -> Status: ...

    def today(self, date: str | None = None, recent: int = 50) -> Today:
        """One day (ISO date in the merchant's time zone; None is the day of the home's clock) with its newest transactions."""
        ...

    def transactions(
        self, date: str | None = None, text: str | None = None, limit: int = 100, offset: int = 0
    ) -> TransactionPage:
        """Newest first. text: part of a trace, RRN, reference, last four digits, or an amount in yuan."""
        ...

    def transaction(self, reference: str) -> TransactionDetail:
        """One transaction whole, by its reference or a unique beginning of it."""
        ...

    def terminal_info(self) -> TerminalInfo:
        """Asks the terminal; up to 10 s."""
        ...

    def sync(self) -> SyncResult:
        """Asks the terminal for what the journal lacks, and waits until it is durable; up to 30 s."""
        ...

    def wait(self, revision: int, timeout_ms: int) -> int:
        """Blocks until `Status.revision` is above `revision`, or the time is over; answers the revision in force."""
        ...

    def close(self) -> None: ...
