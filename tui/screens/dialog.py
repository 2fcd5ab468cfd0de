"""Dialog: what stands over a screen for a moment. It has the banner too, and leaves by Esc or a touch on its first line."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from agent.views import translator
from tui.feed import View
from tui.widgets.banner import Banner

_ = translator(Path(__file__).parent.parent)


class CloseItem(Static):
    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.screen.run_action("close")


class Dialog(ModalScreen[str]):
    """Dismissed with the name of a command, or with nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False)]

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def title_text(self) -> str:
        raise NotImplementedError

    def body(self) -> list[Widget]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Banner(self.view)
            with Horizontal(id="dialog-head"):
                yield Static(Content(self.title_text()), id="dialog-title")
                yield CloseItem(Content("Esc " + _("Close")), id="dialog-close")
            yield from self.body()

    def show(self, view: View) -> None:
        """Keeps the banner true. A view may come before the dialog is composed."""
        self.view = view
        for banner in self.query(Banner):
            banner.show(view)

    def action_close(self) -> None:
        self.dismiss(None)
