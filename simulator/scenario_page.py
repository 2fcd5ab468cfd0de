"""docs/simulator.md's tables of scenarios and of the words that their files may hold, from the code itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator import scenario_words_text
from simulator.scenario_files import load, scenario_names
from simulator.scenario_gist import to_be_seen


def table(*rows: tuple[object, ...]) -> str:
    """A table in Markdown, its head first."""
    head, *body = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body]) + "\n"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _scenarios() -> str:
    """Every scenario that comes with the simulator."""
    header = ("scenario", "what happens", "what it tests", "what must be seen, above all")
    rows = [
        (f"`{s.name}`", f"{s.title['zh']}<br>{s.title['en']}", ", ".join(s.tests), "; ".join(to_be_seen(s.expect)))
        for s in map(load, scenario_names())
    ]
    return table(header, *(tuple(map(_cell, row)) for row in rows))


def _keys(section: str) -> Callable[[], str]:
    def block() -> str:
        rows = scenario_words_text.document()[section]
        body = [
            (
                f"`{row['name']}`",
                _cell(row["expected"]),
                _cell(row["what"]) + (" (required)" if row["required"] else ""),
            )
            for row in rows
        ]
        return table(("key", "value", "what"), *body)

    return block


def _happens(section: str) -> Callable[[], str]:
    def block() -> str:
        rows = scenario_words_text.document()[section]
        named = [(f"`{row['name']}`" + (", `:LABEL`" if row["label"] else ""), _cell(row["what"])) for row in rows]
        return table(("name", "true when"), *named)

    return block


def _deeds() -> str:
    """What a register can be told to do."""
    rows = scenario_words_text.document()["agent"]
    body = []
    for row in rows:
        keys = [k for k in row["keys"] if k["name"] not in {"label", "when"}]
        shown = ", ".join(f"`{k['name']}`" + ("*" if k["required"] else "") for k in keys)
        body.append((f"`{row['name']}`", _cell(row["what"]), shown, "yes" if row["turn"] else ""))
    return table(("`do`", "what", "keys (* required)", "a turn"), *body)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "scenario-list": _scenarios,
    "scenario-file": _keys("file"),
    "scenario-step": _keys("step"),
    "scenario-after": _happens("after"),
    "scenario-agent": _deeds,
    "scenario-when": _happens("when"),
    "scenario-expect-ledger": _keys("expect.ledger"),
    "scenario-expect-wire": _keys("expect.wire"),
    "scenario-expect-screen": _keys("expect.screen"),
    "scenario-expect-journal": _keys("expect.journal"),
    "scenario-expect-finding": _keys("expect.finding"),
}
"""Name of the block → what stands in it."""
