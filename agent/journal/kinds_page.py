"""docs/journal.md's table of kinds: what every entry says, field by field, from the dataclasses themselves."""

from __future__ import annotations

from dataclasses import fields

from agent.journal.kinds import KINDS, MESSAGE_KINDS, PRIVATE, EventId, ResultUnasked
from protocol.messages import DepositUpdate, DeviceEvent, Result, Transaction

_MEANS = {
    "reference": "the transaction's reference, 32 hex digits",
    "outcome": "`approved` or `declined`",
    "currency": "ISO 4217 numeric code",
    "product": "the class that tariffs tell apart",
    "trace": "system trace audit number (STAN)",
    "batch": "batch number",
    "mid": "merchant id",
    "tid": "terminal id at the acquirer",
    "terminal_time": "the transaction's time by the terminal's clock, ms UTC",
    "entry_mode": "how card or code was read",
    "settlement_mode": "`T0`, `D0`, `T1` or `D1`",
    "response_code": "ISO 8583 field 39",
    "scheme": "card scheme",
    "masked_pan": "first six and last four digits at most",
    "card_token_hmac": "HMAC-SHA256 of the provider's card token under this home's key",
    "rrn": "retrieval reference number",
    "auth_code": "authorisation code",
    "mcc": "merchant category code as sent",
    "operator": "operator at the terminal",
    "original_reference": "reference of the transaction that this one voids, refunds or completes",
    "type": "`mdr`, `t0`, `sim`, `service`, `refund_fee`, `deposit_deduction` or `other`",
    "transaction": "reference of the transaction that was charged for; absent for a fee of its own",
    "rule": "the rule that the acquirer names",
    "severity": "`info`, `minor` or `major`",
    "code": "fault code",
    "notice": "the notice's number with the acquirer",
    "rate_ppm": "parts per million of the amount",
    "effective_from": "from when the tariff is to hold, ms UTC",
    "published": "when it was published, ms UTC",
    "text": "the notice's text, or its beginning; public, so within the leaf",
    "text_sha256": "SHA-256 of the notice's whole text in UTF-8",
    "cap": "most that one transaction is charged, minor units",
    "minimum": "least that one transaction is charged, minor units",
    "date": "the settled day by the merchant's calendar, YYYYMMDD",
    "page": "which page of the batch's settlement, from 1",
    "pages": "how many there are",
    "sales_count": "sales in the batch",
    "refunds_count": "refunds in the batch",
    "gross": "sales, minor units",
    "refunds": "refunds, minor units",
    "fees": "fees, minor units",
    "deductions": "other deductions, minor units",
    "adjustments": "adjustments, minor units, signed",
    "carried": "brought over from earlier batches, minor units",
    "credited": "what is to reach the account, minor units",
    "due_date": "when, by the merchant's calendar, YYYYMMDD",
    "lines": "the page's transactions: each `kind`, `amount_minor`, `fee_minor`, `currency`, `trace`, `rrn`, `reference`",
    "ticket": "the provider's number of the deposit's case",
    "documents": "documents asked for now",
    "amount": "amount in minor units, signed",
    "event_number": "number of its transaction in the terminal's log",
}
_OF_ONE_SHAPE = {
    (Transaction, "kind"): "sale, void, refund, pre_auth, pre_auth_completion or reversal",
    (DeviceEvent, "kind"): "reboot, fault, tamper, firmware_changed, serial_changed or merchant_changed",
    (DepositUpdate, "state"): "the state of the deposit's return, as the provider has it",
    (DepositUpdate, "amount"): "to be paid back, minor units",
    (DepositUpdate, "deductions"): "what is deducted: each `cause`, `amount_minor`, `currency`, `clause`",
    (Result, "state"): "`approved`, `declined`, `voided`, `in_progress` or `not_found`",
    (Result, "amount"): "what the terminal really took or gave, minor units",
}
_ABOUT = {
    "terminal.transaction": "One money movement as the terminal logged it.",
    "terminal.fee": "One fee line; every transaction has its MDR line, a zero included.",
    "terminal.device": "What happened to the device itself.",
    "terminal.tariff_notice": "A tariff that the acquirer announces; whether it binds is not said by it.",
    "terminal.settlement": "One page of what the acquirer settles for a batch; the sums are the batch's.",
    "terminal.deposit_update": "The provider's word on a deposit's return.",
    "terminal.result_unasked": (ResultUnasked.__doc__ or "").strip(),
}
_APART = "SHA-256(salt ‖ value); value and salt stand outside the leaf"


