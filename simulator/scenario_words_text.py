"""The words of scenario files as a list, for `sim scenarios --words` and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.expectations import EXPECT
from simulator.scenario_words import DEEDS, FILE, KINDS, MOMENTS, STEP, TRIGGERS, Words

Row = dict[str, Any]


def document() -> dict[str, list[Row]]:
    """Section -> its words: name, what, and for keys also what must stand there and whether they must."""
    found = {"file": _keys(FILE), "step": _keys(STEP)}
    found["after"] = [{"name": name, "what": one.what, "label": one.label} for name, one in TRIGGERS.items()]
    found["agent"] = [
        {"name": name, "what": deed.what, "turn": deed.turn, "keys": _keys(deed.words)} for name, deed in DEEDS.items()
    ]
    found["when"] = [{"name": name, "what": one.what, "label": one.label} for name, one in MOMENTS.items()]
    return found | {f"expect.{section}": _keys(words) for section, words in EXPECT.items()}


def _keys(words: Words) -> list[Row]:
    return [
        {"name": name, "what": word.what, "expected": KINDS[word.kind].expected, "required": word.required}
        for name, word in words.items()
    ]


def text(found: Mapping[str, list[Row]]) -> str:
    """For a person."""
    lines: list[str] = []
    for section, rows in found.items():
        lines += ["", section] if lines else [section]
        for row in rows:
            must = ", required" if row.get("required") else ""
            expected = f"  ({row['expected']}{must})" if "expected" in row else ""
            label = "[:LABEL]" if row.get("label") and "LABEL" not in row["what"] else ""
            lines.append(f"    {row['name']}{label}: {row['what']}{expected}")
            if "keys" in row:
                lines.append("        " + ", ".join(("*" if k["required"] else "") + k["name"] for k in row["keys"]))
    return "\n".join(lines)
