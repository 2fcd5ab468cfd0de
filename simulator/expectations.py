"""What a scenario can expect at its end: the words of [expect.*], and how each figure of a ledger is found.

A ledger is its lines as docs/simulator.md has them. Amounts are minor units; what is charged in excess is positive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.scenario_words import Word, Words

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Figure:
    what: str
    of: Callable[[Rows], int]


def of_kind(rows: Rows, *kinds: str, **like: object) -> list[Row]:
    """The lines of these kinds in which all that stands so."""
    return [row for row in rows if row["kind"] in kinds and all(row.get(key) == value for key, value in like.items())]


def _kept(rows: Rows) -> list[Row]:
    voided = {row["original_reference"] for row in of_kind(rows, "void", outcome="approved")}
    return [row for row in of_kind(rows, "sale", outcome="approved") if row["reference"] not in voided]


def charged(rows: Rows, reference: str) -> int:
    """What the host holds under a reference: authorised less reversed; of a refund or void, what went back."""
    mine = of_kind(rows, "host", reference=reference)
    return sum(row["amount_minor"] * {"authorised": 1, "reversed": -1}.get(row["action"], 0) for row in mine)


def _held(rows: Rows, *of: str) -> int:
    references = {row["reference"] for row in of_kind(rows, "host") if row["of"] in of}
    return sum(charged(rows, reference) for reference in references)


TRANSACTIONS = ("sale", "refund", "void", "reversal")
_OF_A_TRANSACTION = (
    "reference original_reference product amount_minor fee_minor should_minor at outcome response_code trace batch rrn "
    "currency fees should_amount_minor lie"
)
LINES: Mapping[str, frozenset[str]] = {
    kind: frozenset(f"kind {keys}".split())
    for kind, keys in {
        **dict.fromkeys(TRANSACTIONS, _OF_A_TRANSACTION),
        "host": "action of reference amount_minor asked_minor response_code at lie currency",
        "fee": "type fee_minor should_minor at lie",
        "notice": "notice product rate_ppm cap_minor published effective_from at",
        "settlement": "batch date at due_date told sales_count refunds_count gross_minor refunds_minor fees_minor "
        "should_fees_minor deductions_minor should_deductions_minor adjustments_minor carried_minor credited_minor "
        "should_minor lie",
        "credit": "batch ticket date at credited_minor should_minor lie",
        "deposit": "ticket reference state at amount_minor should_minor documents lie",
        "day.closed": "date transactions events approved declined sales_count sales_minor refunds_count refunds_minor "
        "voids_count voids_minor fees_minor net_minor by_product",
    }.items()
}
"""Kind of a ledger's line -> every key that such a line may have (docs/simulator.md, The ledger)."""


def _sum(key: str, *kinds: str) -> Callable[[Rows], int]:
    return lambda rows: sum(row[key] for row in of_kind(rows, *kinds))


def _transactions(kind: str, key: str = "") -> Callable[[Rows], int]:
    """Of the approved ones: how many, or the sum of a key."""
    return lambda rows: sum(row[key] if key else 1 for row in of_kind(rows, kind, outcome="approved"))


def _wrong(row: Row) -> bool:
    done = {"settlement": "credited_minor", "credit": "credited_minor", "deposit": "amount_minor"}
    other = row.get(done.get(row["kind"], "fee_minor")) != row.get("should_minor") and "should_minor" in row
    return other or "lie" in row or row.get("should_amount_minor") is not None


LEDGER: Mapping[str, Figure] = {
    "sales_count": Figure("approved sales that were not voided", lambda rows: len(_kept(rows))),
    "sales_minor": Figure("their sum", lambda rows: sum(row["amount_minor"] for row in _kept(rows))),
    "declined_count": Figure(
        "declined transactions of every kind", lambda rows: len(of_kind(rows, *TRANSACTIONS, outcome="declined"))
    ),
    "refunds_count": Figure("approved refunds", _transactions("refund")),
    "refunds_minor": Figure("their sum", _transactions("refund", "amount_minor")),
    "voids_count": Figure("approved voids", _transactions("void")),
    "voids_minor": Figure("their sum", _transactions("void", "amount_minor")),
    "reversals_count": Figure("reversals (冲正)", _transactions("reversal")),
    "fees_minor": Figure("all fee lines as charged, the acquirer's own too", _sum("fee_minor", *TRANSACTIONS, "fee")),
    "should_fees_minor": Figure("the same as it was right", _sum("should_minor", *TRANSACTIONS, "fee")),
    "sim_fees_minor": Figure("fees without a transaction, as charged", _sum("fee_minor", "fee")),
    "charged_minor": Figure("what the host holds of the counter's sales", lambda rows: _held(rows, "sale")),
    "returned_minor": Figure("what it gave back for refunds and voids", lambda rows: _held(rows, "refund", "void")),
    "notices_count": Figure("tariff notices", lambda rows: len(of_kind(rows, "notice"))),
    "settlements_count": Figure("settlements that were told", lambda rows: len(of_kind(rows, "settlement", told=True))),
    "missing_settlements_count": Figure(
        "batches that are in none", lambda rows: len(of_kind(rows, "settlement", told=False))
    ),
    "settled_minor": Figure("what the settlements credit", _sum("credited_minor", "settlement")),
    "should_settled_minor": Figure("what they should", _sum("should_minor", "settlement")),
    "deductions_minor": Figure("taken from settlements for fees of their own", _sum("deductions_minor", "settlement")),
    "credited_minor": Figure("what reached the account", _sum("credited_minor", "credit")),
    "should_credited_minor": Figure("what should have", _sum("should_minor", "credit")),
    "days_closed": Figure("closed days", lambda rows: len(of_kind(rows, "day.closed"))),
    "wrong_count": Figure("lines that are not as they should be", lambda rows: sum(map(_wrong, rows))),
}