def _rows(shape: type) -> list[tuple[str, str, str]]:
    if shape is Result:
        own = [("terminal", "text", "the terminal's id"), ("sha256", "hex", "SHA-256 of the message's bytes")]
        return own + _rows_of_message(shape)
    if shape in MESSAGE_KINDS:
        return [("event", "object", "which event (below)"), *_rows_of_message(shape)]
    rows = []
    for f in fields(shape):
        if f.name == "message":
            rows.append(("told_kind", "text", "terminal.* kind of the second telling"))
            rows.append(("…", "", f.metadata["means"]))
        elif f.name in PRIVATE[shape]:
            rows.append((f"{f.name}_sha256", "hex, optional", f"{f.metadata['means']}: {_APART}"))
        elif str(f.type).startswith("Money |"):
            rows.append((f"{f.name}_minor", "integer, optional", f.metadata["means"]))
            rows.append(("currency", "integer, optional", _MEANS["currency"]))
        else:
            rows.append((f.name, _type_name(str(f.type)), f.metadata["means"]))
    return rows


def _rows_of_message(shape: type) -> list[tuple[str, str, str]]:
    rows = []
    with_currency = False
    for f in fields(shape):
        optional = ", optional" if "None" in str(f.type) else ""
        if f.name in {"number", "at", "request_id"}:
            continue
        name = "event_number" if f.name == "event" else f.name
        means = _OF_ONE_SHAPE.get((shape, name)) or _MEANS.get(name, "")
        if name in PRIVATE[shape]:
            rows.append((f"{name}_sha256", f"hex{optional}", _APART))
        elif str(f.type).startswith("Money"):
            rows.append((f"{name}_minor", f"integer{optional}", means))
            if not with_currency:
                rows.append(("currency", f"integer{optional}", _MEANS["currency"]))
            with_currency = True
        elif name == "card_token":
            rows.append(("card_token_hmac", f"hex{optional}", _MEANS["card_token_hmac"]))
        else:
            rows.append((name, _kind_of(str(f.type)) + optional, means))
        if name == "deductions" and shape is DepositUpdate:
            rows.append(("reasons_sha256", "hex, optional", f"the items' reasons, a line each: {_APART}"))
    return rows


def _kind_of(annotation: str) -> str:
    beginnings = {"int": "integer", "bytes": "hex", "tuple": "list"}
    return next((kind for begins, kind in beginnings.items() if annotation.startswith(begins)), "text")


def _type_name(annotation: str) -> str:
    names = {"int": "integer", "bytes": "hex", "bool": "boolean", "EventId": "object"}
    name = names.get(annotation.split(" |", maxsplit=1)[0], "text")
    return f"{name}, optional" if "None" in annotation else name


def kinds_table() -> str:
    """Every kind, its fields, their types and meanings, as Markdown: generated into docs/journal.md."""
    lines = ["| kind | field | type | meaning |", "|---|---|---|---|"]
    for kind, shape in KINDS.items():
        about = _ABOUT.get(kind) or (shape.__doc__ or "").splitlines()[0]
        lines.append(f"| `{kind}` | | | {about} |")
        lines += [f"| | `{name}` | {of} | {means} |" for name, of, means in _rows(shape)]
    lines.append("| `event` in the above | | | One event of the terminal. |")
    lines += [f"| | `{f.name}` | {_type_name(str(f.type))} | {f.metadata['means']} |" for f in fields(EventId)]
    return "\n".join(lines) + "\n"
