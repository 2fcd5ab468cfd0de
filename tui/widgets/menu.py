"""Menu: the bottom line, drawn from the command table; every word of it can be clicked or touched."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from agent.views import translator
from tui.commands import listed
from tui.console import drawable

_ = translator(Path(__file__).parent.parent)


class MenuItem(Static):
    def __init__(self, text: Content, action: str, classes: str) -> None:
        super().__init__(text, classes=classes)
        self.action = action

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.app.run_action(self.action, default_namespace=self.app)


def _item(key: str | None, label: str) -> Content:
    return Content.assemble((key, "bold $key"), " ", label) if key else Content(label)


class Menu(Horizontal):
    """From 60 columns on: keys and names. Below: the digits, and at the far end ☰ for all the rest; that sign is two cells
    wide for some terminals and one for others, so nothing stands behind it."""

    def compose(self) -> ComposeResult:
        for command in listed():
            yield MenuItem(_item(command.shown, command.label), command.name, "large")
        for command in listed():
            if command.small:
                yield MenuItem(_item(command.digit, command.label), command.name, "small")
        menu = _("Menu")
        yield MenuItem(_item("Esc", f"{menu} {drawable('☰')}".rstrip()), "palette", "small last")
