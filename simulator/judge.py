"""The judge: what must be so of wire, ledger and display, after a scenario or any run. Pure: it touches nothing.

Some things are judged always (`always`), whatever a scenario expects: they are what a register and a terminal owe to each
other (docs/protocol.md §5). A difference that an acquirer's lie made, or a crash that falsifies the answer, is that lie's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.expectations import LEDGER, TRANSACTIONS, WIRE, Row, Rows, charged, lies, of_kind
from simulator.scenario import Scenario
from simulator.tally import REFUSED, Asked


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was judged: what was expected, and what was found, in words."""

    name: str
    ok: bool
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is judged. rows: the ledger. counts: by the words of WIRE. acknowledged: the last event that was.

    asked: money requests in their order; falsified: references of which the register was told otherwise on purpose.
    screens: what the display showed, in order, the last one at the end. played: what was seen while it was played.
    """

    rows: Rows
    counts: Mapping[str, int]
    acknowledged: int
    asked: Sequence[Asked]
    falsified: frozenset[str] = frozenset()
    screens: Sequence[str] = ()
    played: Sequence[Check] = ()


def judge(scenario: Scenario | None, evidence: Evidence) -> list[Check]:
    """Everything, in order: what was played, what must always be so, what the scenario expects."""
    checks = [*evidence.played, *always(evidence)]
    if scenario is not None:
        labels = labelled(scenario, evidence.asked)
        checks += _outcomes(scenario, labels, evidence)
        checks += _ledger(scenario.expect.get("ledger", {}), labels, evidence.rows)
        checks += _wire(scenario.expect.get("wire", {}), evidence)
        checks += _screen(scenario.expect.get("screen", {}), evidence.screens)
    return checks


def labelled(scenario: Scenario, asked: Sequence[Asked]) -> dict[str, Asked | None]:
    """Label of a money request -> what came of it at the terminal, by their order; None: nothing came."""
    labels = [entry.label for entry in scenario.entries if entry.is_money and entry.turn]
    found: dict[str, Asked | None] = {entry.label: None for entry in scenario.entries if entry.is_money}
    return found | {label: asked[place] if place < len(asked) else None for place, label in enumerate(labels)}


# -- always ------------------------------------------------------------------------------------------------------------


def always(evidence: Evidence) -> list[Check]:
    """What no scenario may break: money, fences, the order of acknowledgements, and the acquirer's own books."""
    rows, asked = evidence.rows, evidence.asked
    twice = [reference for reference in _references(rows) if _times_charged(rows, reference) > 1]
    fenced = [one for one in asked if one.fenced and held_of(rows, one) and not _excused(one, evidence)]
    wrong = [f"{one.reference}: told {_told(one)}, {held_of(rows, one)} held" for one in asked if _lied(one, evidence)]
    unnamed = [str(row.get("reference") or row.get("batch") or row["at"]) for row in rows if _differs(row)]
    disorders = evidence.counts.get("disorders", 0)
    return [
        _none("no reference is charged twice", twice),
        _none("the host holds what the register was told", wrong),
        _none("what was fenced was not done", [one.reference for one in fenced]),
        _none("events are acknowledged in order", [f"{disorders} were not"] if disorders else []),
        _none("what is charged wrongly is a lie with a name", unnamed),
    ]


def _none(name: str, found: Sequence[str]) -> Check:
    return Check(name, not found, "none is otherwise", "; ".join(found) or "none is otherwise")


def _references(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["reference"] for row in of_kind(rows, "host")))


def _times_charged(rows: Rows, reference: str) -> int:
    return len(of_kind(rows, "host", reference=reference, action="authorised"))


def logged(rows: Rows, asked: Asked) -> Row | None:
    """The transaction of a request; a ticket's is found by its trace.

    What the host knows by its own reference has no other: a log that was lost gives its traces away again.
    """
    known = bool(of_kind(rows, "host", reference=asked.reference))
    for row in of_kind(rows, *TRANSACTIONS):
        if row["reference"] == asked.reference:
            return row
        if known or not asked.trace:
            continue
        if (row["trace"], row["batch"], row["kind"]) == (asked.trace, asked.batch, asked.kind):
            return row
    return None


def held_of(rows: Rows, asked: Asked) -> int:
    """What is charged (of money back: returned) for it, minor units: by the host; where that was never asked, by the log."""
    row = logged(rows, asked)
    reference = asked.reference if row is None else row["reference"]
    if of_kind(rows, "host", reference=reference):
        return charged(rows, reference)
    return row["amount_minor"] if row is not None and row["outcome"] == "approved" else 0


def _excused(asked: Asked, evidence: Evidence) -> bool:
    """It differs by a lie, or by a crash that falsifies."""
    lied = any(row.get("lie") for row in of_kind(evidence.rows, "host", reference=asked.reference))
    return lied or asked.reference in evidence.falsified


def _lied(asked: Asked, evidence: Evidence) -> bool:
    held = held_of(evidence.rows, asked)
    owed = (asked.told_minor or 0) if asked.told == "approved" else 0
    unknown = not asked.told or (asked.told == "approved" and asked.told_minor is None)
    return not unknown and held != owed and not _excused(asked, evidence)


