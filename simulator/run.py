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
from simulator.cards import customer
from simulator.clock import SimulatedClock
from simulator.counter import Counter
from simulator.crashes import Crashes, TerminalCrashed
from simulator.device import Device
from simulator.enquiries import Enquiries
from simulator.errors import SimulatorError
from simulator.host import Host
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.pairing import Answers, PairingMode, Word, keep_agent, link_keys
from simulator.profile import load_profile
from simulator.screen import draw
from simulator.station import Station
from simulator.terminal import Terminal, tells_events
from simulator.trade import Calendar, Trade
from simulator.wires.faults import Fault, To
from simulator.wires.line import Line
from simulator.wires.pty import PtyWire
from simulator.wires.stdio import StdioWire
from simulator.wires.tcp import TcpWire
from simulator.wires.wire import Wire

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
    lies: what the acquirer tells (simulator/lies.py). deposit: how its return goes, None for as the profile says.
    until_stdin_ends: leave when standard input ends, so that a terminal started by another process does not outlive it.
    link: where a pty is linked to; else listen: host and port; else standard input and output are the wire.
    customer: who comes to the counter (simulator/cards.py); crash: armed for the first request (simulator/crashes.py), and
    reboots: in this process; else it ends as by kill -9. screen: what the display shows is said.
    throttle: bytes take their time at the line's rate. faults: armed in this order when the wire is there.
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

    @property
    def throttled_to(self) -> int | None:
        """Bits a second, or None where a byte takes no time."""
        return (self.line_rate or _dialect(self.dialect).line_rate) if self.throttle else None


@dataclass(frozen=True, slots=True)
class Ready:
    """link: the port that can be opened now: a path, `socket://HOST:PORT`, or nothing where it has no name."""

    link: str
    terminal: str


@dataclass(frozen=True, slots=True)
class Screen:
    """text: what the display shows from now on (simulator/screen.py)."""

    text: str


News = Ready | Screen | PairingShown | Paired | PairingFailed
"""What a person is told."""


def run(options: Options, say: Callable[[News], None]) -> None:
    """Play the terminal until the calendar is played (exit_when_done), SIGTERM or SIGINT. Raises SimulatorError."""
    with assembled(options) as terminal, _signals() as (wakeup, asked_to_stop), closing(_wire(options)) as wire:
        now = _now()
        station = Station(terminal, wire, Line(options.seed, options.throttled_to))
        station.reboots = options.reboots
        terminal.start(now)
        for fault in options.faults:
            station.arm(fault, now)
        say(Ready(wire.name, identity(options.profile, options.seed).terminal))
        try:
            _Loop(station, options, say).turn(wakeup, asked_to_stop)
        except TerminalCrashed:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def assembled(options: Options, random: Callable[[int], bytes] = os.urandom) -> Iterator[Terminal]:
    """The terminal whole, its log and ledger open, not yet started; without a wire and a loop. Raises SimulatorError.

    random: n -> n fresh bytes, for the link's keys and the boot id.
    """
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
        with (
            closing(Ledger(options.ledger)) as ledger,
            closing(Host(options.state / "host.jsonl", log, ledger, clock)) as host,
        ):
            book = Book(
                profile=profile,
                seed=options.seed,
                identity=who,
                log=log,
                ledger=ledger,
                encode=native.encode,
                decode=native.decode,
                host=host,
                currency=currency,
                lies=options.lies,
                deposit_plan=options.deposit,
            )
            crashes = Crashes()
            if options.crash is not None:
                crashes.arm(options.crash)
            counter = Counter(
                profile=profile,
                seed=options.seed,
                book=book,
                log=log,
                host=host,
                crashes=crashes,
                clock=clock,
                currency=currency,
                tickets=not told,
            )
            counter.regular = None if options.customer is None else customer(options.customer)
            terminal = Terminal(
                dialect=spoken.name,
                keys=keys,
                pairing=pairing,
                random=random,
                line_rate=options.line_rate or spoken.line_rate,
                identity=who,
                log=log,
                clock=clock,
                book=book,
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
                    profile=profile, identity=who, log=log, book=book, counter=counter, clock=clock, currency=currency
                ),
                device=Device(profile=profile, identity=who, log=log, book=book, clock=clock),
                crashes=crashes,
            )
            yield terminal


def _wire(options: Options) -> Wire:
    if options.link is not None:
        return PtyWire(options.link)
    return StdioWire() if options.listen is None else TcpWire(*options.listen)


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

    def __init__(self, station: Station, options: Options, say: Callable[[News], None]) -> None:
        self._station = station
        self._terminal = station.terminal
        self._options = options
        self._say = say
        self._asks = options.pairing is PairingMode.ASK
        self._answers = Answers()
        self._shown = ""
        self._stdin = [sys.stdin.fileno()] if self._asks or options.until_stdin_ends else []

    def turn(self, wakeup: int, asked_to_stop: Callable[[], bool]) -> None:
        """Until the end."""
        station, terminal, wire, options = self._station, self._terminal, self._station.wire, self._options
        settled_at: int | None = None
        while not asked_to_stop():
            now = _now()
            station.hear(now)
            if wire.ended:
                break
            self._tell_pairing(now)
            self._show()
            station.say(now)
            due = station.deadline
            if options.exit_when_done and terminal.settled:
                settled_at = now if settled_at is None else settled_at
                end = settled_at + (GRACE_MS if terminal.met else NOBODY_CAME_MS)
                if terminal.left or end <= now:
                    break
                due = end if due is None else min(due, end)
            readable, _, _ = select.select(
                [*wire.readers, wakeup, *self._stdin],
                wire.writers,
                [],
                None if due is None else max(0, due - now) / 1000,
            )
            if wakeup in readable:
                os.read(wakeup, 512)
            if self._stdin and self._stdin[0] in readable and not self._listen():
                break
        if terminal.in_session:
            self._farewell(_now() + FAREWELL_MS)

    def _show(self) -> None:
        if self._options.screen and (text := draw(self._terminal.showing())) != self._shown:
            self._shown = text
            self._say(Screen(text))

    def _farewell(self, until: int) -> None:
        """Say BYE, and wait until the line has brought it and the agent has read it, at most so long."""
        station = self._station
        self._terminal.leave(station.uptime(_now()))
        station.say(_now())
        while station.line.waits(To.AGENT) and _now() < until:
            time.sleep(0.001)
            station.say(_now())
        station.wire.wait_until_read(max(0, until - _now()))

    def _listen(self) -> bool:
        """Take what was typed; False where its end means ours."""
        typed = os.read(self._stdin[0], 512)
        if not typed:
            self._stdin.clear()
            self._terminal.answer_pairing(False, self._uptime())
            return not self._options.until_stdin_ends
        for word in self._answers.take(typed):
            if word is Word.PAIR:
                self._terminal.allow_pairing(self._uptime())
            else:
                self._terminal.answer_pairing(word is Word.YES, self._uptime())
        return True

    def _uptime(self) -> int:
        return self._station.uptime(_now())

    def _tell_pairing(self, now: int) -> None:
        """Keep the key of an agent that was paired, then show; where nobody can answer any more, the answer is no."""
        while news := self._terminal.pairing_news():
            for one in news:
                if isinstance(one, Paired):
                    keep_agent(self._options.state, one.peer)
                self._say(one)
                if isinstance(one, PairingShown) and self._asks and not self._stdin:
                    self._terminal.answer_pairing(False, self._station.uptime(now))


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
