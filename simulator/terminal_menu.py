"""What a person does at the terminal itself: shows a card, presses cancel, keys a transaction in, answers a pairing."""

from __future__ import annotations

from collections.abc import Mapping

from protocol.messages import MoneyRequest, Refund, Sale, Transaction, TransactionKind, Void
from protocol.money import Money
from protocol.tickets import NO_TICKET
from simulator.cards import customer
from simulator.command import Answer, Doing, Given
from simulator.errors import SimulatorError
from simulator.station import Station
from simulator.under_way import NEVER, reference_by_hand


def _present(station: Station, given: Given, now: int) -> Answer:
    who, counter = customer(str(given["customer"])), station.terminal.counter
    if not counter.busy:
        counter.present(who)
        return {"comes": "next"}
    if not who.comes:
        raise SimulatorError("Somebody who never comes cannot come now.", "Choose another customer, or cancel.")
    if not counter.arrive(who, station.uptime(now)):
        raise SimulatorError("No card and no code is waited for.", "Wait until the terminal is idle.")
    return {"comes": "now"}


def _cancel(station: Station, given: Given, now: int) -> Answer:
    if not station.terminal.counter.cancel(station.uptime(now)):
        raise SimulatorError(
            "There is nothing to cancel.",
            "Cancel a sale before the host is asked; after that only its outcome ends it.",
        )
    return {}


def _sell(station: Station, given: Given, now: int) -> Answer:
    _nobody_else(station)
    who = customer(str(given["customer"])) if "customer" in given else None
    reference = _reference(station, now)
    amount = Money(int(given["amount_minor"]), station.terminal.counter.currency)
    request = Sale(reference=reference, amount=amount, deadline=NEVER)
    station.terminal.counter.key_in(request, who, station.uptime(now))
    return {"reference": reference}


def _refund(station: Station, given: Given, now: int) -> Answer:
    sale = _original(station, str(given["original"]))
    amount = Money(int(given["amount_minor"]), sale.amount.currency) if "amount_minor" in given else sale.amount
    reference = _reference(station, now)
    return _key_back(
        station,
        Refund(
            reference=reference,
            original_reference=sale.reference,
            original_trace=sale.trace,
            amount=amount,
            deadline=NEVER,
        ),
        now,
    )


def _void(station: Station, given: Given, now: int) -> Answer:
    sale = _original(station, str(given["original"]))
    reference = _reference(station, now)
    return _key_back(
        station,
        Void(
            reference=reference,
            original_reference=sale.reference,
            original_trace=sale.trace,
            amount=sale.amount,
            deadline=NEVER,
        ),
        now,
    )


def _key_back(station: Station, request: MoneyRequest, now: int) -> Answer:
    _nobody_else(station)
    station.terminal.counter.key_in(request, None, station.uptime(now))
    return {"reference": request.reference}


def _settle(station: Station, given: Given, now: int) -> Answer:
    _nobody_else(station)
    book = station.terminal.book
    if not book.host.reachable:
        raise SimulatorError("The host cannot be reached.", "Give it online first.")
    if not book.acquirer.clearing.open:
        raise SimulatorError(f"Nothing is in the batch {book.batch}.", "Sell something first.")
    return {"batch": book.settle(station.terminal.clock.time(station.uptime(now)))}


def _nobody_else(station: Station) -> None:
    if station.terminal.counter.busy:
        raise SimulatorError("Something is under way at the terminal.", "Wait until it is idle, or cancel.")


def _original(station: Station, called: str) -> Transaction:
    """By its reference where the wire has such, or by its trace in the open batch."""
    book = station.terminal.book
    found = book.sale_by_trace(called.rjust(6, "0"))
    if found is None and not station.terminal.counter.tickets:
        found = book.find(called)
    if found is None or found.kind is not TransactionKind.SALE:
        raise SimulatorError("The terminal has no such sale.", "Give its reference, or its trace in the open batch.")
    return found


def _reference(station: Station, now: int) -> str:
    """Follows from the log and the host's book alone; on a wire with tickets nothing is called by what has none."""
    if station.terminal.counter.tickets:
        return NO_TICKET
    terminal = station.terminal
    what = f"{terminal.log.epoch}/{terminal.book.next_number}/{len(terminal.book.host.deeds())}"
    return reference_by_hand(what, terminal.clock.time(station.uptime(now)))


# -- pairing -----------------------------------------------------------------------------------------------------------


def _pair(station: Station, given: Given, now: int) -> Answer:
    terminal = station.terminal
    if not terminal.pairs:
        raise SimulatorError("Nobody can pair here.", "Start it on a wire with pairing, and without --pairing off.")
    if terminal.number_shown:
        raise SimulatorError(f"The number {terminal.number_shown} is shown.", "Answer it: yes or no.")
    terminal.allow_pairing(station.uptime(now))
    return {}


def _answer(yes: bool) -> Doing:
    def answer(station: Station, given: Given, now: int) -> Answer:
        if not station.terminal.number_shown:
            raise SimulatorError("No number is shown.", "Let an agent pair first: `counterfoil terminal pair`.")
        station.terminal.answer_pairing(yes, station.uptime(now))
        return {}

    return answer


DOES: Mapping[str, Doing] = {
    "present": _present,
    "cancel": _cancel,
    "sell": _sell,
    "refund": _refund,
    "void": _void,
    "settle": _settle,
    "pair": _pair,
    "yes": _answer(True),
    "no": _answer(False),
}
