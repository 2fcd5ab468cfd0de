"""What befalls the device itself: faults, tampering, another firmware, serial number or merchant. Logged, told as events."""

from __future__ import annotations

from dataclasses import asdict

from protocol.masking import mask_text
from protocol.messages import DeviceEvent, DeviceEventKind, Severity
from simulator.book import Book
from simulator.clock import SimulatedClock
from simulator.errors import SimulatorError
from simulator.identity import Identity, Plate, plate
from simulator.log import TerminalLog
from simulator.profile import Profile

CHANGES = {
    "serial_number": DeviceEventKind.SERIAL_CHANGED,
    "firmware": DeviceEventKind.FIRMWARE_CHANGED,
    "mid": DeviceEventKind.MERCHANT_CHANGED,
    "tid": DeviceEventKind.MERCHANT_CHANGED,
    "merchant_name": DeviceEventKind.MERCHANT_CHANGED,
    "mcc": DeviceEventKind.MERCHANT_CHANGED,
}
"""What of the plate can change, and the event that tells it; one event of a kind tells all that changed together."""
MOST_DETAIL = 256
UNKNOWN_CRITICAL = bytes.fromhex("fff00000")
"""A TLV on the native wire: bit 15 of its tag says critical, no message has a tag FFF0, and it holds nothing."""


class Device:
    """Every `now` is monotonic ms."""

    def __init__(
        self, *, profile: Profile, identity: Identity, log: TerminalLog, book: Book, clock: SimulatedClock
    ) -> None:
        self._profile = profile
        self._identity = identity
        self._log = log
        self._book = book
        self._clock = clock
        self.fault: str | None = None
        """The code of a fault that lasts, for the display; a boot clears it."""

    @property
    def plate(self) -> Plate:
        """As it is now."""
        return plate(self._identity, self._profile, self._log.changed)

    def break_down(self, code: str, severity: Severity, now: int, detail: str | None = None) -> None:
        """A fault. code: the terminal's own word for it, such as `PRINTER_PAPER`; major ones stay on the display."""
        self.fault = code if severity is Severity.MAJOR else self.fault
        self._note(DeviceEventKind.FAULT, severity, code, detail, now)

    def tamper(self, now: int) -> None:
        """The case was opened."""
        self.fault = "TAMPER"
        self._note(DeviceEventKind.TAMPER, Severity.MAJOR, "TAMPER", "case opened", now)

    def change(self, what: dict[str, str], now: int) -> None:
        """Another serial number, firmware, merchant: by the names of CHANGES, for ever.

        SimulatorError: no such name, nothing in it, or what looks like a card number.
        """
        before = asdict(self.plate)
        for name, value in what.items():
            if name not in CHANGES:
                raise SimulatorError(f"The plate has no {name!r} to change.", f"Choose among: {', '.join(CHANGES)}.")
            if not value.strip() or mask_text(value) != value:
                raise SimulatorError(f"That is no {name}.", "Give some text in which nothing looks like a card number.")
        changed = {name: value for name, value in what.items() if before[name] != value}
        if not changed:
            return
        self._log.change(changed)
        kinds = dict.fromkeys(CHANGES[name] for name in changed)
        for kind in kinds:
            told = [f"{n} {before[n]} -> {value}" for n, value in changed.items() if CHANGES[n] is kind]
            severity = Severity.INFO if kind is DeviceEventKind.FIRMWARE_CHANGED else Severity.MAJOR
            self._note(kind, severity, kind.name, _cut("; ".join(told)), now)

    def repair(self) -> None:
        """What lasts is mended. No event tells that."""
        self.fault = None

    def say_unreadable(self, now: int) -> None:
        """An event with a critical tag that nobody knows: an agent records it, and goes on (docs/protocol.md §3)."""
        at = max(self._clock.time(now), self._book.last_at)
        self._book.note(
            lambda number: DeviceEvent(
                number=number, at=at, kind=DeviceEventKind.FAULT, severity=Severity.INFO, code="UNREADABLE"
            ),
            UNKNOWN_CRITICAL,
        )

    def rebooted(self, now: int) -> None:
        """The boot's own event."""
        self.fault = None
        self._note(DeviceEventKind.REBOOT, Severity.INFO, "REBOOT", f"boot {self._log.boots}", now)

    def _note(self, kind: DeviceEventKind, severity: Severity, code: str, detail: str | None, now: int) -> None:
        at = max(self._clock.time(now), self._book.last_at)
        self._book.note(
            lambda number: DeviceEvent(number=number, at=at, kind=kind, severity=severity, code=code, detail=detail)
        )


def _cut(text: str) -> str:
    """What the wire has room for (docs/protocol.md §3): 256 bytes, and no half character."""
    return text.encode()[:MOST_DETAIL].decode(errors="ignore")
