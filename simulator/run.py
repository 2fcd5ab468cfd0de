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
from datetime import date
from pathlib import Path
from types import FrameType

from protocol.dialect import Dialect, dialect
from protocol.errors import UnknownDialect
from protocol.events import Paired, PairingFailed, PairingShown
from protocol.money import CNY
from simulator.book import Book
from simulator.clock import SimulatedClock
from simulator.counter import Counter
from simulator.enquiries import Enquiries
from simulator.errors import SimulatorError
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.pairing import Answers, PairingMode, Word, keep_agent, link_keys
from simulator.profile import load_profile
from simulator.terminal import Terminal, tells_events
from simulator.trade import Calendar, Trade
from simulator.wires import PtyWire

GRACE_MS = 1_000
"""After the last acknowledgement an agent may still put a head: until its BYE, or so long."""
NOBODY_CAME_MS = 10_000
"""Where everything was acknowledged before the start: how long an agent may take to come."""
TRANSACTIONS = 300
"""A day, if nobody says otherwise."""
CURRENCY = {"telium": 978, "transbank": 152}
"""ISO 4217: the euro and the Chilean peso of these vendors' registers; all others: the renminbi. FIXTURE."""
FAREWELL_MS = 250
"""How long a BYE may lie unread before the port goes."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `sim run` was told. speed: simulated seconds a second, 0 as fast as the line takes. ledger: None for none.

    transactions (a day), pairing, line_rate: None for what fits the dialect.
    until_stdin_ends: leave when standard input ends, so that a terminal started by another process does not outlive it.
    """

    link: Path
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


@dataclass(frozen=True, slots=True)
class Ready:
    """link: the port that can be opened now."""

    link: Path
    terminal: str


News = Ready | PairingShown | Paired | PairingFailed
"""What a person is told."""


def run(options: Options, say: Callable[[News], None]) -> None:
    """Play the terminal until the calendar is played (exit_when_done), SIGTERM or SIGINT. Raises SimulatorError."""
    profile = load_profile(options.profile)
    spoken = _dialect(options.dialect)
    pairing = _pairing(options, spoken)
    calendar = _calendar(options, spoken)
    who = identity(profile.name, options.seed)
    native = dialect("native")
    told, currency = tells_events(spoken), CURRENCY.get(spoken.name, CNY)
    with closing(TerminalLog(options.state, who.terminal, who.log_epoch)) as log:
        keys = link_keys(options.state) if spoken.pairs else None
        clock = SimulatedClock(options.speed)
        with closing(Ledger(options.ledger)) as ledger:
            book = Book(
                profile=profile,
                seed=options.seed,
                identity=who,
                log=log,
                ledger=ledger,
                encode=native.encode,
                decode=native.decode,
            )
            counter = Counter(
                profile=profile, seed=options.seed, book=book, clock=clock, currency=currency, tickets=not told
            )
            terminal = Terminal(
                dialect=spoken.name,
                keys=keys,
                pairing=pairing,
                random=os.urandom,
                line_rate=options.line_rate or spoken.line_rate,
                identity=who,
                boot_id=os.urandom(6).hex(),
                log=log,
                clock=clock,
                trade=Trade(
                    profile=profile,
                    seed=options.seed,
                    calendar=calendar,
                    log=log,
                    ledger=ledger,
                    book=book,
                    clock=clock,
                    told=told,
                ),
                counter=counter,
                enquiries=Enquiries(
                    profile=profile, identity=who, book=book, counter=counter, clock=clock, currency=currency
                ),
            )
            with _signals() as (wakeup, asked_to_stop), closing(PtyWire(options.link)) as wire:
                terminal.start(_now())
                say(Ready(options.link, who.terminal))
                _Loop(terminal, wire, options, pairing, say).turn(wakeup, asked_to_stop)


