"""Transactions: the newest of the day. Declined, voided and paid back are told by word and sign, not by colour alone."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from agent.views import TransactionRow, translator
from tui import words
from tui.figures import amount, card_tail, clock, plain
from tui.layout import Cell, Column, fit, table
from tui.widgets.panel import Panel

_ = translator(Path(__file__).parent.parent)

MONEY_BACK = {"refund", "void", "reversal"}


class TransactionsTitle(Panel):
    def lines(self, width: int) -> list[Content]:
        today = self.view.today
        title = _("Newest transactions")
        if today is None or (not today.transactions and words.tells_nothing(self.view.status)):
            return [Content.styled(fit(title, width), "bold")]
        counts = _("{count} today, {declined} declined").format(count=today.transactions, declined=today.declined)
        if self.narrow:
            return [Content.styled(fit(counts, width), "bold")]
        return [Content.assemble((title, "bold"), ("  " + counts, "$quiet")).truncate(width)]


class Transactions(Panel):
    def lines(self, width: int) -> list[Content]:
        today = self.view.today
        if today is None:
            return []
        if not today.recent:
            none = _("No transaction yet today.")
            if words.tells_nothing(self.view.status):
                none = _("The terminal told of no transaction.")
            return [Content.styled(fit(none, width), "$quiet")]
        columns = [
            Column(_("Time")),
            Column(_("Kind")),
            Column(_("Product"), drop=3),
            Column(_("Amount"), right=True),
            Column(_("Fee"), right=True, drop=1),
            Column(_("Card"), drop=2),
            Column(_("Trace"), drop=4),
            Column(_("Outcome")),
        ]
        return table(columns, [self._row(row, width >= 70) for row in today.recent], width)

    def _row(self, row: TransactionRow, seconds: bool) -> list[Cell]:
        done = row.outcome == "approved" and not row.voided
        back = row.kind in MONEY_BACK
        ink = "" if done else "$quiet"
        verdict = "$good" if done else "bold $bad" if row.outcome == "declined" else "bold $warn"
        minor = -row.amount_minor if back else row.amount_minor
        return [
            (clock(row.at, seconds), ink),
            (words.kind(row.kind), "$warn" if back and done else ink),
            (words.product(row.product), ink),
            (amount(minor, row.currency), "bold $warn" if back and done else "bold" if done else ink),
            ("-" if row.fee_minor is None else amount(row.fee_minor, row.currency), ink),
            (card_tail(row.masked_pan), ink),
            (plain(row.trace), ink),
            (words.outcome(row.outcome, row.voided), verdict),
        ]
