"""The record held against the simulator's ledger: every line of it is recorded once, in the same figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.demo.checks import Check, none_of
from agent.journal.entries import Entry
from agent.language import _

Line = Mapping[str, Any]
TRANSACTIONS = ("sale", "refund", "void", "reversal")
_OF_TRANSACTION = ("amount_minor", "outcome", "response_code", "product", "trace", "batch", "rrn", "original_reference")
_OF_SETTLEMENT = (
    *("sales_count", "refunds_count", "gross_minor", "refunds_minor", "fees_minor", "deductions_minor"),
    *("adjustments_minor", "carried_minor", "credited_minor"),
)
_DOUBTED = frozenset({"log.replaced", "log.rolled_back", "event.contradicted"})


def ledger_checks(entries: Sequence[Entry], rows: Sequence[Line]) -> Iterator[Check]:
    """Where the terminal's log was put back or lost its ledger begins anew: then the record holds more, and no less."""
    doubted = any(entry.kind in _DOUBTED for entry in entries)
    told = _told(entries)
    unlike: list[str] = []
    for name, figures in _expected(rows):
        found = told.get(name, [])
        good = figures in found if doubted else found == [figures]
        if not good:
            unlike.append(f"{name}: {figures} / {found or _('not recorded')}")
    yield none_of(_("everything in the ledger is recorded once, in the same figures"), unlike)
    known = {name for name, _figures in _expected(rows)}
    more = [] if doubted else [f"{name}: {figures}" for name, figures in told.items() if name not in known]
    yield none_of(_("nothing is recorded that the ledger does not hold"), more)
    yield none_of(_("every event of the terminal is recorded once, in order"), _out_of_order(entries))


def _figures(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: given[name] for name in names if given.get(name) is not None}


def _expected(rows: Sequence[Line]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What must be recorded: its name, and its figures."""
    own: Counter[str] = Counter()
    for row in rows:
        match row["kind"]:
            case "sale" | "refund" | "void" | "reversal":
                yield f"{row['kind']} {row['reference']}", _figures(row, _OF_TRANSACTION)
                yield f"fee {row['kind']} {row['reference']}", {"fee_minor": row["fee_minor"]}
            case "fee":
                own[row["type"]] += 1
                yield f"fee {row['type']} {own[row['type']]}", {"fee_minor": row["fee_minor"]}
            case "settlement" if row["told"]:
                yield f"settlement {row['batch']}", _figures(row, _OF_SETTLEMENT)
            case "notice":
                yield f"notice {row['notice']} {row['product']}", _figures(row, ("rate_ppm", "cap_minor"))
            case "deposit" if row["state"] != "submitted":  # that is an answer, and no event
                own[f"{row['ticket']} {row['state']}"] += 1
                number = own[f"{row['ticket']} {row['state']}"]
                yield f"deposit {row['ticket']} {row['state']} {number}", {}


def _told(entries: Sequence[Entry]) -> dict[str, list[dict[str, Any]]]:
    """What is recorded, by the same names; several where it was told several times."""
    told: dict[str, list[dict[str, Any]]] = {}
    fees: dict[str, int] = {}
    kinds: dict[str, str] = {}
    own: Counter[str] = Counter()

    def add(name: str, figures: dict[str, Any]) -> None:
        told.setdefault(name, []).append(figures)

    for entry in entries:
        body = entry.body
        kind = body.get("told_kind", "") if entry.kind == "event.contradicted" else entry.kind
        match kind:
            case "terminal.transaction":
                kinds[body["reference"]] = body["kind"]
                add(f"{body['kind']} {body['reference']}", _figures(body, _OF_TRANSACTION))
                fees.setdefault(body["reference"], 0)
            case "terminal.fee" if "transaction" in body:
                fees[body["transaction"]] = fees.get(body["transaction"], 0) + body["amount_minor"]
            case "terminal.fee":
                own[body["type"]] += 1
                add(f"fee {body['type']} {own[body['type']]}", {"fee_minor": body["amount_minor"]})
            case "terminal.settlement" if body["page"] == 1:
                add(f"settlement {body['batch']}", _figures(body, _OF_SETTLEMENT))
            case "terminal.tariff_notice":
                add(f"notice {body['notice']} {body['product']}", _figures(body, ("rate_ppm", "cap_minor")))
            case "terminal.deposit_update":
                name = f"deposit {body['ticket']} {body['state']}"
                own[name] += 1
                add(f"{name} {own[name]}", {})
    for reference, minor in fees.items():
        add(f"fee {kinds.get(reference, '?')} {reference}", {"fee_minor": minor})
    return told


def _out_of_order(entries: Sequence[Entry]) -> list[str]:
    """Within a log epoch numbers count up from 1; what is signed as lost counts as told."""
    last: dict[str, int] = {}
    wrong = []
    for entry in entries:
        if entry.kind == "event.gap":
            first, to, epoch = entry.body["first"], entry.body["last"], entry.body["log_epoch"]
        elif "event" in entry.body and entry.kind != "event.contradicted" and "number" in entry.body["event"]:
            first = to = entry.body["event"]["number"]
            epoch = entry.body["event"]["log_epoch"]
        else:
            continue
        if first != last.get(epoch, 0) + 1:
            wrong.append(_("{number} after {last}").format(number=first, last=last.get(epoch, 0)))
        last[epoch] = to
    return wrong


def held_by_host(rows: Sequence[Line], reference: str, trace: str | None) -> int:
    """What the host holds of a request (of money back: gave back), minor units; by its trace where no wire told it."""
    asked = [r for r in rows if r["kind"] in TRANSACTIONS[:3]]
    row = next((r for r in asked if r["reference"] == reference), None)
    known = row is not None or any(r["kind"] == "host" and r["reference"] == reference for r in rows)
    if not known and trace is not None:
        row = next((r for r in asked if r["trace"] == trace), None)
    name = reference if row is None else row["reference"]
    deeds = [r for r in rows if r["kind"] == "host" and r["reference"] == name]
    if deeds:
        signs = {"authorised": 1, "reversed": -1}
        return sum(signs.get(r["action"], 0) * int(r["amount_minor"]) for r in deeds)
    return int(row["amount_minor"]) if row is not None and row["outcome"] == "approved" else 0
