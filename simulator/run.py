"""One simulator process: everything put together."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from protocol.dialect import Dialect, dialect
from protocol.money import CNY
from simulator.book import Book
from simulator.cards import customer
from simulator.clock import SimulatedClock
from simulator.control import Control, Killed
from simulator.control_socket import ControlSocket
from simulator.counter import Counter
from simulator.crashes import Crashes, TerminalCrashed
from simulator.device import Device
from simulator.enquiries import Enquiries
from simulator.errors import SimulatorError
from simulator.host import Host
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.loop import Loop, News, Ready, monotonic_ms, signals
from simulator.options import Options, spoken_by
from simulator.pairing import PairingMode, link_keys
from simulator.player import Player
from simulator.playing import verdict_of
from simulator.profile import load_profile
from simulator.station import Station
from simulator.terminal import Terminal, tells_events
from simulator.trade import Calendar, Trade
from simulator.verdict import Verdict
from simulator.wires.line import Line
from simulator.wires.pty import PtyWire
from simulator.wires.stdio import StdioWire
from simulator.wires.tcp import TcpWire
from simulator.wires.wire import Wire

TRANSACTIONS = 300
"""A day, if nobody says otherwise."""
CURRENCY = {"telium": 978, "transbank": 152}
"""ISO 4217: the euro and the Chilean peso of these vendors' registers; all others: the renminbi. FIXTURE."""


def run(options: Options, say: Callable[[News], None], command: Sequence[str] = ()) -> Verdict | None:
    """Play the terminal until the calendar is played (exit_when_done) or the scenario, SIGTERM or SIGINT.

    command: what was called, to play it again. Raises SimulatorError. A Verdict where one is asked for.
    """
    with assembled(options) as terminal, signals() as (wakeup, asked_to_stop), closing(_wire(options)) as wire:
        now = monotonic_ms()
        station = Station(terminal, wire, Line(options.seed, options.throttled_to))
        station.reboots = options.reboots
        control = Control(station, ledger=options.ledger)
        player = None if options.scenario is None else Player(station, control, options.scenario, say)
        terminal.start(now)
        for fault in options.faults:
            station.arm(fault, now)
        with ExitStack() as opened:
            commanded = None
            if options.control is not None:
                commanded = opened.enter_context(closing(ControlSocket(options.control, control)))
            say(Ready(wire.name, identity(options.profile, options.seed).terminal))
            try:
                Loop(station, options, say, control, commanded=commanded, player=player).turn(wakeup, asked_to_stop)
            except (TerminalCrashed, Killed):
                os.kill(os.getpid(), signal.SIGKILL)
        if not options.judged:
            return None
        stopped = control.stopped or asked_to_stop()
        return verdict_of(terminal, options, command, monotonic_ms() - now, player, stopped=stopped)


@contextmanager
def assembled(options: Options, random: Callable[[int], bytes] = os.urandom) -> Iterator[Terminal]:
    """The terminal whole, its log and ledger open, not yet started; without a wire and a loop. Raises SimulatorError.

    random: n -> n fresh bytes, for the link's keys and the boot id.
    """
    profile = load_profile(options.profile)
    spoken = spoken_by(options.dialect)
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


def _calendar(options: Options, spoken: Dialect) -> Calendar:
    """Without words for events there is no trade but at the counter, and at speed 0 nothing that ends a day."""
    told = tells_events(spoken)
    transactions = options.transactions
    if not told and transactions:
        raise SimulatorError(
            f"The {spoken.name} dialect has no words for the transactions of a calendar.", "Leave --transactions out."
        )
    if not told and options.speed == 0 and options.exit_when_done and options.scenario is None:
        raise SimulatorError(
            f"At speed 0 nothing ends a day on the {spoken.name} wire.", "Give a --speed above 0, or --then stay."
        )
    return Calendar(options.first, options.days, TRANSACTIONS if transactions is None and told else transactions or 0)


def _pairing(options: Options, spoken: Dialect) -> PairingMode:
    if options.pairing is not None and not spoken.pairs and options.pairing is not PairingMode.OFF:
        raise SimulatorError(f"The {spoken.name} dialect has no pairing.", "Leave --pairing out.")
    return (options.pairing or PairingMode.AUTO) if spoken.pairs else PairingMode.OFF
