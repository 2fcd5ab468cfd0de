"""From the tables of a TOML file to a Scenario in which everything is checked, or a refusal that names line and field.

No word that means nothing, no label that is nobody's, no command that the simulator does not know, and no scenario that
asserts nothing of ledger, screen or journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Any, NoReturn

from protocol.dialect import dialect
from protocol.masking import mask_text
from protocol.messages import DepositState
from protocol.toml_lines import Path, line_of, lines_of
from simulator.cards import customer
from simulator.commands import COMMANDS
from simulator.crashes import Crashes
from simulator.deposits import plan_named
from simulator.errors import SimulatorError
from simulator.expectations import EXPECT, LINES
from simulator.host import Action
from simulator.lies import Lie, armed
from simulator.pairing import PairingMode
from simulator.profile import load_profile
from simulator.scenario import ENDS_AFTER_MS, Entry, Scenario, ScenarioRefused, Step, When, moment
from simulator.scenario_words import DEEDS, FILE, KINDS, MOMENTS, NOT_BY_STEPS, STAGES, STEP, TRIGGERS, Trigger, Words
from simulator.terminal import tells_events
from simulator.wires.faults import parse_fault

_OPTIONS = (
    *("profile", "seed", "date", "days", "transactions", "dialect", "pairing", "customer", "lies", "faults", "crash"),
    *("deposit", "speed", "line_rate", "throttle"),
)
_ASSERTED = ("ledger", "screen", "journal")
_MONEY = ("sale", "refund", "void")
_STATES = ("deposit_state", "deposit_states")


def checked(name: str, raw: Mapping[str, Any], text: str, file: str) -> Scenario:
    """raw: as tomllib read the text. ScenarioRefused."""
    return _Check(raw, text, file).scenario(name)


class _Check:
    def __init__(self, raw: Mapping[str, Any], text: str, file: str) -> None:
        self._raw = raw
        self._lines = lines_of(text)
        self._file = file
        self._labels: dict[str, str] = {}  # label -> what it does

    def scenario(self, name: str) -> Scenario:
        raw = self._raw
        self._words(raw, FILE, ())
        self._options()
        entries = tuple(self._entries())
        steps = tuple(self._steps())
        scenario = Scenario(
            name=name,
            title=_plain(raw["title"]),
            story=_plain(raw.get("story")),
            tests=tuple(_plain(raw["tests"])),
            options={key: _plain(raw[key]) for key in _OPTIONS if key in raw},
            steps=steps,
            entries=entries,
            expect=_plain(raw["expect"]),
            ends_after_ms=raw.get("ends_after_ms", ENDS_AFTER_MS),
            document=self._document(name, entries),
        )
        self._times(scenario)
        self._expectations(scenario)
        return scenario

    def _document(self, name: str, entries: tuple[Entry, ...]) -> dict[str, Any]:
        told = [{"do": e.do, "label": e.label, "turn": e.turn} | _plain(dict(e.values)) for e in entries]
        return {"name": name, **_plain(self._raw), "agent": told}

    # -- the parts -----------------------------------------------------------------------------------------------------

    def _options(self) -> None:
        raw = self._raw
        single = {
            "profile": load_profile,
            "customer": customer,
            "deposit": plan_named,
            "crash": lambda value: Crashes().arm(value),
        }
        for key, take in single.items():
            if key in raw:
                self._ask((key,), take, raw[key])
        for key, take in (("lies", armed), ("faults", parse_fault)):
            for text in raw.get(key, ()):
                self._ask((key,), take, text)
        spoken = dialect(raw.get("dialect", "native"))
        if raw.get("transactions") and not tells_events(spoken):
            self._refuse(("transactions",), f"is of a calendar, and {spoken.name} has no words for it", "0 or nothing")
        if raw.get("pairing", PairingMode.OFF) != PairingMode.OFF and not spoken.pairs:
            self._refuse(("pairing",), f"is of another wire: {spoken.name} has none", "off or nothing")

    def _entries(self) -> Iterator[Entry]:
        made: dict[str, int] = {}
        for place, table in enumerate(self._tables("agent")):
            path: Path = ("agent", place)
            do = str(table.get("do", ""))
            if do not in DEEDS:
                self._refuse((*path, "do"), "is nothing that a register does", _near(do, list(DEEDS)), do)
            self._words(table, DEEDS[do].words, path, also=("do",))
            made[do] = made.get(do, 0) + 1
            label = table.get("label", f"{do}{made[do]}")
            if label in self._labels:
                self._refuse((*path, "label"), "is another entry's already", "a label of its own", label)
            sales = do in {"refund", "void"}
            if "of" in table and self._labels.get(table["of"]) not in (("sale",) if sales else _MONEY):
                whose = "a sale" if sales else "money that was asked for"
                self._refuse((*path, "of"), "is no label above", f"that of {whose}", table["of"])
            self._labels[label] = do
            if "when" in table:
                self._trigger(table["when"], MOMENTS, (*path, "when"))
            if do == "wait" and not {"ms", "when"} & table.keys():
                self._refuse(path, "waits for nothing", "`ms` or `when`")
            values = {key: value for key, value in table.items() if key not in {"do", "label", "at"}}
            at = moment(table["at"]) if "at" in table else None
            yield Entry(self._line(path), label, do, _plain(values) | _moment_of(table), at)

    def _steps(self) -> Iterator[Step]:
        for place, table in enumerate(self._tables("step")):
            path: Path = ("step", place)
            if "do" not in table and "screen" not in table:
                self._refuse(path, "does nothing", "`do`, or `screen` to look at the display")
            do = table.get("do", "")
            if do and (not isinstance(do, str) or do not in COMMANDS or do in NOT_BY_STEPS):
                known = [name for name in COMMANDS if name not in NOT_BY_STEPS]
                self._refuse((*path, "do"), "is no command of a step", _near(str(do), known), do)
            own = {key: value for key, value in table.items() if key in STEP}
            self._words(own, STEP, path)
            if "at" in own and "after" in own:
                self._refuse(path, "has both `at` and `after`", "one of them")
            arguments = {key: value for key, value in table.items() if key not in STEP} | own.get("with", {})
            if not do and arguments:
                self._refuse((*path, next(iter(arguments))), "is no key of a step without `do`", f"{', '.join(STEP)}")
            self._arguments(do, arguments, path)
            when = When(at=moment(own["at"]) if "at" in own else None, plus_ms=own.get("plus_ms", 0))
            if "after" in own:
                trigger, argument, label = self._trigger(own["after"], TRIGGERS, (*path, "after"))
                when = When(None, trigger, argument, label, when.plus_ms)
            yield Step(self._line(path), when, do, _plain(arguments), tuple(own.get("screen", ())))

    def _arguments(self, do: str, arguments: Mapping[str, Any], path: Path) -> None:
        for key, value in arguments.items():
            if isinstance(value, str) and value.startswith("@") and self._labels.get(value[1:]) not in _MONEY:
                self._refuse((*path, key), "names nothing that the register asks", "@ and a label of [[agent]]", value)
        if do:
            self._ask(path, COMMANDS[do].given, arguments)
            if "customer" in COMMANDS[do].known and "customer" in arguments:
                self._ask((*path, "customer"), customer, arguments["customer"])
            if do in {"fault", "lie"}:
                more = ",".join(f"{key}={value}" for key, value in arguments.items() if key != "name")
                self._ask(path, parse_fault if do == "fault" else armed, f"{arguments['name']}:{more}".rstrip(":"))

    def _trigger(self, text: str, known: Mapping[str, Trigger], path: Path) -> tuple[str, str, str]:
        """Its name, argument and label."""
        name, *rest = text.split(":")
        if name not in known:
            self._refuse(path, "is nothing that happens", _near(name, list(known)), name)
        trigger, argument, label = known[name], "", ""
        if trigger.argument:
            argument = rest.pop(0) if rest else ""
            good = argument in STAGES if trigger.argument == "stage" else KINDS["day"].good(argument)
            if not good:
                told = f"one of {', '.join(STAGES)}" if trigger.argument == "stage" else KINDS["day"].expected
                self._refuse(path, f"wants another {trigger.argument}", f"{name}: and {told}", text)
        if rest and trigger.label:
            label = rest.pop(0)
            if label not in self._labels:
                self._refuse(path, "has a label that no entry of [[agent]] bears", f"{', '.join(self._labels)}", label)
        if rest:
            self._refuse(path, "says too much", trigger.what, text)
        return name, argument, label

    def _times(self, scenario: Scenario) -> None:
        first, last = scenario.hours
        for place, step in enumerate(scenario.steps):
            days = ((scenario.first + timedelta(days=n)).isoformat() for n in range(scenario.days))
            if step.when.trigger == "closed" and step.when.argument not in days:
                self._refuse(("step", place, "after"), "is of no day of the calendar", "one that is", step.when.text)
        places = [(("step", n), step.when.at) for n, step in enumerate(scenario.steps)]
        places += [(("agent", n), entry.at) for n, entry in enumerate(scenario.entries)]
        for path, at in places:
            if at is not None and not first <= at <= last:
                self._refuse(
                    (*path, "at"), "is outside the calendar", "a time between the first opening and the last closing"
                )

    def _expectations(self, scenario: Scenario) -> None:
        raw = self._raw["expect"]
        for section, tables in raw.items():
            if section not in EXPECT:
                self._refuse(("expect", section), "is no section of what is expected", f"one of {', '.join(EXPECT)}")
            path: Path = ("expect", section)
            several = section == "finding"
            if not KINDS["tables" if several else "table"].good(tables):
                self._refuse(path, "is not as it should be", f"[[expect.{section}]]" if several else f"[{section}]")
            for place, table in enumerate(tables if several else [tables]):
                self._words(table, EXPECT[section], (*path, place) if several else path)
                self._lines_like(table, path)
        for section, key in (("ledger", "charged"), ("journal", "outcomes")):
            for label in raw.get(section, {}).get(key, ()):
                if self._labels.get(label) not in _MONEY:
                    self._refuse(("expect", section, key, label), "is no label of money in [[agent]]", "one that is")
        self._names(raw)
        for section in _ASSERTED:
            if not raw.get(section):
                self._refuse(("expect",), f"says nothing of the {section}", f"at least one line in [expect.{section}]")
        claimed = sum(abs(one.get("difference_minor", 0)) for one in raw.get("finding", ()))
        if claimed and "lies_minor" not in raw["ledger"]:
            self._refuse(
                ("expect", "finding"), "claims money that the ledger does not show", "`lies_minor` in [expect.ledger]"
            )

    def _names(self, raw: Mapping[str, Any]) -> None:
        """A name that nobody bears is never counted: to expect none of it would assert nothing."""
        ledger = raw.get("ledger", {})
        known = {"lies": tuple(Lie), "lies_minor": tuple(Lie), "host": tuple(Action)}
        said = [(key, name, names) for key, names in known.items() for name in ledger.get(key, ())]
        said += [(key, state, tuple(DepositState)) for key in _STATES for state in _listed(ledger.get(key, ()))]
        for key, name, names in said:
            parts = name.split("+") if key.startswith("lies") else [name]
            if not all(part in names for part in parts):
                self._refuse(("expect", "ledger", key, name), "is no such name", _near(name, list(names)))
        for place, like in enumerate(ledger.get("line", ())):
            path: Path = ("expect", "ledger", "line", place)
            if (kind := like.get("kind", "sale")) not in LINES:
                self._refuse((*path, "kind"), "is no kind of line", _near(str(kind), list(LINES)), kind)
            keys = LINES[kind] if "kind" in like else frozenset().union(*LINES.values())
            for key in like:
                if key not in keys | {"count"}:
                    self._refuse((*path, key), "is in no such line", _near(key, sorted(keys)))

    def _lines_like(self, table: Mapping[str, Any], path: Path) -> None:
        """[[expect.ledger.line]] and [[expect.journal.entry]]."""
        for key in ("line", "entry"):
            for place, like in enumerate(table.get(key, ())):
                at: Path = (*path, key, place)
                if not KINDS["count"].good(like.get("count")) or len(like) < 2:
                    self._refuse((*at, "count"), "is not as it should be", f"`count`: {KINDS['count'].expected}; a key")

    # -- one thing -----------------------------------------------------------------------------------------------------

    def _tables(self, key: str) -> list[dict[str, Any]]:
        tables: list[dict[str, Any]] = self._raw.get(key, [])  # `_words` has looked
        return tables

    def _words(self, table: Mapping[str, Any], words: Words, path: Path, also: tuple[str, ...] = ()) -> None:
        for key, value in table.items():
            if key in also:
                continue
            if key not in words:
                self._refuse((*path, key), "is unknown here", _near(key, [*also, *words]))
            kind = KINDS[words[key].kind]
            if not kind.good(value):
                self._refuse((*path, key), "is not as it should be", kind.expected, value)
        for key, word in words.items():
            if word.required and key not in table:
                self._refuse(path, f"lacks {key!r}", f"{word.what}: {KINDS[word.kind].expected}")

    def _ask(self, path: Path, take: Any, value: object) -> None:
        """Whoever knows says whether that is so."""
        try:
            take(value)
        except SimulatorError as error:
            self._refuse(path, f"is refused: {error.what}", error.todo)

    def _line(self, path: Path) -> int:
        return line_of(self._lines, path)

    def _refuse(self, path: Path, how: str, expected: str, found: object = None) -> NoReturn:
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        shown = "" if found is None else f", {mask_text(str(found))[:80]!r},"
        what = f"{self._file}, line {self._line(path)}: {field or 'the file'}{shown} {how}"
        expected = expected.rstrip(".")
        raise ScenarioRefused(f"{what.rstrip('.')}.", f"Expected: {expected}.")


def _near(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, 1)
    return f"{near[0]} perhaps, of {', '.join(known)}" if near else f"one of {', '.join(known)}"


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _moment_of(table: Mapping[str, Any]) -> dict[str, Any]:
    return {"at": _plain(table["at"])} if "at" in table else {}


def _plain(value: Any) -> Any:
    """JSON-able: dates as text; no text shows a card's number."""
    match value:
        case str():
            return mask_text(value)
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case date() | datetime():
            return value.isoformat()
        case _:
            return value
