"""The judge of a register's record after a scenario: against the simulator's ledger, and against what the scenario expects.

Pure. Amounts in minor units. What the simulator holds itself of wire, ledger and display, its own verdict says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.demo.checks import Check, alike, counted, none_of
from agent.demo.fees import finding_checks
from agent.demo.story import Entry, Story
from agent.demo.truth import held_by_host, ledger_checks
from agent.journal import entries as journal
from agent.language import _
from agent.views import MoneyView

REFUSED, UNKNOWN = "refused", "unknown"
_DAMAGES = ("edit_row", "roll_back_journal")
_COUNTED = {"gaps": "event.gap", "contradictions": "event.contradicted", "unreadable": "event.unreadable"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """entries: the whole record. rows: the simulator's ledger. told: label -> what its operator saw.

    events: the terminal tells what it does (its wire has words for it). flaws: what `journal verify` found. notices: codes
    that stood at the end.
    """

    entries: Sequence[journal.Entry]
    rows: Sequence[Mapping[str, Any]]
    told: Mapping[str, Sequence[MoneyView]] = field(default_factory=dict)
    events: bool = True
    flaws: Sequence[str] = ()
    notices: Sequence[str] = ()


def judge(story: Story, evidence: Evidence) -> list[Check]:
    """Everything, in order: what must always be so, then what the scenario expects."""
    checks = [_verified(story, evidence)]
    if evidence.events:
        checks += ledger_checks(evidence.entries, evidence.rows)
    checks += _money(story, evidence)
    checks += _expected(story, evidence)
    checks += finding_checks(story, evidence.entries)
    return checks


def _verified(story: Story, evidence: Evidence) -> Check:
    """The signed record is as it was signed; or what was done to it is found."""
    whole = story.expected.get("verify", not story.does(*_DAMAGES))
    found = "; ".join(evidence.flaws) or _("nothing is wrong")
    if whole:
        return none_of(_("journal verify finds nothing wrong"), evidence.flaws)
    return Check(_("journal verify finds what was done to it"), bool(evidence.flaws), _("a finding"), found)


# -- money -------------------------------------------------------------------------------------------------------------


def _money(story: Story, evidence: Evidence) -> Iterator[Check]:
    intents = _by_reference(evidence.entries, "money.intent")
    outcomes = _by_reference(evidence.entries, "money.outcome")
    two_orders = [name for name, found in intents.items() if any(one.body != found[0].body for one in found)]
    yield none_of(_("no reference stands for two requests"), two_orders)
    yield none_of(_("every request was recorded before the terminal told of it"), _late(evidence.entries, intents))
    for entry in story.money:
        reference = story.reference(entry.label)
        last = outcomes.get(reference, [])[-1:]
        if reference in intents and last:
            yield _true(entry.label, last[0].body, evidence.rows, reference)
        if entry.outcome is not None:
            yield _ended(story, entry, intents.get(reference), outcomes.get(reference, []))
        states = [one.body["state"] for one in outcomes.get(reference, [])]
        unheld = [view.state for view in evidence.told.get(entry.label, ()) if view.state not in (*states, UNKNOWN)]
        lost = story.does("roll_back_journal") and reference not in intents
        if evidence.told.get(entry.label) and not lost:
            yield none_of(_("{label}: what the operator was told is recorded").format(label=entry.label), unheld)
    if not _contradicted(story):
        changed = [story_label(story, name) for name, found in outcomes.items() if "contradicts" in found[-1].body]
        yield none_of(_("no outcome was recorded that turned out otherwise"), changed)
    still_open = [story_label(story, name) for name in intents if name not in outcomes]
    expected = story.expected.get("open", sum(e.outcome == UNKNOWN and not _resolved(story, e) for e in story.money))
    check = counted(_("requests without an outcome"), len(still_open), expected)
    yield Check(check.name, check.ok, check.expected, f"{check.found} {' '.join(still_open)}".rstrip())


def _contradicted(story: Story) -> bool:
    """The scenario says itself that an outcome turns out otherwise."""
    rows = story.expected.get("entry", ())
    return "money_contradicted" in story.expected.get("notices", ()) or any("contradicts" in row for row in rows)


def story_label(story: Story, reference: str) -> str:
    """The label under which a reference was asked, or the reference itself."""
    return next((entry.label for entry in story.money if story.reference(entry.label) == reference), reference)


def _by_reference(entries: Sequence[journal.Entry], kind: str) -> dict[str, list[journal.Entry]]:
    found: dict[str, list[journal.Entry]] = {}
    for entry in entries:
        if entry.kind == kind:
            found.setdefault(entry.body["reference"], []).append(entry)
    return found


def _late(entries: Sequence[journal.Entry], intents: Mapping[str, Sequence[journal.Entry]]) -> list[str]:
    told = [entry for entry in entries if entry.kind == "terminal.transaction" and entry.body["reference"] in intents]
    return [one.body["reference"] for one in told if intents[one.body["reference"]][0].seq > one.seq]


def _true(label: str, outcome: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], reference: str) -> Check:
    """The last outcome is what the host holds."""
    name = _("{label}: its outcome is what the host holds").format(label=label)
    held = held_by_host(rows, reference, outcome.get("trace"))
    approved = outcome["state"] == "approved"
    found = f"{outcome['state']} {outcome.get('amount_minor', '')}".rstrip()
    good = held == outcome.get("amount_minor", held) and held > 0 if approved else held == 0
    return Check(name, good, _("{held} held").format(held=held), found)


def _ended(
    story: Story, entry: Entry, intents: Sequence[journal.Entry] | None, outcomes: Sequence[journal.Entry]
) -> Check:
    name, expected = _("{label} ends").format(label=entry.label), str(entry.outcome)
    found = state_of(intents, outcomes)
    by_hand = any(one.body["learned_by"] == "manual" for one in outcomes)
    good = found == expected or (expected == UNKNOWN and by_hand)
    good = good or (expected == REFUSED and found == "declined" and story.dialect != "native")  # its wire has no Error
    lost = intents is None and story.does("roll_back_journal") and expected != REFUSED
    return Check(name, good or lost, expected, _("not in the record that was put back") if lost else found)


def state_of(intents: Sequence[journal.Entry] | None, outcomes: Sequence[journal.Entry]) -> str:
    """In the scenario's words: refused, where nothing was sent or the terminal would not take it."""
    if not intents:
        return REFUSED
    if not outcomes:
        return UNKNOWN
    return REFUSED if outcomes[-1].body["learned_by"] == "error" else str(outcomes[-1].body["state"])