def _dialect(name: str) -> Dialect:
    try:
        return dialect(name)
    except UnknownDialect as error:
        raise SimulatorError(f"{str(error).capitalize()}.", error.todo) from error


def _calendar(options: Options, spoken: Dialect) -> Calendar:
    """Without words for events there is no trade but at the counter, and at speed 0 nothing that ends a day."""
    told = tells_events(spoken)
    transactions = options.transactions
    if not told and transactions:
        raise SimulatorError(
            f"The {spoken.name} dialect has no words for the transactions of a calendar.", "Leave --transactions out."
        )
    if not told and options.speed == 0 and options.exit_when_done:
        raise SimulatorError(
            f"At speed 0 nothing ends a day on the {spoken.name} wire.", "Give a --speed above 0, or --then stay."
        )
    return Calendar(options.first, options.days, TRANSACTIONS if transactions is None and told else transactions or 0)


def _pairing(options: Options, spoken: Dialect) -> PairingMode:
    if options.pairing is not None and not spoken.pairs and options.pairing is not PairingMode.OFF:
        raise SimulatorError(f"The {spoken.name} dialect has no pairing.", "Leave --pairing out.")
    return (options.pairing or PairingMode.AUTO) if spoken.pairs else PairingMode.OFF


class _Loop:
    """The one loop of a process: wire, signals, and what a person types."""

    def __init__(
        self, terminal: Terminal, wire: PtyWire, options: Options, pairing: PairingMode, say: Callable[[News], None]
    ) -> None:
        self._terminal = terminal
        self._wire = wire
        self._options = options
        self._say = say
        self._asks = pairing is PairingMode.ASK
        self._answers = Answers()
        self._stdin = [sys.stdin.fileno()] if self._asks or options.until_stdin_ends else []

    def turn(self, wakeup: int, asked_to_stop: Callable[[], bool]) -> None:
        """Until the end."""
        terminal, wire, options = self._terminal, self._wire, self._options
        settled_at: int | None = None
        while not asked_to_stop():
            now = _now()
            terminal.tick(now)
            self._tell_pairing(now)
            wire.write(terminal.outgoing(now))
            due = terminal.deadline
            if options.exit_when_done and terminal.settled:
                settled_at = now if settled_at is None else settled_at
                end = settled_at + (GRACE_MS if terminal.met else NOBODY_CAME_MS)
                if terminal.left or end <= now:
                    break
                due = end if due is None else min(due, end)
            readable, _, _ = select.select(
                [wire.fileno(), wakeup, *self._stdin],
                [wire.fileno()] if wire.has_unwritten else [],
                [],
                None if due is None else max(0, due - now) / 1000,
            )
            if wakeup in readable:
                os.read(wakeup, 512)
            if self._stdin and self._stdin[0] in readable and not self._listen():
                break
            if wire.fileno() in readable:
                terminal.receive(wire.read(), _now())
        if terminal.in_session:
            terminal.leave(_now())
            wire.write(terminal.outgoing(_now()))
            wire.wait_until_read(FAREWELL_MS)

    def _listen(self) -> bool:
        """Take what was typed; False where its end means ours."""
        typed = os.read(self._stdin[0], 512)
        if not typed:
            self._stdin.clear()
            self._terminal.answer_pairing(False, _now())
            return not self._options.until_stdin_ends
        for word in self._answers.take(typed):
            if word is Word.PAIR:
                self._terminal.allow_pairing(_now())
            else:
                self._terminal.answer_pairing(word is Word.YES, _now())
        return True

    def _tell_pairing(self, now: int) -> None:
        """Keep the key of an agent that was paired, then show; where nobody can answer any more, the answer is no."""
        while news := self._terminal.pairing_news():
            for one in news:
                if isinstance(one, Paired):
                    keep_agent(self._options.state, one.peer)
                self._say(one)
                if isinstance(one, PairingShown) and self._asks and not self._stdin:
                    self._terminal.answer_pairing(False, now)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


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
