"""Menu: the bottom line, drawn from the command table; every word of it can be clicked or touched."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from agent.views import translator
from tui.commands import Command, listed
from tui.console import drawable
from tui.feed import View

_ = translator(Path(__file__).parent.parent)


class MenuItem(Static):
    """A command to touch. action: of the app. key: shown before its name; on a small display a digit, or none."""

    def __init__(self, command: Command, key: str | None, view: View, classes: str) -> None:
        self.command, self._key, self._label = command, key, command.shown_label(view)
        super().__init__(self._text(view), classes=classes)

    @property
    def action(self) -> str:
        return self.command.name

    def show(self, view: View) -> None:
        label = self.command.shown_label(view)
        if label != self._label:
            self._label = label
            self.update(self._text(view))

    def _text(self, view: View) -> Content:
        if self.command.unsaid(view):
            return Content.styled(f"{self._key} {self._label}" if self._key else self._label, "$quiet")
        return _item(self._key, self._label)

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.app.run_action(f"do('{self.command.name}')", default_namespace=self.app)


class RestItem(MenuItem):
    """Leads to the palette, which holds all that has no room here."""

    def _text(self, view: View) -> Content:
        return _item(self._key, f"{_('Menu')} {drawable('☰')}".rstrip())


def _item(key: str | None, label: str) -> Content:
    return Content.assemble((key, "bold $key"), " ", label) if key else Content(label)


class Menu(Horizontal):
    """From 60 columns on: keys and names. Below: the digits, and at the far end ☰ for all the rest; that sign is two cells
    wide for some terminals and one for others, so nothing stands behind it."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        for command in listed():
            if command.menu:
                yield MenuItem(command, command.shown, self._view, "large")
        for command in listed():
            if command.small:
                yield MenuItem(command, command.digit, self._view, "small")
        (palette,) = (command for command in listed() if command.name == "palette")
        yield RestItem(palette, "Esc", self._view, "small last")
