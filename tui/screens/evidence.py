"""F9 Evidence: the last signed head, the heads that are remembered, and the head as a code to photograph.

at least 60 columns: the words, and beside them the code as large as fits; below: the words alone, and the code on
a screen of its own, where everything but the code is left out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget

from agent.views import RememberedHead
from tui import evidence
from tui.feed import Failed, View, errand
from tui.screens.page import Page
from tui.widgets.banner import Banner
from tui.widgets.masthead import Masthead
from tui.widgets.menu import Menu
from tui.widgets.panel import Panel
from tui.widgets.statusline import StatusLine

if TYPE_CHECKING:
    from agent.desk import Desk

ASK_MS = 5_000
"""The remembered heads are read again so often, at most: the thread that records does it."""
WORDS_WIDTH = 38
"""What the words need beside a code."""
AROUND = 3
"""Lines of the masthead, the status line and the menu."""


class Remembered(Message):
    def __init__(self, heads: tuple[RememberedHead, ...]) -> None:
        super().__init__()
        self.heads = heads


class Facts(Panel):
    def __init__(self, view: View) -> None:
        super().__init__(view, id="facts-text")
        self.remembered: tuple[RememberedHead, ...] | None = None

    def lines(self, width: int) -> list[Content]:
        return evidence.facts(self.view, self.remembered, width, beside_code=not self.narrow)


class HeadCode(Panel):
    """As large as its screen leaves room for."""

    def lines(self, width: int) -> list[Content]:
        status, size = self.view.status, self.screen.size
        if self.narrow or status is None:
            return []
        rows = size.height - AROUND - status.simulated
        return evidence.code_lines(status.head.note, size.width - WORDS_WIDTH - 2, rows)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return max((line.cell_length for line in self.lines(0)), default=0)


class EvidenceScreen(Page):
    AUTO_FOCUS = "#facts"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "code", show=False)]

    def __init__(self, view: View, desk: Desk) -> None:
        super().__init__(view)
        self._desk = desk
        self._asking = False
        self._asked: tuple[int, int] | None = None  # when, and at which size

    def compose(self) -> ComposeResult:
        yield Masthead(self.view)
        yield Banner(self.view)
        with Horizontal(id="evidence"):
            with VerticalScroll(id="facts"):
                yield Facts(self.view)
            yield HeadCode(self.view)
        yield StatusLine(self.view)
        yield Menu(self.view)

    def on_mount(self) -> None:
        self._ask()

    def show(self, view: View) -> None:
        super().show(view)
        self._ask()

    def _ask(self) -> None:
        status, now = self.view.status, time.monotonic_ns() // 1_000_000
        if status is None or self._asking:
            return
        if self._asked is not None and (now - self._asked[0] < ASK_MS or self._asked[1] == status.head.size):
            return
        self._asking, self._asked = True, (now, status.head.size)
        errand(lambda: Remembered(self._desk.remembered_heads()), self.post_message, quiet=True)

    def on_remembered(self, message: Remembered) -> None:
        message.stop()
        self._asking = False
        for facts in self.query(Facts):
            facts.remembered = message.heads
            facts.show(self.view)

    def on_failed(self, message: Failed) -> None:
        """The heads as they were last read stay; the screen says by itself when it is not live."""
        message.stop()
        self._asking = False

    async def on_click(self, event: events.Click) -> None:
        self.action_code()

    def action_code(self) -> None:
        self.app.push_screen(CodeScreen(self.view))


class CodeAlone(Widget):
    """The code of the head as it was when this was opened: it must not change while it is photographed."""

    ALLOW_SELECT = False

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def render(self) -> RenderResult:
        return Content("\n").join(evidence.alone(self._view, self.size.width, self.size.height))


class CodeScreen(ModalScreen[None]):
    """Any key leaves it, and any touch."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        yield CodeAlone(self._view)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.dismiss(None)
