"""Refunds from a file: CSV or XLSX, one a line, each with a reference of its own, the same whenever the line is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from agent.fees.statements.cells import amount_of, plain
from agent.fees.statements.table_file import Missing, read_table
from agent.fees.troubles import Code, Trouble, Troubles, Unread
from agent.orders import is_reference, recordable
from agent.refunds.refund_types import RefundAsked
from protocol.money import Money

COLUMNS = {
    "sale": ("sale", "消费", "原交易"),
    "amount": ("amount", "金额", "退货金额"),
    "reason": ("reason", "原因"),
    "reference": ("reference", "退货参考号"),
}
"""What a column may be called; `sale` must be there."""
MOST_LINES = 1_000


@dataclass(frozen=True, slots=True)
class BatchLine:
    """line: of the file, from 1."""

    line: int
    asked: RefundAsked


def read_batch(raw: bytes, name: str) -> tuple[BatchLine, ...]:
    """Every line, or none of them. name: the file's, for its troubles.

    A line's reference is its own, or made of its sale and amount: the same file again orders nothing twice. So two lines of
    one sale and amount need references. Raises StatementRefused with every trouble, up to twenty.
    """
    troubles, found = Troubles(), list[BatchLine]()
    try:
        header, _at, rows = read_table(raw, "auto", _header_of)
        seen: set[str] = set()
        for line, cells in rows:
            asked = _read(header, line, cells, troubles)
            if asked is None:
                continue
            if asked.reference in seen:
                troubles.add(Trouble(line, "reference", Code.DUPLICATE))
            seen.add(asked.reference)
            found.append(BatchLine(line, asked))
            if len(found) > MOST_LINES:
                raise Unread(Trouble(line, "", Code.TOO_LONG))
        if not found:
            troubles.add(Trouble(1, "", Code.NO_LINES))
    except Unread as error:
        for trouble in error.troubles:
            troubles.add(trouble)
    if troubles:
        raise troubles.refusal(name)
    return tuple(found)


def _header_of(_line: int, cells: Sequence[str]) -> dict[str, int] | Missing:
    told = [plain(cell).lower() for cell in cells]
    header = {field: told.index(name) for field, names in COLUMNS.items() for name in names if name in told}
    return header if "sale" in header else Missing(len(header), ("/".join(COLUMNS["sale"]),))


def _read(header: dict[str, int], line: int, cells: Sequence[str], troubles: Troubles) -> RefundAsked | None:
    def cell(field: str) -> str:
        at = header.get(field, len(cells))
        return plain(cells[at]) if at < len(cells) else ""

    sale, written = cell("sale").lower(), cell("reference").lower()
    for field, text in (("sale", sale), ("reference", written)):
        if not is_reference(text) and (text or field == "sale"):
            code = Code.UNKNOWN_WORD if text else Code.MISSING
            troubles.add(Trouble(line, field, code, recordable(text)[:40]))
            return None
    try:
        minor = amount_of(cell("amount"))
    except ValueError:
        troubles.add(Trouble(line, "amount", Code.NO_AMOUNT, recordable(cell("amount"))[:40]))
        return None
    amount = None if minor is None else Money(minor)
    made = sha256(f"counterfoil refund of {sale}: {minor}".encode()).hexdigest()[:32]
    return RefundAsked(written or made, sale, amount, reason=cell("reason"))
