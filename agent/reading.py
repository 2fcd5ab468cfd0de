"""Questions to views.db, answered as `agent.views`. Read-only; any thread may hold one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent import search
from agent.errors import JournalError, NotFound
from agent.journal import engine
from agent.journal.entries import Entry
from agent.language import _
from agent.views import (
    Notice,
    NoticeCode,
    ProductLine,
    Today,
    TransactionDetail,
    TransactionPage,
    TransactionRow,
)

_CNY = 156
_SHOWN_OF_A_KIND = 3
"""Findings shown one by one; a flood of one kind hides no other."""

_COLUMNS = """
SELECT t.seq, t.reference, t.kind, t.outcome, t.product, t.amount_minor, t.currency, t.fee_minor,
       t.masked_pan, t.trace, t.batch, t.rrn, t.at, t.voided
FROM transactions_with_fees t
"""
_FINDINGS = """
WITH ranked AS (
    SELECT seq, at, kind, facts, row_number() OVER (alike ORDER BY seq DESC) AS place, count(*) OVER alike AS alike_count
    FROM findings WHERE at >= ?1
    WINDOW alike AS (PARTITION BY kind, CASE kind WHEN 'terminal.device' THEN json_extract(facts, '$.kind') END)
)
SELECT seq, at, kind, facts, CASE place WHEN ?2 THEN alike_count - place ELSE 0 END AS more
FROM ranked WHERE place <= ?2 ORDER BY seq DESC
"""

_NOTICE_OF_KIND = {
    "event.gap": NoticeCode.EVENTS_LOST,
    "event.unreadable": NoticeCode.EVENT_UNREADABLE,
    "event.contradicted": NoticeCode.LOG_ROLLED_BACK,
    "log.rolled_back": NoticeCode.LOG_ROLLED_BACK,
    "log.replaced": NoticeCode.LOG_REPLACED,
    "security.seen": NoticeCode.SECURITY,
    "line.flooded": NoticeCode.LINE_FLOODED,
    "terminal.paired": NoticeCode.KEY_FOUND,
    "head.mismatch": NoticeCode.HEAD_MISMATCH,
    "terminal.device": NoticeCode.DEVICE_FAULT,
    "terminal.result_unasked": NoticeCode.RESULT_UNASKED,
    "recording.unsigned": NoticeCode.RECORDED_UNSIGNED,
    "witness.refused": NoticeCode.WITNESS_REFUSED,
}


class Reading:
    """Answers from one views.db. entry: seq -> the journal's entry. Every method may be called from any thread."""

    def __init__(self, views: Path, entry: Callable[[int], Entry], *, simulated: bool) -> None:
        self._connection = engine.connect_reader(views)
        self._connection.row_factory = engine.Row
        self._entry = entry
        self._simulated = simulated
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def today(self, date: str, recent: int) -> Today:
        """One day (ISO date). The sums are over the day's transactions and fee lines."""
        per_kind = {
            (row["kind"], row["outcome"], row["voided"]): row
            for row in self._all(
                "SELECT kind, outcome, voided, count(*) AS n, sum(amount_minor) AS minor FROM transactions"
                " WHERE date = ? GROUP BY kind, outcome, voided",
                date,
            )
        }

        def total(kind: str, *voided: int) -> tuple[int, int]:
            found = [per_kind[key] for v in voided if (key := (kind, "approved", v)) in per_kind]
            return sum(row["n"] for row in found), sum(row["minor"] for row in found)

        sales, refunds, voids = total("sale", 0), total("refund", 0, 1), total("void", 0, 1)
        count = sum(row["n"] for row in per_kind.values())
        approved = sum(row["n"] for key, row in per_kind.items() if key[1] == "approved")
        fees, fee_lines = self._all("SELECT coalesce(sum(amount_minor), 0), count(*) FROM fees WHERE date = ?", date)[0]
        currency = self._all("SELECT currency FROM transactions WHERE date = ? LIMIT 1", date)
        return Today(
            date=date,
            simulated=self._simulated,
            currency=currency[0][0] if currency else _CNY,
            transactions=count,
            events=count + fee_lines,
            approved=approved,
            declined=count - approved,
            sales_count=sales[0],
            sales_minor=sales[1],
            refunds_count=refunds[0],
            refunds_minor=refunds[1],
            voids_count=voids[0],
            voids_minor=voids[1],
            fees_minor=fees,
            net_minor=sales[1] - refunds[1] - fees,
            products=self._products(date),
            recent=self._rows("WHERE t.date = ? ORDER BY t.seq DESC LIMIT ?", date, recent),
        )

    def _products(self, date: str) -> tuple[ProductLine, ...]:
        rows = self._all(
            "SELECT t.product, count(*), sum(t.amount_minor), coalesce(sum((SELECT sum(f.amount_minor) FROM fees f"
            " WHERE f.transaction_seq = t.seq)), 0)"
            " FROM transactions t WHERE t.date = ? AND t.kind = 'sale' AND t.outcome = 'approved' AND t.voided = 0"
            " GROUP BY t.product ORDER BY t.product",
            date,
        )
        return tuple(ProductLine(*row) for row in rows)

    def transactions(self, date: str | None, text: str | None, limit: int, offset: int) -> TransactionPage:
        """Newest first; see `Desk.transactions`."""
        text = (text or "").strip()
        if text and not search.searchable(text):
            return TransactionPage((), 0)
        if date is None and text:
            return self._found(text, limit, offset)
        if date is None:
            total = self._all("SELECT count(*) FROM transactions")[0][0]
            rows = self._rows("WHERE t.seq >= 0 ORDER BY t.seq DESC LIMIT ? OFFSET ?", limit, offset)
            return TransactionPage(rows, total)
        held, values = search.in_a_day(text) if text else ("1", ())
        day = f"WHERE t.date = ? AND {held}"
        total = self._all(f"SELECT count(*) FROM transactions t {day}", date, *values)[0][0]  # noqa: S608
        return TransactionPage(
            self._rows(f"{day} ORDER BY t.seq DESC LIMIT ? OFFSET ?", date, *values, limit, offset), total
        )

    def _found(self, text: str, limit: int, offset: int) -> TransactionPage:
        """The rows of the page that hold the text, and how many do, as far as that is counted."""
        names = [name for (name,) in self._all(search.NAMES, search.part_of(text))]
        sources = search.sources(text, names)
        total = self._count(sources, search.COUNTED + 1)
        wanted = offset + limit
        newest = search.among_the_newest(text) if total > search.COUNTED else None
        if newest is not None and self._count([newest], wanted) >= wanted:
            sources = [newest if source.by_reference else source for source in sources]
        seqs, values = search.together("seq", sources, wanted, newest=True)
        page = f"WHERE t.seq IN ({seqs} ORDER BY seq DESC LIMIT ? OFFSET ?) ORDER BY t.seq DESC"
        more = total > search.COUNTED or (search.is_short(text) and self._is_beyond_the_window())
        return TransactionPage(self._rows(page, *values, limit, offset), min(total, search.COUNTED), more)

    def _count(self, sources: list[search.Source], most: int) -> int:
        sql, values = search.together("count(*)", sources, most, newest=False)
        return int(self._all(sql, *values)[0][0])

    def _is_beyond_the_window(self) -> bool:
        first, last = ("(SELECT min(seq) FROM transactions)", "(SELECT max(seq) FROM transactions)")
        return bool(self._all(f"SELECT {first} <= {last} - ?", search.WINDOW)[0][0])

    def transaction(self, reference: str) -> TransactionDetail:
        """By its reference, or a beginning of one that is unique. Raises NotFound."""
        beginning = (
            "SELECT DISTINCT reference FROM transactions WHERE reference >= ? AND reference < ? ORDER BY 1 LIMIT 2"
        )
        found = self._all(beginning, reference, reference + "g")
        if not reference or len(found) != 1:
            raise NotFound(
                _("Not exactly one transaction has a reference that begins with {reference}.").format(
                    reference=reference
                ),
                _("Find its reference with: counterfoil transactions list"),
            )
        row = self._rows("WHERE t.reference = ? ORDER BY t.seq LIMIT 1", found[0][0])[0]
        seqs = self._all("SELECT seq FROM fees WHERE transaction_seq = ?", row.seq)
        related = self._all(
            "SELECT seq FROM transactions WHERE reference = ? OR original_reference = ?", row.reference, row.reference
        )
        entries = tuple(
            {"seq": e.seq, "at": e.at, "kind": e.kind, "body": e.body, "private": dict(e.private)}
            for e in map(self._entry, sorted({r[0] for r in (*seqs, *related)}))
        )
        return TransactionDetail(row, entries)

    def findings(self, since: int) -> tuple[Notice, ...]:
        """What the journal says that a person should see, newest first, from `since` (ms UTC) on.

        Of one kind (of a device's events: of each of theirs) no more than three; the last of them says how many more.
        """
        rows = self._all(_FINDINGS, since, _SHOWN_OF_A_KIND)
        return tuple(
            Notice(
                _code(row["kind"], facts := _flat(json.loads(row["facts"]))), row["at"], facts, row["seq"], row["more"]
            )
            for row in rows
        )

    def last_at(self) -> int:
        """The time of the newest transaction (ms UTC), 0 if there is none."""
        newest = "SELECT max(at) FROM transactions WHERE date = (SELECT max(date) FROM transactions)"
        return self._all(newest)[0][0] or 0

    def _rows(self, rest: str, *values: object) -> tuple[TransactionRow, ...]:
        rows = ([*row[:-1], bool(row[-1])] for row in self._all(_COLUMNS + rest, *values))
        return tuple(TransactionRow(*row) for row in rows)

    def _all(self, sql: str, *values: object) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except (engine.Error, OverflowError) as error:
            raise JournalError(
                _("The views cannot be read: {reason}.").format(reason=error),
                _("Try again; if it stays so, make them anew with: counterfoil journal rebuild"),
            ) from error


def _code(kind: str, facts: dict[str, str]) -> NoticeCode:
    if kind == "money.outcome":
        return NoticeCode.MONEY_CONTRADICTED if "contradicts" in facts else NoticeCode.MONEY_DIFFERS
    return _NOTICE_OF_KIND[kind]


def _flat(facts: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in facts.items() if not isinstance(value, dict)}
