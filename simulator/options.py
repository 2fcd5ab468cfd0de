"""What one simulator process was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from protocol.dialect import Dialect, dialect
from protocol.errors import UnknownDialect
from simulator.errors import SimulatorError
from simulator.pairing import PairingMode
from simulator.scenario import Scenario
from simulator.wires.faults import Fault


@dataclass(frozen=True, slots=True)
class Options:
    """What `sim run` was told. speed: simulated seconds a second, 0 as fast as the line takes. ledger: None for none.

    transactions (a day), pairing, line_rate: None for what fits the dialect.
    lies: what the acquirer tells (simulator/lies.py). deposit: how its return goes, None for as the profile says.
    until_stdin_ends: leave when standard input ends, so that a terminal started by another process does not outlive it.
    link: where a pty is linked to; else listen: host and port; else standard input and output are the wire.
    customer: who comes to the counter (simulator/cards.py); crash: armed for the first request (simulator/crashes.py), and
    reboots: in this process; else it ends as by kill -9. screen: what the display shows is said.
    throttle: bytes take their time at the line's rate. faults: armed in this order when the wire is there.
    control: where the control socket is (simulator/control_socket.py); None for none.
    scenario: what is played (simulator/player.py). judged: a Verdict is given at the end; then there is a ledger.
    """

    link: Path | None
    profile: str
    seed: int
    first: date
    days: int
    transactions: int | None
    state: Path
    ledger: Path | None
    speed: int
    exit_when_done: bool
    dialect: str = "native"
    pairing: PairingMode | None = None
    line_rate: int | None = None
    until_stdin_ends: bool = False
    lies: tuple[str, ...] = ()
    deposit: str | None = None
    listen: tuple[str, int] | None = None
    customer: str | None = None
    crash: str | None = None
    reboots: bool = False
    screen: bool = False
    throttle: bool = False
    faults: tuple[Fault, ...] = ()
    control: Path | None = None
    scenario: Scenario | None = None
    judged: bool = False

    @property
    def on_stdio(self) -> bool:
        return self.link is None and self.listen is None

    @property
    def throttled_to(self) -> int | None:
        """Bits a second, or None where a byte takes no time."""
        return (self.line_rate or spoken_by(self.dialect).line_rate) if self.throttle else None


def spoken_by(name: str) -> Dialect:
    """Raises SimulatorError if there is none of that name."""
    try:
        return dialect(name)
    except UnknownDialect as error:
        raise SimulatorError(f"{str(error).capitalize()}.", error.todo) from error
