"""Page: what a screen of the day's work has in common. It holds the last view, and draws another one in place."""

from __future__ import annotations

from textual.screen import Screen

from tui.feed import View
from tui.widgets.menu import MenuItem
from tui.widgets.panel import Panel


class Page(Screen[None]):
    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def show(self, view: View) -> None:
        """Draws another view. One may come before the page is composed."""
        self.view = view
        for part in (*self.query(Panel), *self.query(MenuItem)):
            part.show(view)
