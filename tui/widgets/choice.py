"""Choice: one answer to a question of a dialog, by Enter, by its digit, or by a touch."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static


class Choice(Static, can_focus=True):
    """Offers one thing at a time, or nothing, and is then not there."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "pick", show=False)]

    class Picked(Message):
        """name: what was offered."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, digit: str) -> None:
        super().__init__(classes="choice")
        self._digit = digit
        self._offered: str | None = None
        self._label = ""
        self.display = False

    def offer(self, name: str | None, label: str = "") -> None:
        if (name, label) != (self._offered, self._label):
            self._offered, self._label = name, label
            self.display = name is not None
            self.update(Content.assemble((self._digit, "bold"), "  " + label))

    def action_pick(self) -> None:
        if self._offered is not None:
            self.post_message(self.Picked(self._offered))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_pick()
