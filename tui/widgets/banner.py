"""Banner: on every screen of a simulated home, so that no practice day is taken for a real one."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from agent.views import translator
from tui.layout import fit
from tui.widgets.panel import Panel

_ = translator(Path(__file__).parent.parent)


class Banner(Panel):
    def lines(self, width: int) -> list[Content]:
        if self.view.status is None or not self.view.status.simulated:
            return []
        return [Content.styled(fit(_("DEMO") + "  " + _("simulated, no real money"), width), "bold")]
