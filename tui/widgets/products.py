"""Products: the day by product, with the rate that was really charged; and what is known of the expected fees."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from agent.views import translator
from tui.figures import amount, rate
from tui.layout import Column, table, wrap
from tui.widgets.panel import Panel
from tui.words import product

_ = translator(Path(__file__).parent.parent)


class Products(Panel):
    def lines(self, width: int) -> list[Content]:
        expected = wrap(_("What the fees should be: counterfoil fees report"), width)
        quiet = [Content.styled(line, "$quiet") for line in expected]
        today = self.view.today
        if self.narrow or today is None or not today.products:
            return quiet
        columns = [
            Column(_("Product")),
            Column(_("Count"), right=True),
            Column(_("Sales"), right=True),
            Column(_("Fees"), right=True),
            Column(_("Rate"), right=True),
        ]
        rows = [
            [
                (product(line.product), ""),
                (str(line.count), ""),
                (amount(line.sales_minor, today.currency), ""),
                (amount(line.fees_minor, today.currency), ""),
                (rate(line.fees_minor, line.sales_minor), "bold"),
            ]
            for line in today.products
        ]
        return [*table(columns, rows, width), *quiet]