def _differences(row: Row) -> Iterator[tuple[str, int]]:
    """Every lie of a line, and what it took."""
    told = row["lie"].split("+") if row.get("lie") else []
    if "fees" in row:
        yield from _of_transaction(row, told)
        return
    for lie in told:
        match row["kind"]:
            case "settlement" | "credit":
                yield lie, row["should_minor"] - row["credited_minor"]
            case "deposit":
                yield lie, row["should_minor"] - row["amount_minor"]
            case "host":
                right = row["asked_minor"] if lie == "over_refund" else 0
                yield lie, row["amount_minor"] - right if row["action"] == "authorised" else 0
            case _:
                yield lie, row.get("fee_minor", 0) - row.get("should_minor", 0)


_OF_AMOUNTS = frozenset({"sale_twice", "over_refund", "refund_as_sale", "night_sale", "late_approval"})
"""Lies that move money by which nobody should be poorer; what fees they bring besides is not counted with it."""


def _of_transaction(row: Row, told: Sequence[str]) -> Iterator[tuple[str, int]]:
    lines = [line for line in row["fees"] if "lie" in line]
    named = {lie for line in lines for lie in line["lie"].split("+")}
    for lie in told:
        if lie in _OF_AMOUNTS:
            yield lie, row["amount_minor"] - row.get("should_amount_minor", 0)
        elif lie not in named:
            yield lie, 0
    for line in lines:
        if others := [lie for lie in line["lie"].split("+") if lie not in _OF_AMOUNTS]:
            yield "+".join(others), line["fee_minor"] - line["should_minor"]


def lies(rows: Rows) -> dict[str, tuple[int, int]]:
    """Lie -> on how many occasions (a transaction, batch, ticket, fee), and how much it took in all."""
    taken: dict[tuple[str, str], int] = {}
    for row in rows:
        occasion = str(row.get("ticket") or row.get("reference") or row.get("batch") or row.get("at"))
        sums: dict[str, int] = {}
        for lie, minor in _differences(row):
            sums[lie] = sums.get(lie, 0) + minor
        for lie, minor in sums.items():
            taken[lie, occasion] = max(taken.get((lie, occasion), minor), minor)
    found: dict[str, tuple[int, int]] = {}
    for (lie, _), minor in taken.items():
        count, total = found.get(lie, (0, 0))
        found[lie] = count + 1, total + minor
    return found


WIRE: Mapping[str, str] = {
    "sessions": "sessions made",
    "boots": "boots after the first",
    "asked": "money requests, each reference once",
    "requests": "money requests, repeated ones too",
    "repeats": "of these: answered from the log, or joined to what was under way",
    "refused": "of these: not taken, with an Error",
    "statuses": "Status queries",
    "fences": "Status replies that said: fenced",
    "confirms": "outcomes confirmed",
    "syncs": "Syncs",
    "heads": "journal heads to remember",
    "settles": "batches that the register asked to close",
    "applications": "for the deposit's return",
    "acknowledgements": "EVENT_ACKs",
    "disorders": "of these: of what was never sent, or less than before in the session",
    "events": "events in the terminal's log",
    "good": "good frames that came",
    "damaged": "damaged ones",
    "stale": "of an old session",
    "repeated": "data frames that came again",
    "resent": "data frames of the terminal that had to be sent again",
    "discarded": "messages that nobody had asked for",
}

EXPECT: Mapping[str, Words] = {
    "ledger": {
        **{name: Word("count", figure.what) for name, figure in LEDGER.items()},
        "charged": Word("counts", "by label: what the host holds of it, minor units"),
        "lies": Word("counts", "by lie: on how many occasions it was told"),
        "lies_minor": Word(
            "counts", "by lie: what it took from the merchant, or in a sale from its customer, minor units"
        ),
        "host": Word("counts", "authorised, declined, unanswered, reversed: how often the host did"),
        "deposit_state": Word("name", "the last state of the deposit's return"),
        "deposit_states": Word("texts", "all of them, in order"),
        "line": Word("tables", "[[expect.ledger.line]]: how many lines (`count`) in which all the other keys stand so"),
    },
    "wire": {
        **{name: Word("count", what) for name, what in WIRE.items()},
        "acknowledged": Word("acknowledged", "the last event that was acknowledged"),
    },
    "screen": {
        "contains": Word("texts", "what the display shows at the end"),
        "shown": Word("texts", "what it showed at some time, in this order"),
        "never": Word("texts", "what it never showed"),
    },
    "journal": {
        "entries": Word("counts", "by kind: how many entries"),
        "entry": Word("tables", "[[expect.journal.entry]]: how many entries (`count`) of a `kind` with such fields"),
        "outcomes": Word("states", "by label: the outcome that the record holds"),
        "notices": Word("texts", "codes of the notices that stand at the end"),
        "gaps": Word("count", "gaps in the terminal's events"),
        "contradictions": Word("count", "events told twice in other words"),
        "unreadable": Word("count", "events that could not be understood"),
        "open": Word("count", "requests without an outcome"),
        "verify": Word("truth", "`journal verify` finds nothing wrong (false: it finds what was done to it)"),
        "head_mismatch": Word("truth", "the terminal's remembered head says that the record was put back"),
    },
    "finding": {
        "detector": Word("detector", "of docs/domain.md §4; any: whichever", required=True),
        "verdict": Word("text", "OVER, UNDER, UNKNOWN or NEEDS_EVIDENCE"),
        "difference_minor": Word("number", "what is claimed, minor units"),
        "count": Word("count", "how many findings"),
    },
}
"""`finding` is an array: [[expect.finding]]; the fee audit judges it once it stands, `lies_minor` the same money today."""
