"""Total: one big figure of the day with what it is made of. Four of them stand side by side, or under each other."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from agent.views import Today, translator
from tui import words
from tui.feed import View
from tui.figures import amount, rate
from tui.layout import fit, spread
from tui.widgets.panel import Panel

_ = translator(Path(__file__).parent.parent)


class Total(Panel):
    """what: one of `sales`, `refunds`, `fees`, `net`."""

    def __init__(self, what: str, view: View) -> None:
        super().__init__(view, id=what, classes="total")
        self.what = what

    def lines(self, width: int) -> list[Content]:
        today = self.view.today
        label = {"sales": _("Sales"), "refunds": _("Refunds"), "fees": _("Fees charged"), "net": _("Net")}[self.what]
        if today is not None and not today.transactions and words.tells_nothing(self.view.status):
            today = None  # not known is not nothing
        figure, detail = ("-", "") if today is None else (self._figure(today), self._detail(today))
        if self.narrow:
            small = self._small(today) if today is not None else ""
            head = spread(f"{label}  {small}" if small else label, figure, width)
            return [Content.styled(head, "bold")]
        return [
            Content.styled(fit(label, width), "$quiet"),
            Content.styled(fit(figure, width), "bold"),
            Content.styled(fit(detail, width), "$quiet"),
        ]

    def _figure(self, today: Today) -> str:
        minor = {
            "sales": today.sales_minor,
            "refunds": -today.refunds_minor,
            "fees": today.fees_minor,
            "net": today.net_minor,
        }[self.what]
        return amount(minor, today.currency)

    def _detail(self, today: Today) -> str:
        if self.what == "sales":
            return _("Count {count}").format(count=today.sales_count)
        if self.what == "refunds":
            if today.voids_count:
                return _("Count {count}, voids {voids}").format(count=today.refunds_count, voids=today.voids_count)
            return _("Count {count}").format(count=today.refunds_count)
        if self.what == "fees":
            return _("{rate} of sales").format(rate=rate(today.fees_minor, today.sales_minor))
        return _("what remains")

    def _small(self, today: Today) -> str:
        return {
            "sales": str(today.sales_count),
            "refunds": str(today.refunds_count),
            "fees": rate(today.fees_minor, today.sales_minor),
            "net": "",
        }[self.what]
