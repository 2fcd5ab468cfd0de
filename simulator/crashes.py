"""What a terminal does wrong by itself, by name, armed for the next request that comes so far (docs/simulator.md).

The first four end the terminal as a kill -9 does: `TerminalCrashed` leaves it, nothing more is written, and whoever turns
its loop ends the process or has it booted anew. The others are answers that are not true; log, events and ledger are.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from hashlib import sha256

from protocol.messages import RequestState, Result, StatusReply
from protocol.money import Money
from simulator.errors import SimulatorError

ANOTHER_CURRENCY = {True: 840, False: 978}
"""ISO 4217: the US dollar where the terminal's is the euro, else the euro."""


class Crash(StrEnum):
    """The register gets no answer to the first four; Status, once the terminal is back, tells what became of it."""

    BEFORE_BEGIN = "before_begin"
    """The customer was there, nothing was logged or asked: not found after the boot."""
    AFTER_BEGIN = "after_begin"
    """BEGIN was logged, the host not asked: reversed at boot, voided."""
    APPROVED_UNLOGGED = "approved_unlogged"
    """The host approved and the log does not hold it: reversed at boot, voided."""
    LOGGED_UNTOLD = "logged_untold"
    """The outcome was logged and the answer lost: approved, or as it was."""
    OTHER_REFERENCE = "other_reference"
    """The answer names a reference that nobody asked for."""
    OTHER_AMOUNT = "other_amount"
    """The answer names one minor unit more than was taken."""
    OTHER_CURRENCY = "other_currency"
    """The answer names another currency than was taken."""
    STALE_NOT_FOUND = "stale_not_found"
    """A Status is answered "not found, not fenced", whatever the log holds, and no fence is made."""


class TerminalCrashed(Exception):
    """The terminal ended here; only `Terminal.reboot` may be called now."""

    def __init__(self, crash: Crash) -> None:
        super().__init__(crash.value)
        self.crash = crash


class Crashes:
    """What is armed; each is done once."""

    def __init__(self) -> None:
        self.armed: Crash | None = None
        self.falsified: set[str] = set()
        """References whose register was told what is not so."""

    def arm(self, name: str) -> None:
        """For the next request. SimulatorError: there is no such name."""
        try:
            self.armed = Crash(name)
        except ValueError:
            raise SimulatorError(f"There is no crash {name!r}.", f"Choose one of: {', '.join(Crash)}.") from None

    def reach(self, point: Crash) -> None:
        """TerminalCrashed where this is what is armed."""
        if self._take(point):
            raise TerminalCrashed(point)

    def falsify(self, result: Result) -> Result:
        """The Result as it is told."""
        if self.armed in {Crash.OTHER_REFERENCE, Crash.OTHER_AMOUNT, Crash.OTHER_CURRENCY}:
            self.falsified.add(result.reference)
        if self._take(Crash.OTHER_REFERENCE):
            return replace(result, reference=sha256(result.reference.encode()).hexdigest()[:32])
        if result.amount is not None:
            if self._take(Crash.OTHER_AMOUNT):
                return replace(result, amount=Money(result.amount.minor + 1, result.amount.currency))
            if self._take(Crash.OTHER_CURRENCY):
                currency = ANOTHER_CURRENCY[result.amount.currency == 978]
                return replace(result, amount=Money(result.amount.minor, currency))
        return result

    def stale(self, reference: str, log_epoch: str, request_id: int) -> StatusReply | None:
        """The stale answer to a Status, if one is armed."""
        if not self._take(Crash.STALE_NOT_FOUND):
            return None
        return StatusReply(
            reference=reference,
            state=RequestState.NOT_FOUND,
            log_epoch=log_epoch,
            fenced=False,
            request_id=request_id,
        )

    def _take(self, point: Crash) -> bool:
        if self.armed is not point:
            return False
        self.armed = None
        return True
