"""Palette: every command by its name in either language or its pinyin initials; on a small display it is the menu."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.cells import set_cell_size
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from agent.views import translator
from tui.commands import Command, find, listed
from tui.feed import View
from tui.screens.dialog import Dialog

_ = translator(Path(__file__).parent.parent)


def _option(command: Command, view: View, narrow: bool) -> Option:
    """What the terminal cannot say stays in its place: whoever chooses it is told why."""
    unsaid = command.unsaid(view)
    label = set_cell_size(command.shown_label(view), 12)
    text = "" if narrow else unsaid or command.help
    return Option(
        Content.assemble((command.shown.ljust(5), "bold"), (label, "" if unsaid else "bold"), (text, "")),
        id=command.name,
    )


class PaletteScreen(Dialog):
    AUTO_FOCUS = "#query"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "close", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]

    def title_text(self) -> str:
        return _("Commands")

    def body(self) -> list[Widget]:
        query = Input(placeholder=_("Name or pinyin initials"), id="query", max_length=64)
        query.cursor_blink = False
        return [query, OptionList(*self._options(listed()), id="found")]

    def _options(self, commands: tuple[Command, ...] | list[Command]) -> list[Option]:
        # the palette itself is open already
        narrow = self.app.size.width < 60
        options = [_option(command, self.view, narrow) for command in commands if command.name != "palette"]
        return options or [Option(Content(_("Nothing by that name.")), disabled=True)]

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = 0

    def on_input_changed(self, event: Input.Changed) -> None:
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options(self._options(find(event.value)))
        found.highlighted = 0

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option.id is not None:
            self.dismiss(event.option.id)

    def action_move(self, step: int) -> None:
        found = self.query_one(OptionList)
        if step > 0:
            found.action_cursor_down()
        else:
            found.action_cursor_up()
