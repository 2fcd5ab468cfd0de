"""Masthead: whose day this is, and what the home's clock says."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len
from textual.content import Content

from agent.views import translator
from tui.figures import clock, date, moment, plain
from tui.layout import fit, spread
from tui.widgets.panel import Panel
from tui.words import weekday

_ = translator(Path(__file__).parent.parent)


class Masthead(Panel):
    def lines(self, width: int) -> list[Content]:
        status = self.view.status
        if status is None:
            return [Content.styled(fit(_("Counterfoil"), width), "bold")]
        terminal = plain(status.terminal)
        merchant = plain(self.view.merchant or "")
        if self.narrow:
            short = f"{date(status.now)[5:]} {clock(status.now)}"
            return [Content.styled(spread(merchant or terminal, short, width), "bold")]
        right = f"{date(status.now)} {weekday(moment(status.now).weekday())}  {clock(status.now)}"
        left = "  ".join(part for part in (_("Counterfoil"), merchant, terminal) if part)
        room = width - cell_len(right) - 2
        while cell_len(left) > room and "  " in left:
            left = left.split("  ", 1)[1]
        return [Content.styled(spread(left, right, width), "bold")]
