"""One thing that was judged, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.language import _


@dataclass(frozen=True, slots=True)
class Check:
    """expected and found: in words, or the figures themselves."""

    name: str
    ok: bool
    expected: str
    found: str


def alike(name: str, found: object, expected: object) -> Check:
    return Check(name, found == expected, str(expected), str(found))


def none_of(name: str, found: Sequence[str]) -> Check:
    """Nothing of the kind may be."""
    return Check(name, not found, _("none"), "; ".join(found) or _("none"))


def counted(name: str, found: int, expected: object) -> Check:
    """expected: a number, or {min, max}."""
    if not isinstance(expected, dict):
        return alike(name, found, expected)
    least, most = expected.get("min", found), expected.get("max", found)
    told = [f"≥ {expected['min']}"] if "min" in expected else []
    told += [f"≤ {expected['max']}"] if "max" in expected else []
    return Check(name, least <= found <= most, ", ".join(told), str(found))


def said(checks: Sequence[Check]) -> list[str]:
    """A line for each; what did not hold says what it should have been."""
    lines = []
    for check in checks:
        lines.append(f"{'✓' if check.ok else '✗'} {check.name}")
        if not check.ok:
            lines.append("    " + _("expected: {what}").format(what=_indented(check.expected)))
            lines.append("    " + _("found: {what}").format(what=_indented(check.found)))
    return lines


def _indented(text: str) -> str:
    return text.replace("\n", "\n      ")
