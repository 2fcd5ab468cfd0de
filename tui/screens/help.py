"""Help: the command table in full, and what the figures mean."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.cells import set_cell_size
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from agent.views import translator
from tui.commands import listed
from tui.layout import wrap
from tui.screens.dialog import Dialog
from tui.widgets.panel import Panel

_ = translator(Path(__file__).parent.parent)

KEYS_WIDTH = 14
LABEL_WIDTH = 12


def shown_key(key: str) -> str:
    """Textual's name of a key as it is printed on keyboards: `ctrl+r` is `Ctrl+R`."""
    named = {"question_mark": "?", "escape": "Esc"}.get(key)
    return named or "+".join(part.capitalize() for part in key.split("+"))


class HelpText(Panel):
    def lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        beside = KEYS_WIDTH + LABEL_WIDTH if width >= 60 else 0
        for command in listed():
            keys = " ".join(shown_key(key) for key in command.keys)
            head = Content.assemble(
                (set_cell_size(keys, KEYS_WIDTH), "bold $key"),
                (set_cell_size(command.shown_label(self.view), LABEL_WIDTH), "bold"),
            )
            unsaid = command.unsaid(self.view)
            told = wrap(unsaid or command.help, width - (beside or 2))
            ink = "$quiet" if unsaid else ""
            if beside:
                lines.append(Content.assemble(head, (told[0], ink)))
                lines += [Content.styled(" " * beside + line, ink) for line in told[1:]]
            else:
                lines += [head.truncate(width), *(Content.styled("  " + line, ink) for line in told)]
        lines.append(Content(""))
        for text in (
            _(
                "Arrows and Page Up/Down move in a list, Tab goes to the next one; everything can be clicked or touched."
            ),
            _("Sales: approved and not voided the same day. Net: sales less refunds less the fees charged."),
            _("Rate: the fees charged over the sales, as they really were. Expected fees need a recorded tariff."),
            _("Root: the first characters of the journal's last signed head; compare them with a printed one."),
        ):
            lines += [Content.styled(line, "$quiet") for line in wrap(text, width)]
        return lines


class HelpScreen(Dialog):
    AUTO_FOCUS = "#help"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,question_mark,q", "close", show=False)]

    def title_text(self) -> str:
        return _("Help")

    def body(self) -> list[Widget]:
        return [VerticalScroll(HelpText(self.view), id="help")]
