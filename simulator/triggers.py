"""The names that a person can call: amounts' last digits, customers, crashes. One list, for the command and the pages."""

from __future__ import annotations

import inspect

from simulator import crashes
from simulator.cards import CUSTOMERS, PIN_TRIES, QR, Customer
from simulator.host import RESPONSES, Manner

Row = dict[str, str]


def amounts() -> list[Row]:
    """digits: of a sale's or refund's amount; code: ISO 8583 field 39; what: a person's words; register: what it is told."""
    outcome = {
        Manner.LATE: "voided",
        Manner.SILENT: "voided",
        Manner.IN_PROGRESS: "nothing",
        Manner.APPROVES_PARTLY: "approved",
    }
    return [
        {"digits": f"{digits:02d}", "code": r.code, "what": r.what, "register": outcome.get(r.manner, "declined")}
        for digits, r in sorted(RESPONSES.items())
    ]


def customers() -> list[Row]:
    """name, card (masked), product, scheme, entry, what."""
    return [
        {
            "name": one.name,
            "card": one.masked_pan or "",
            "product": one.product,
            "scheme": one.scheme,
            "entry": one.entry_mode,
            "what": _does(one),
        }
        for one in CUSTOMERS.values()
    ]


def crash_points() -> list[Row]:
    """name, what: as the member's docstring in the source has it."""
    source = inspect.getsource(crashes.Crash).splitlines()
    said = {
        line.split('"')[1]: source[place + 1].strip().strip('"')
        for place, line in enumerate(source)
        if line.startswith("    ") and ' = "' in line
    }
    return [{"name": crash, "what": said[crash]} for crash in crashes.Crash]


def document() -> dict[str, list[Row]]:
    """All of them."""
    return {"amounts": amounts(), "customers": customers(), "crashes": crash_points()}


def text() -> str:
    """For a person: columns."""
    parts = []
    for title, rows in document().items():
        widths = [max(len(row[key]) for row in rows) for key in rows[0]]
        lines = (
            "  ".join(cell.ljust(n) for cell, n in zip(row.values(), widths, strict=True)).rstrip() for row in rows
        )
        parts.append("\n".join([title, *(f"    {line}" for line in lines)]))
    return "\n".join(parts)


def _does(one: Customer) -> str:
    if not one.comes:
        return "never comes"
    if one.cancels:
        return "cancels"
    if one.wrong_pins:
        return "never knows the PIN" if one.wrong_pins >= PIN_TRIES else f"{one.wrong_pins} wrong PIN"
    if one.response is not None:
        return f"{one.response.code} {one.response.what}"
    return "shows a code" if one.entry_mode in QR else "pays"
