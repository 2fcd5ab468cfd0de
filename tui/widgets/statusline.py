"""StatusLine: the link, the signed journal, and when all this was last true."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len
from textual.content import Content

from agent.views import LinkState, translator
from tui.figures import clock, plain
from tui.layout import Cell, fit
from tui.widgets.panel import Panel
from tui.words import link

_ = translator(Path(__file__).parent.parent)


class StatusLine(Panel):
    def lines(self, width: int) -> list[Content]:
        status = self.view.status
        if status is None:
            return [Content("")]
        up = status.link.state is LinkState.UP and self.view.trouble is None
        style = "bold $good" if up else "bold $warn" if status.link.state is LinkState.CONNECTING else "bold $bad"
        state = link(status.link.state) if self.view.trouble is None else _("Not live")
        parts: list[Cell] = [((state if up else f"! {state}"), style)]
        root = status.head.root[:8]
        if self.narrow:
            parts += [(clock(status.now, seconds=True), ""), (f"{status.head.size} {root}", "$quiet")]
        else:
            parts += [
                (_("Journal {size} entries, root {root}").format(size=f"{status.head.size:,}", root=root), ""),
                (_("as of {time}").format(time=clock(status.now, seconds=True)), ""),
                (plain(status.link.port), "$quiet"),
            ]
        gap = "  " if self.narrow else "   "
        while len(parts) > 1 and sum(cell_len(text) for text, _style in parts) + len(gap) * (len(parts) - 1) > width:
            parts.pop()
        first, *rest = parts
        return [Content.assemble((fit(first[0], width), first[1]), *(piece for part in rest for piece in (gap, part)))]
