"""The words of a scenario file (docs/simulator.md, Scenarios): every key, what may stand there, and what it means.

These tables are what files are checked against, what `sim scenarios --words` prints, and what the pages are built from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from protocol.dialect import DIALECTS
from protocol.messages import Stage
from simulator.command import LARGEST_AMOUNT
from simulator.pairing import PairingMode
from simulator.plan import LARGEST_DAY

STATES = ("approved", "declined", "voided", "refused", "unknown")
"""How a request ends for the register. refused: nothing was done, by the terminal or before it was asked; unknown: until a
person decides."""


@dataclass(frozen=True, slots=True)
class Kind:
    """good: a TOML value is of this kind. expected: what it should have been, for a person."""

    good: Callable[[object], bool]
    expected: str


@dataclass(frozen=True, slots=True)
class Word:
    """One key. kind: of KINDS. what: one phrase."""

    kind: str
    what: str
    required: bool = False


Words = Mapping[str, Word]


def _whole(value: object) -> bool:
    return type(value) is int and value >= 0


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= 4_000


def _count(value: object) -> bool:
    if not isinstance(value, dict):
        return type(value) is int
    numbers = list(value.values())
    known = bool(value) and value.keys() <= {"min", "max"} and all(type(n) is int for n in numbers)
    return known and (len(numbers) < 2 or value["min"] <= value["max"])


def _titles(value: object) -> bool:
    """In both languages, each one line."""
    both = isinstance(value, dict) and value.keys() == {"zh", "en"}
    return both and all(_text(v) and v.isprintable() for v in value.values())  # type: ignore[attr-defined]


def _moment(value: object) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is None
    try:
        return isinstance(value, str) and "T" in value and datetime.fromisoformat(value).tzinfo is None
    except ValueError:
        return False


def _day(value: object) -> bool:
    try:
        return type(value) is date or (isinstance(value, str) and bool(date.fromisoformat(value)))
    except ValueError:
        return False


def _between(least: int, most: int) -> Kind:
    return Kind(lambda value: type(value) is int and least <= value <= most, f"a whole number, {least}..{most}")


def _one_of(*names: str) -> Kind:
    return Kind(lambda value: value in names, f"one of {', '.join(names)}")


def _table(good: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and bool(value) and all(map(good, value.values()))


def _list(good: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(good, value))


def _like(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


_TESTED = r"D\d\d|\d-\d\d|(fault-matrix|story|lie|fault|crash|deposit|trigger|profile|rule): \S.*"
KINDS: Mapping[str, Kind] = {
    "text": Kind(_text, "a text"),
    "languages": Kind(
        lambda v: isinstance(v, dict) and v.keys() == {"zh", "en"} and all(map(_text, v.values())),
        '{ zh = "…", en = "…" }',
    ),
    "titles": Kind(_titles, '{ zh = "…", en = "…" }, each one line'),
    "tested": Kind(
        _list(_like(_TESTED)),
        'a list of "D05", "0-09", "fault-matrix: …", "story: …", "lie: …", "fault: …", "crash: …", "deposit: …", '
        '"trigger: …", "profile: …" or "rule: …"',
    ),
    "whole": Kind(_whole, "a whole number, 0 or more"),
    "number": Kind(lambda v: type(v) is int, "a whole number"),
    "money": Kind(_between(1, LARGEST_AMOUNT).good, f"an amount in minor units, 1..{LARGEST_AMOUNT}"),
    "seed": _between(0, 10**12 - 1),
    "days": _between(1, 3660),
    "transactions": _between(0, LARGEST_DAY),
    "speed": _between(0, 1_000_000),
    "line_rate": _between(300, 4_000_000),
    "dialect": _one_of(*DIALECTS),
    "pairing": _one_of(*PairingMode),
    "truth": Kind(lambda v: type(v) is bool, "true or false"),
    "day": Kind(_day, "a day, as 2026-03-02"),
    "moment": Kind(_moment, "a simulated local time without an offset, as 2026-03-02T10:00:00"),
    "name": Kind(_like(r"[a-z][a-z0-9_]*"), "a name of small letters, digits and _"),
    "detector": Kind(_like(r"any|D(0[1-9]|1\d|2[0-2])"), "D01 to D22, or any"),
    "texts": Kind(_list(_text), "a list of texts, not empty"),
    "state": _one_of(*STATES),
    "tables": Kind(lambda v: isinstance(v, list) and all(isinstance(one, dict) for one in v), "an array of [[tables]]"),
    "table": Kind(lambda v: isinstance(v, dict), "a table"),
    "count": Kind(_count, "a whole number, or { min = …, max = … }"),
    "counts": Kind(_table(_count), "a table of names, each with a whole number or { min = …, max = … }"),
    "states": Kind(_table(lambda v: v in STATES), f"a table of labels, each one of {', '.join(STATES)}"),
    "acknowledged": Kind(lambda v: v == "all" or _count(v), '"all", a whole number, or { min = …, max = … }'),
    "trigger": Kind(_text, "what has to have happened"),  # looked at by itself
}

FILE: Words = {
    "title": Word("titles", "what it is, on one line", required=True),
    "story": Word("languages", "what happens, as a shopkeeper would tell it"),
    "tests": Word("tested", "what it is there for", required=True),
    "profile": Word("name", "as --profile"),
    "seed": Word("seed", "as --seed"),
    "date": Word("day", "the first day, as --date"),
    "days": Word("days", "as --days"),
    "transactions": Word("transactions", "a day, by the calendar; 0 where nothing is said"),
    "dialect": Word("dialect", "as --dialect"),
    "pairing": Word("pairing", "as --pairing"),
    "customer": Word("text", "as --customer"),
    "lies": Word("texts", "each as --lie"),
    "faults": Word("texts", "each as --fault"),
    "crash": Word("name", "as --crash; the terminal boots in it"),
    "deposit": Word("name", "as --deposit"),
    "speed": Word("speed", "of what customers and host take, as --speed; 0 where nothing is said"),
    "line_rate": Word("line_rate", "as --line-rate"),
    "throttle": Word("truth", "as --throttle"),
    "ends_after_ms": Word("whole", "real ms after which it is given up as not finished; 60000 where nothing is said"),
    "step": Word("tables", "[[step]]: the simulator's half, in order"),
    "agent": Word("tables", "[[agent]]: the register's half, in order"),
    "expect": Word("table", "[expect.*]: what must be so at the end", required=True),
}

STEP: Words = {
    "at": Word("moment", "when: at this simulated time"),
    "after": Word("trigger", "when: what has to have happened"),
    "plus_ms": Word("whole", "and so many ms of the wire later"),
    "screen": Word("texts", "what the display must show then, before anything is done"),
    "do": Word("name", "a command of `sim commands`; its arguments are keys beside it"),
    "with": Word("table", "arguments whose names are taken above, such as a fault's `after`"),
}
NOT_BY_STEPS = frozenset({"kill", "stop", "wait", "state", "screen", "ledger"})
"""Commands that a step cannot give: they end the process, wait by themselves, or answer a person."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """label: it may name an entry of the register's. stands: the calendar waits meanwhile. argument: what comes first."""

    what: str
    label: bool = False
    stands: bool = False
    argument: str = ""