def _told(asked: Asked) -> str:
    return asked.told if asked.told_minor is None else f"{asked.told} {asked.told_minor}"


def _differs(row: Row) -> bool:
    """More or less than right is charged or credited, and no lie says why. A deposit is another matter."""
    if row.get("lie") or "ticket" in row:
        return False
    paid = {"settlement": "credited_minor", "credit": "credited_minor"}.get(row["kind"], "fee_minor")
    return paid in row and "should_minor" in row and row[paid] != row["should_minor"]


# -- what is expected --------------------------------------------------------------------------------------------------


def meets(found: int, expected: object) -> bool:
    """expected: a number, or {min, max}."""
    if isinstance(expected, dict):
        return bool(expected.get("min", found) <= found <= expected.get("max", found))
    return found == expected


def _says(expected: object) -> str:
    if not isinstance(expected, dict):
        return str(expected)
    return " and ".join(
        f"{word} {expected[key]}" for key, word in (("min", "at least"), ("max", "at most")) if key in expected
    )


def _count(name: str, found: int, expected: object) -> Check:
    return Check(name, meets(found, expected), _says(expected), str(found))


def state_of(rows: Rows, asked: Asked | None) -> str:
    """approved, declined, voided, refused or unknown, as ledger and host have it at the end."""
    if asked is None:
        return REFUSED
    row = logged(rows, asked)
    if row is not None:
        return str(row["outcome"])
    if of_kind(rows, "reversal", original_reference=asked.reference) or asked.fenced:
        return "voided"
    return asked.told or "unknown"


def _outcomes(scenario: Scenario, labels: Mapping[str, Asked | None], evidence: Evidence) -> Iterator[Check]:
    """What the terminal made of each request; what a register makes of an unknown one is its own to judge."""
    for entry in scenario.entries:
        expected = entry.values.get("outcome")
        if entry.is_money and expected not in {None, "unknown"}:
            asked = labels[entry.label]
            found = state_of(evidence.rows, asked)
            excused = asked is not None and _excused(asked, evidence)
            told = f"{found}: nobody asked the terminal for it" if asked is None else found
            yield Check(f"{entry.label} ends", found == expected or excused, str(expected), told)


def _ledger(expect: Mapping[str, Any], labels: Mapping[str, Asked | None], rows: Rows) -> Iterator[Check]:
    told = lies(rows)
    for key, expected in expect.items():
        match key:
            case "charged":
                for label, amount in expected.items():
                    asked = labels[label]
                    yield _count(f"ledger: charged of {label}", 0 if asked is None else held_of(rows, asked), amount)
            case "lies" | "lies_minor":
                for lie, count in expected.items():
                    yield _count(f"ledger: {key} {lie}", told.get(lie, (0, 0))[key == "lies_minor"], count)
            case "host":
                for action, count in expected.items():
                    yield _count(f"ledger: host {action}", len(of_kind(rows, "host", action=action)), count)
            case "deposit_state" | "deposit_states":
                states = [str(row["state"]) for row in of_kind(rows, "deposit")]
                found, wanted = (states, list(expected)) if key == "deposit_states" else (states[-1:], [expected])
                yield Check(f"ledger: {key}", found == wanted, " ".join(wanted), " ".join(found) or "none")
            case "line":
                yield from (_like(line, labels, rows) for line in expected)
            case _:
                yield _count(f"ledger: {key}", LEDGER[key].of(rows), expected)


def _like(line: Mapping[str, Any], labels: Mapping[str, Asked | None], rows: Rows) -> Check:
    """How many lines have all that stands there but `count`; @LABEL is that request's reference."""
    wanted = {key: value for key, value in line.items() if key != "count"}
    for key, value in wanted.items():
        if isinstance(value, str) and (asked := labels.get(value[1:])) is not None and value.startswith("@"):
            row = logged(rows, asked)
            wanted[key] = asked.reference if row is None else row["reference"]
    found = sum(all(row.get(key) == value for key, value in wanted.items()) for row in rows)
    shown = ", ".join(f"{key}={value}" for key, value in line.items() if key != "count")
    return _count(f"ledger: lines with {shown}", found, line["count"])


def _wire(expect: Mapping[str, Any], evidence: Evidence) -> Iterator[Check]:
    for key, expected in expect.items():
        if key == "acknowledged":
            wanted = evidence.counts["events"] if expected == "all" else expected
            yield _count("wire: acknowledged", evidence.acknowledged, wanted)
        else:
            yield _count(f"wire: {WIRE[key]} ({key})", evidence.counts[key], expected)


def _screen(expect: Mapping[str, Any], screens: Sequence[str]) -> Iterator[Check]:
    last = screens[-1] if screens else ""
    for text in expect.get("contains", ()):
        yield Check(f"screen: {text} at the end", text in last, text, last)
    at = 0
    for text in expect.get("shown", ()):
        seen = next((n for n in range(at, len(screens)) if text in screens[n]), None)
        yield Check(
            f"screen: {text} shown, in that order", seen is not None, text, "shown" if seen is not None else "no"
        )
        at = at if seen is None else seen
    for text in expect.get("never", ()):
        seen = next((n for n in range(len(screens)) if text in screens[n]), None)
        yield Check(f"screen: {text} never", seen is None, "never", "never" if seen is None else screens[seen])
