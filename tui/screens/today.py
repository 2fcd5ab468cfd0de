"""F2 Today: what was sold, paid back and charged; what needs a person now; the newest transactions; link and journal.

The arrangement by the width of the display:

    at least 110 columns         60 to 109          below 60 (a terminal's own display)
    masthead, banner             the same           the same
    what needs me now            the same           the same
    four totals side by side     the same           four lines
    products | transactions      one above other    transactions
    status line, menu            the same           the same, shorter
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll

from tui.screens.page import Page
from tui.widgets.banner import Banner
from tui.widgets.masthead import Masthead
from tui.widgets.menu import Menu
from tui.widgets.needs import Needs
from tui.widgets.products import Products
from tui.widgets.statusline import StatusLine
from tui.widgets.total import Total
from tui.widgets.transactions import Transactions, TransactionsTitle


class TodayScreen(Page):
    AUTO_FOCUS = "#rows"

    def compose(self) -> ComposeResult:
        view = self.view
        yield Masthead(view)
        yield Banner(view)
        with VerticalScroll(id="needs"):
            yield Needs(view)
        with Horizontal(id="totals"):
            for what in ("sales", "refunds", "fees", "net"):
                yield Total(what, view)
        with Container(id="body"):
            yield Products(view)
            with Vertical(id="list"):
                yield TransactionsTitle(view)
                with VerticalScroll(id="rows"):
                    yield Transactions(view)
        yield StatusLine(view)
        yield Menu(view)