TRIGGERS: Mapping[str, Trigger] = {
    "ready": Trigger("the port is there, and no time has passed", stands=True),
    "session": Trigger("an agent made a session, since the step before", stands=True),
    "no_session": Trigger("no session stands", stands=True),
    "turn": Trigger("it is the register's turn to do that", label=True),
    "request": Trigger("a money request came: that one, or any since the step before", label=True),
    "stage": Trigger("stage:NAME[:LABEL]: the display shows that stage", label=True, argument="stage"),
    "outcome": Trigger("a request ended at the terminal, whose word is not on the wire yet", label=True),
    "status": Trigger("a Status came: for that one, or any since the step before", label=True),
    "confirmed": Trigger("the register confirmed that outcome", label=True),
    "boot": Trigger("the terminal booted anew, since the step before", stands=True),
    "idle": Trigger("nobody is at the terminal", stands=True),
    "acknowledged": Trigger("every event is acknowledged", stands=True),
    "settled": Trigger("a batch was closed, since the step before"),
    "closed": Trigger("closed:DAY: that day's shop is closed", argument="day"),
    "played": Trigger("every day of the calendar is closed"),
}
STAGES = (Stage.PRESENT_CARD, Stage.PRESENT_CODE, Stage.PIN, Stage.HOST)
"""Those that the simulated terminal stays in."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What the register does. turn: it asks the terminal for something, and the calendar stands until that has ended."""

    what: str
    words: Words
    turn: bool = False


