"""One simulator process: everything put together, and the loop that owns the clock and the wire. Nothing polls."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from protocol.dialect import dialect
from simulator.clock import SimulatedClock
from simulator.errors import SimulatorError
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.profile import load_profile
from simulator.terminal import Terminal
from simulator.trade import Calendar, Trade
from simulator.wires import PtyWire

DIALECT = "native"
GRACE_MS = 1_000
"""After the last acknowledgement an agent may still put a head: until its BYE, or so long."""
NOBODY_CAME_MS = 10_000
"""Where everything was acknowledged before the start: how long an agent may take to come."""
FAREWELL_MS = 250
"""How long a BYE may lie unread before the port goes."""
SECRET_SIZE = 32


@dataclass(frozen=True, slots=True)
class Options:
    """What `sim run` was told. speed: simulated seconds a second, 0 as fast as the line takes. ledger: None for none.

    until_stdin_ends: leave when standard input ends, so that a terminal started by another process does not outlive it.
    """

    link: Path
    profile: str
    seed: int
    calendar: Calendar
    state: Path
    ledger: Path | None
    secret: Path
    speed: int
    exit_when_done: bool
    line_rate: int
    until_stdin_ends: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """link: the port to open; secret: the file that holds the secret for it."""

    link: Path
    terminal: str
    secret: Path


def run(options: Options, ready: Callable[[Ready], None]) -> None:
    """Play the terminal until the calendar is played (exit_when_done), SIGTERM or SIGINT. Raises SimulatorError.

    ready is told once the port can be opened.
    """
    profile = load_profile(options.profile)
    who = identity(profile.name, options.seed)
    native = dialect(DIALECT)
    with closing(TerminalLog(options.state, who.terminal, who.log_epoch)) as log:
        secret = _secret(options.secret)
        clock = SimulatedClock(options.speed)
        boot_id = os.urandom(6).hex()
        with closing(Ledger(options.ledger)) as ledger:
            trade = Trade(
                profile=profile,
                seed=options.seed,
                identity=who,
                calendar=options.calendar,
                log=log,
                ledger=ledger,
                clock=clock,
                encode=native.encode,
                decode=native.decode,
            )
            terminal = Terminal(
                dialect=DIALECT,
                secret=secret,
                random=os.urandom,
                line_rate=options.line_rate,
                profile=profile,
                identity=who,
                boot_id=boot_id,
                log=log,
                clock=clock,
                trade=trade,
            )
            with _signals() as (wakeup, asked_to_stop), closing(PtyWire(options.link)) as wire:
                terminal.start(_now())
                ready(Ready(options.link, who.terminal, options.secret))
                _loop(terminal, wire, wakeup, asked_to_stop, options)


def _loop(terminal: Terminal, wire: PtyWire, wakeup: int, asked_to_stop: Callable[[], bool], options: Options) -> None:
    settled_at: int | None = None
    stdin = [sys.stdin.fileno()] if options.until_stdin_ends else []
    while not asked_to_stop():
        now = _now()
        terminal.tick(now)
        wire.write(terminal.outgoing(now))
        due = terminal.deadline
        if options.exit_when_done and terminal.settled:
            settled_at = now if settled_at is None else settled_at
            end = settled_at + (GRACE_MS if terminal.met else NOBODY_CAME_MS)
            if terminal.left or end <= now:
                break
            due = end if due is None else min(due, end)
        readable, _, _ = select.select(
            [wire.fileno(), wakeup, *stdin],
            [wire.fileno()] if wire.has_unwritten else [],
            [],
            None if due is None else max(0, due - now) / 1000,
        )
        if wakeup in readable:
            os.read(wakeup, 512)
        if any(end in readable and not os.read(end, 512) for end in stdin):
            break
        if wire.fileno() in readable:
            terminal.receive(wire.read(), _now())
    if terminal.in_session:
        terminal.leave(_now())
        wire.write(terminal.outgoing(_now()))
        wire.wait_until_read(FAREWELL_MS)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


def _secret(path: Path) -> bytes:
    """The 32 bytes that both ends of the wire hold, in hex in a file; made, for its owner alone, where there is none."""
    try:
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            secret = bytes.fromhex(path.read_text(encoding="ascii"))
            if len(secret) != SECRET_SIZE:
                raise ValueError("not 32 bytes") from None
            return secret
        secret = os.urandom(SECRET_SIZE)
        with os.fdopen(file, "w") as new:
            new.write(secret.hex() + "\n")
        return secret
    except ValueError as error:
        raise SimulatorError(
            f"The secret file {path} does not hold 64 hexadecimal digits.", "Give another --secret, or remove it."
        ) from error
    except OSError as error:
        raise SimulatorError(
            f"The secret file {path} cannot be used: {error.strerror}.", "Give a --secret that can be read and written."
        ) from error


@contextmanager
def _signals() -> Iterator[tuple[int, Callable[[], bool]]]:
    """SIGTERM and SIGINT wake the loop through a descriptor and are remembered."""
    told: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        told.append(number)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before_fd = signal.set_wakeup_fd(writer)
    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield reader, lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_fd)
        os.close(reader)
        os.close(writer)