def _resolved(story: Story, entry: Entry) -> bool:
    return any(other.do == "resolve" and other.of == entry.label for other in story.entries)


# -- what the scenario expects -----------------------------------------------------------------------------------------


def _expected(story: Story, evidence: Evidence) -> Iterator[Check]:
    kinds = Counter(entry.kind for entry in evidence.entries)
    intents = _by_reference(evidence.entries, "money.intent")
    outcomes = _by_reference(evidence.entries, "money.outcome")
    for key, expected in story.expected.items():
        match key:
            case "entries":
                for kind, count in expected.items():
                    yield counted(_("entries of {kind}").format(kind=kind), kinds[kind], count)
            case "entry":
                for like in expected:
                    yield _like(story, like, evidence.entries)
            case "outcomes":
                for label, state in expected.items():
                    name = story.reference(label)
                    found = state_of(intents.get(name), outcomes.get(name, []))
                    yield alike(_("the record says of {label}").format(label=label), found, state)
            case "notices":
                for code in expected:
                    told = " ".join(evidence.notices)
                    yield Check(_("a notice stands: {code}").format(code=code), code in evidence.notices, code, told)
            case "gaps" | "contradictions" | "unreadable":
                yield counted(_counted_as(key), kinds[_COUNTED[key]], expected)
            case "head_mismatch":
                yield alike(_("the record was found to be put back"), kinds["head.mismatch"] > 0, expected)
            case _:  # verify and open: judged always
                pass


def _counted_as(key: str) -> str:
    return {
        "gaps": _("gaps in the terminal's events"),
        "contradictions": _("events told twice in other words"),
        "unreadable": _("events that nobody understands"),
    }[key]


def _like(story: Story, like: Mapping[str, Any], entries: Sequence[journal.Entry]) -> Check:
    """How many entries have all that stands there but `count`; @LABEL is that request's reference."""
    wanted = {key: value for key, value in like.items() if key not in ("count", "kind")}
    for key, value in wanted.items():
        if isinstance(value, str) and value.startswith("@"):
            wanted[key] = story.reference(value[1:])
    found = sum(
        like.get("kind", entry.kind) == entry.kind
        and all((entry.body | dict(entry.private)).get(key) == value for key, value in wanted.items())
        for entry in entries
    )
    shown = ", ".join(f"{key}={value}" for key, value in like.items() if key != "count")
    return counted(_("entries with {fields}").format(fields=shown), found, like["count"])