_MONEY: Words = {
    "operator": Word("text", "who is logged in at the register"),
    "patience_ms": Word("whole", "how long the customer is given, as the request's deadline"),
    "at": Word("moment", "not before this simulated time, at which the calendar stands until it has ended"),
    "wait": Word("truth", "false: the register does its next at once, while this is under way"),
    "reaches": Word("truth", "false: the terminal never hears of it"),
    "outcome": Word("state", "how it must end"),
}
_OF: Words = {"of": Word("name", "the label of an earlier entry", required=True)}
_EVERY: Words = {"label": Word("name", "how others call it"), "when": Word("trigger", "not before this is so")}
DEEDS: Mapping[str, Deed] = {
    "sale": Deed(
        "A sale.", {"amount_minor": Word("money", "minor units", required=True), **_MONEY, **_EVERY}, turn=True
    ),
    "refund": Deed(
        "A refund; of all that the sale was, where no amount stands.",
        {**_OF, "amount_minor": Word("money", "minor units"), **_MONEY, **_EVERY},
        turn=True,
    ),
    "void": Deed("A void.", {**_OF, **_MONEY, **_EVERY}, turn=True),
    "again": Deed("The same request once more, under the same reference.", {**_OF, **_EVERY}),
    "settle": Deed(
        "Close the terminal's batch.", {"at": _MONEY["at"], "reaches": _MONEY["reaches"], **_EVERY}, turn=True
    ),
    "deposit_return": Deed(
        "Apply for the deposit's return, or hand in what was asked for.",
        {
            "amount_minor": Word("money", "minor units", required=True),
            "application": Word("text", "its words"),
            "at": _MONEY["at"],
            "reaches": _MONEY["reaches"],
            **_EVERY,
        },
        turn=True,
    ),
    "sync": Deed("Ask for every event again.", _EVERY),
    "wait": Deed("Do nothing for so long.", {"ms": Word("whole", "real ms"), **_EVERY}),
    "stop": Deed("The register's program ends by itself.", _EVERY),
    "start": Deed("The register's program starts.", _EVERY),
    "kill": Deed("The register's program ends as by kill -9.", _EVERY),
    "stall": Deed(
        "The register's program stands still for so long.", {"ms": Word("whole", "real ms", required=True), **_EVERY}
    ),
    "second": Deed("A second register is started on the same port; it must not disturb the first.", _EVERY),
    "lock_journal": Deed(
        "Another program locks the record.", {"ms": Word("whole", "real ms", required=True), **_EVERY}
    ),
    "fill_disk": Deed("The disk is full from now on.", _EVERY),
    "free_disk": Deed("There is room again.", _EVERY),
    "copy_journal": Deed("A copy of the record is put aside.", _EVERY),
    "roll_back_journal": Deed("The copy is put back in the record's place.", _EVERY),
    "edit_row": Deed("A row of the record is changed behind its back.", _EVERY),
    "pair": Deed("Pair with the terminal anew.", _EVERY),
    "abandon": Deed("The operator leaves the screen of that request.", {**_OF, **_EVERY}),
    "park": Deed(
        "A manager parks a request whose outcome is unknown.", {**_OF, "reason": Word("text", "why"), **_EVERY}
    ),
    "accept_log": Deed(
        "A manager has looked into a terminal's log that was put back: money may be asked for again.",
        {"reason": Word("text", "why"), **_EVERY},
    ),
    "resolve": Deed(
        "A manager decides on a request whose outcome is unknown.",
        {**_OF, "state": Word("state", "what it was", required=True), "reason": Word("text", "why"), **_EVERY},
    ),
}

MOMENTS: Mapping[str, Trigger] = {
    "session": Trigger("a session stands"),
    "no_session": Trigger("none stands"),
    "intent": Trigger("the record holds the request, and nothing of it was sent", label=True),
    "stage": Trigger("stage:NAME[:LABEL]: the terminal's display shows that stage", label=True, argument="stage"),
    "logged": Trigger("the terminal's log holds its outcome", label=True),
    "outcome": Trigger("the record holds its outcome", label=True),
    "unknown": Trigger("the register says that its outcome is unknown", label=True),
    "idle": Trigger("nothing is under way at the register"),
    "acknowledged": Trigger("every event is acknowledged"),
    "played": Trigger("every day of the calendar is closed"),
}
