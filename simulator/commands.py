"""What can be done to a running simulator, by name: one table, for the command line, scenario files and the pages.

    NAME[:KEY=VALUE,…]     present:visa     sell:amount_minor=12300,customer=visa     wait:session,for=5000

The first argument's value may stand without its key. `fault` and `lie` take besides what that fault or lie has of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocol.messages import Product, Stage
from simulator.cards import CUSTOMERS
from simulator.command import LARGEST, LARGEST_AMOUNT, Argument, Command
from simulator.crashes import Crash
from simulator.deposits import PLANS
from simulator.device import CHANGES
from simulator.errors import SimulatorError
from simulator.identity import LARGEST_SEED
from simulator.lies import Lie
from simulator.wires.faults import FaultName
from simulator.written import FIRST, read_written

LINES = 200
"""Of the ledger in one answer."""


def _text(name: str, what: str, *, required: bool = False, choices: tuple[str, ...] = ()) -> Argument:
    return Argument(name, what, required=required, choices=choices)


def _number(
    name: str, what: str, *, required: bool = False, default: int | None = None, least: int = 0, most: int = LARGEST
) -> Argument:
    return Argument(name, what, True, required, default, least, most)


_AMOUNT = _number("amount_minor", "an amount in the terminal's minor units", least=1, most=LARGEST_AMOUNT)
_CUSTOMER = _text("customer", f"a customer's name (`sim triggers`), as {next(iter(CUSTOMERS))}")
_ORIGINAL = _text("original", "the sale's reference, or its trace in the open batch", required=True)
_PAYING = "a customer is at the terminal"

UNTIL = ("session", "no_session", "idle", "busy", "acknowledged", "finished", "pairing")
"""What can be waited for, besides a stage. idle, busy: of the counter; finished: every day is closed."""

_TABLE = (
    # at the counter
    Command(
        "present",
        "This customer comes: to the sale that waits for a card or a code, else to the next one.",
        (_text("customer", _CUSTOMER.what, required=True),),
        "somebody has shown a card or a code already",
    ),
    Command(
        "cancel", "The customer presses cancel.", refused="nobody is at the terminal, or the host was asked already"
    ),
    Command(
        "sell",
        "A sale is keyed at the terminal's own menu; no register asked.",
        (
            _number(_AMOUNT.name, _AMOUNT.what, required=True, least=1, most=_AMOUNT.most),
            _CUSTOMER,
        ),
        _PAYING,
    ),
    Command(
        "refund",
        "A refund is keyed at the terminal: of the amount, or of all that the sale was.",
        (_ORIGINAL, _AMOUNT),
        f"{_PAYING}, or there is no such sale",
    ),
    Command("void", "A void is keyed at the terminal.", (_ORIGINAL,), f"{_PAYING}, or there is no such sale"),
    Command(
        "settle",
        "The open batch is closed at the terminal.",
        refused=f"{_PAYING}, nothing is in the batch, or the host is offline",
    ),
    # the wire
    Command(
        "fault",
        "A fault is armed on the wire, with its own parameters.",
        (_text("name", "a fault of `sim faults`", required=True, choices=tuple(FaultName)),),
        "this wire cannot have it, or the cable is out already",
        awake=False,
        more=True,
    ),
    Command(
        "clear_faults",
        "Faults are taken off the wire: those of one name, or all.",
        (_text("name", "a fault of `sim faults`", choices=tuple(FaultName)),),
        "none is armed",
        awake=False,
    ),
    Command(
        "pull_cable",
        "The cable is pulled.",
        (_number("for", "after how many ms of the wire it is back; 0: when somebody plugs it in", default=0),),
        "it is out already",
        awake=False,
    ),
    Command("plug_cable", "The cable is plugged in.", refused="it is in", awake=False),
    Command(
        "move_cable",
        "The port's name leads to another device.",
        refused="the wire has none, or the cable is out",
        awake=False,
    ),
    Command(
        "other_terminal",
        "The cable is in another terminal, which boots; it holds the same keys, so that its name alone is wrong.",
        (_number("seed", "whose name it has; left out: the right terminal is there again", most=LARGEST_SEED),),
        "it is that one already",
    ),
    # the device
    Command(
        "crash",
        "The next request that comes so far ends in this.",
        (_text("name", "a crash of `sim triggers`", required=True, choices=tuple(Crash)),),
        awake=False,
    ),
    Command("reboot", "The terminal boots anew."),
    Command(
        "power_off",
        "The power goes: session and memory are lost, the simulated day stands still.",
        refused="it is off",
        awake=False,
    ),
    Command("power_on", "The power is back, and the terminal boots.", refused="it is on", awake=False),
    Command("kill", "The process ends as by kill -9; no answer is certain.", awake=False),
    Command(
        "suspend",
        "The terminal sleeps, deaf and mute.",
        (_number("for", "how many ms of the simulated day", default=28_800_000, least=1),),
    ),
    Command(
        "break_down",
        "Something breaks: an event; what is major stays on the display.",
        (
            Argument("code", "the terminal's own word for it, as PRINTER_PAPER", default="HARDWARE"),
            Argument("severity", "how bad", default="major", choices=("info", "minor", "major")),
            _text("detail", "a sentence of it"),
        ),
    ),
    Command(
        "repair", "What is broken is mended, without a word on the wire.", refused="nothing on the display is broken"
    ),
    Command("tamper", "The case is opened: an event."),
    Command(
        "change",
        "Another serial number, firmware or merchant, for ever: an event.",
        tuple(_text(name, f"the new {name}") for name in CHANGES),
        "nothing would be another, or it looks like a card number",
    ),
    Command(
        "roll_back_log",
        "An old copy of the log is put back, and the terminal boots.",
        (_number("to", "the number of its last event", required=True),),
        "no such event was written",
    ),
    Command("replace_log", "The log is lost, another one begins, and the terminal boots."),
    Command(
        "wrong_clock",
        "The terminal's clock is wrong by so much; trade goes by what it is.",
        (_number("by", "ms that it shows more than it is; 0: it is right", required=True, least=-LARGEST),),
        awake=False,
    ),
    Command("unreadable", "An event is logged that no agent can understand: a critical tag that nobody knows."),
    # pairing
    Command("pair", "Another pairing is allowed.", refused="nobody can pair here, or a number is shown"),
    Command("yes", "Both numbers are alike.", refused="no number is shown"),
    Command("no", "The numbers differ, or nobody wants it; another pairing is allowed.", refused="no number is shown"),
    # host, acquirer, provider
    Command("offline", "The host cannot be reached.", refused="it is so already", awake=False),
    Command(
        "online",
        "The host can be reached again, and hears what was taken back meanwhile.",
        refused="it is so already",
        awake=False,
    ),
    Command(
        "lie",
        "The acquirer tells this lie from now on, with its own parameters.",
        (_text("name", "a lie of `sim lies`", required=True, choices=tuple(Lie)),),
        "it tells the very same already",
        more=True,
    ),
    Command(
        "honest",
        "The acquirer tells a lie no more: those of one name, or all.",
        (_text("name", "a lie of `sim lies`", choices=tuple(Lie)),),
        "it tells no such lie",
    ),
    Command(
        "deposit",
        "How the next return of the deposit goes.",
        (_text("plan", "a plan of `sim lies`", required=True, choices=tuple(PLANS)),),
    ),
    Command(
        "notice",
        "The acquirer announces a rate now; what is charged is another matter.",
        (
            _text("product", "whose rate", required=True, choices=tuple(Product)),
            _number("rate_ppm", "the rate announced, in ppm", required=True, most=30_000),
            _number("cap_minor", "its cap in minor units; none if left out"),
            _number("days", "from today until it takes effect", default=31, most=3_660),
            _text("text", "its words"),
        ),
        "the acquirer does not take that product",
    ),
    # the simulation
    Command(
        "advance",
        "Simulated time goes on at once, so far or until then; the wire's own timers do not.",
        (
            _number("ms", "how many ms", least=1),
            _text("until", "when, as 2026-03-02T10:00 (Shanghai) or with an offset"),
        ),
        "not one of the two is given, it is over already, or the calendar is",
    ),
    Command("stop", "The simulator ends with a farewell.", awake=False),
    # what a person would ask
    Command("state", "What is going on.", awake=False),
    Command("screen", "What the display shows.", awake=False),
    Command(
        "ledger",
        f"Lines of the ledger, at most {LINES}.",
        (_number("since", "the first line's number", default=1, least=1),),
        "none is kept",
        awake=False,
    ),
    Command(
        "wait",
        "Until something is so; on the socket the answer comes then.",
        (
            _text("until", "what", choices=UNTIL),
            _text("stage", "a stage of the request that is under way", choices=tuple(Stage)),
            _number("for", "real ms after which it is refused", default=60_000, most=86_400_000),
        ),
        "not one of the two is given, or it was not so in time",
        awake=False,
    ),
)
COMMANDS: Mapping[str, Command] = {command.name: command for command in _TABLE}


def command_named(name: str) -> Command:
    """Raises SimulatorError if there is none."""
    if (found := COMMANDS.get(name)) is None:
        raise SimulatorError("There is no such command.", f"Choose one of: {', '.join(COMMANDS)}.")
    return found


def parse_command(text: str) -> tuple[str, dict[str, str]]:
    """`NAME[:KEY=VALUE,…]` as name and arguments, unchecked but for the form. Raises SimulatorError."""
    name, values = read_written(text, "command", bare=True)
    if (bare := values.pop(FIRST, None)) is not None:
        first = next(iter(command_named(name).arguments), None)
        if first is None or first.name in values:
            raise SimulatorError(f"The command {name} has no such argument.", "Write NAME:KEY=VALUE,KEY=VALUE.")
        values = {first.name: bare, **values}
    return name, values
