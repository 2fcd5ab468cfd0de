"""What is going on in a simulator, as one document: the answer of the command `state`, and what comes with a refusal."""

from __future__ import annotations

from simulator.clock import iso
from simulator.screen import draw
from simulator.station import Station


def overview(station: Station, now: int) -> dict[str, object]:
    """JSON-able. Amounts in minor units, times ISO 8601 UTC; null where there is nothing of the kind. now: monotonic ms."""
    terminal, uptime = station.terminal, station.uptime(now)
    log, book, counter, clock = terminal.log, terminal.book, terminal.counter, terminal.clock
    stage, amount = counter.doing or (None, None)
    count, total = book.totals
    return {
        "phase": phase(station),
        "power": "on" if station.powered else "off",
        "suspended": station.powered and station.asleep,
        "cable": "in" if station.plugged else "out",
        "host": "online" if book.host.reachable else "offline",
        "session": terminal.in_session,
        "pairing": terminal.number_shown or None,
        "clock": iso(clock.time(uptime)),
        "terminal_clock": iso(clock.shown(uptime)),
        "speed": clock.speed,
        "day": log.days[-1].day.isoformat(),
        "finished": terminal.trade.finished,
        "stage": stage,
        "amount_minor": None if amount is None else amount.minor,
        "reference": counter.reference,
        "coming": None if counter.coming is None else counter.coming.name,
        "batch": book.batch,
        "sales_count": count,
        "sales_minor": total,
        "log_epoch": log.epoch,
        "boots": log.boots,
        "last_event": log.last_written,
        "acknowledged": log.acknowledged,
        "broken": terminal.device.fault,
        "crash": terminal.crashes.armed,
        "faults": [fault.text for fault in station.line.armed],
        "lies": list(book.acquirer.lies.texts),
        "deposit": book.acquirer.deposits.plan,
        "screen": screen(station),
    }


def phase(station: Station) -> str:
    """`off`, `suspended`, `pairing`, `paying` or `idle`."""
    if station.asleep:
        return "suspended" if station.powered else "off"
    if station.terminal.number_shown:
        return "pairing"
    return "paying" if station.terminal.counter.busy else "idle"


def screen(station: Station) -> list[str]:
    """The display's lines; none without power."""
    return draw(station.terminal.showing()).split("\n") if station.powered else []
