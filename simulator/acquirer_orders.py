"""What the people behind the terminal do: the host is out of reach, the acquirer lies or announces, the provider decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from protocol.masking import mask_text
from protocol.messages import Product
from simulator.clock import local_date
from simulator.command import Answer, Doing, Given
from simulator.errors import SimulatorError
from simulator.station import Station
from simulator.tariffs import Notice


def _offline(station: Station, given: Given, now: int) -> Answer:
    host = station.terminal.book.host
    if not host.reachable:
        raise SimulatorError("The host is out of reach.", "Give it online.")
    host.reachable = False
    return {}


def _online(station: Station, given: Given, now: int) -> Answer:
    book = station.terminal.book
    if book.host.reachable:
        raise SimulatorError("The host is in reach.", "Give it offline first.")
    book.host.reachable = True
    book.tell_host(station.uptime(now))
    return {}


def _lie(station: Station, given: Given, now: int) -> Answer:
    book = station.terminal.book
    keys = ",".join(f"{key}={value}" for key, value in given.items() if key != "name")
    text = f"{given['name']}:{keys}" if keys else str(given["name"])
    told = book.acquirer.lies.texts
    if text in told:
        raise SimulatorError("The acquirer tells that lie already.", "Give it other parameters, or honest first.")
    book.arm((*told, text))
    return {"lies": list(book.acquirer.lies.texts)}


def _honest(station: Station, given: Given, now: int) -> Answer:
    book = station.terminal.book
    kept = tuple(one.text for one in book.acquirer.lies.on if "name" in given and one.lie != given["name"])
    if len(kept) == len(book.acquirer.lies.on):
        raise SimulatorError("The acquirer tells no such lie.", "The state tells which ones.")
    book.arm(kept)
    return {"lies": list(kept)}


def _deposit(station: Station, given: Given, now: int) -> Answer:
    station.terminal.book.plan_deposit(str(given["plan"]))
    return {}


def _notice(station: Station, given: Given, now: int) -> Answer:
    terminal = station.terminal
    product, rate = Product(str(given["product"])), int(given["rate_ppm"])
    if product not in (taken := terminal.book.acquirer.products):
        raise SimulatorError(f"The acquirer does not take {product}.", f"Choose one of: {', '.join(sorted(taken))}.")
    at = terminal.clock.time(station.uptime(now))
    today = local_date(at)
    from_ = today + timedelta(days=int(given["days"]))
    text = str(given.get("text", f"公告：自{from_.year}年{from_.month}月{from_.day}日起，手续费率调整为{rate}ppm。"))
    if mask_text(text) != text:
        raise SimulatorError("That looks like a card number.", "Write it in other words.")
    number = f"{today:%Y%m%d}-{terminal.book.next_number}"
    cap = int(given["cap_minor"]) if "cap_minor" in given else None
    terminal.book.announce(Notice(number, (product,), rate, cap, today, from_, text), at)
    return {"notice": number, "effective_from": from_.isoformat()}


DOES: Mapping[str, Doing] = {
    "offline": _offline,
    "online": _online,
    "lie": _lie,
    "honest": _honest,
    "deposit": _deposit,
    "notice": _notice,
}
