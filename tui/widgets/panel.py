"""Panel: a widget that is a function from a View and a width to lines of text."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from tui.feed import View

NARROW = 60
"""Columns from which on a display is not small."""


class Panel(Widget):
    """Subclasses draw `lines`. It is painted anew only when those lines differ."""

    ALLOW_SELECT = False

    def __init__(self, view: View, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  Textual's name
        super().__init__(id=id, classes=classes)
        self.view = view
        self._drawn: tuple[int, list[Content]] = (0, [])

    def lines(self, width: int) -> list[Content]:
        """The text for a width in cells, each line at most that wide."""
        raise NotImplementedError

    @property
    def narrow(self) -> bool:
        """True on a small display: one column, the essential figures."""
        return self.app.size.width < NARROW  # a screen just opened has no class of its own yet

    def show(self, view: View) -> None:
        self.view = view
        width, before = self._drawn
        now = self.lines(width)
        if [line.markup for line in now] != [line.markup for line in before]:
            taller = len(now) != len(before)
            if taller:
                self.clear_cached_dimensions()  # a layout under way may hold the old height
            self.refresh(layout=taller)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))

    def render(self) -> Content:
        width = self.content_size.width
        lines = self.lines(width)
        self._drawn = (width, lines)
        return Content("\n").join(lines)
