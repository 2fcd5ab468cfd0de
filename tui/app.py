"""CounterfoilApp: the screens over one desk. It holds the last view, the theme and the language; nothing of the trade."""

from __future__ import annotations

import os

# Before the first import of Textual: else Chinese input methods break on several terminals.
os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from agent.language import LANGUAGES
from agent.views import (
    Capability,
    EchoReport,
    LinkState,
    SelfTestReport,
    SyncResult,
    choose_language,
    language,
    translator,
)
from tui import words
from tui.commands import COMMANDS, bindings
from tui.console import choose_console
from tui.feed import Answered, Changed, Failed, Feed, Introduced, View, errand
from tui.screens.dialog import Dialog
from tui.screens.page import Page
from tui.screens.today import TodayScreen
from tui.theme import STANDARD, THEMES

if TYPE_CHECKING:
    from agent.desk import Desk  # with the whole agent behind it

_ = translator(Path(__file__).parent)


class CounterfoilApp(App[None], inherit_bindings=False):
    """The agent's desk on a terminal. The language in force (`agent.language`) is the one it starts with."""

    CSS_PATH = Path(__file__).parent / "counterfoil.tcss"
    TITLE = "counterfoil"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-normal"), (110, "-wide")]  # noqa: RUF012  as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012  likewise
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(), Binding("ctrl+c", "help_quit", show=False, system=True)]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.view = View()
        self._feed = Feed(desk, self.post_message)
        self._asking = False
        self._asked_at: int | None = None
        self._offered = False
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = STANDARD.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return STANDARD.variables

    def get_default_screen(self) -> Screen[None]:
        return TodayScreen(self.view)

    def on_ready(self) -> None:
        self._feed.start()

    def on_unmount(self) -> None:
        self._feed.stop()

    def on_changed(self, message: Changed) -> None:
        self._show(replace(message.view, merchant=self.view.merchant))
        self._meet_the_terminal()
        self._offer_pairing()

    def _show(self, view: View) -> None:
        self.view = view
        for screen in self.screen_stack:
            if isinstance(screen, Page | Dialog):
                screen.show(view)

    def _meet_the_terminal(self) -> None:
        """Asks once in each connection how the shop is called; a terminal that does not say is shown by its number."""
        status = self.view.status
        if status is None or status.link.state is not LinkState.UP or self._asked_at == status.link.since:
            return
        if Capability.DEVICE_INFO not in status.link.speaks:
            return
        self._asked_at = status.link.since
        errand(lambda: Introduced(self.desk.terminal_info()), self.post_message, quiet=True)

    def on_introduced(self, message: Introduced) -> None:
        self._show(replace(self.view, merchant=message.info.merchant_name))

    def action_today(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_evidence(self) -> None:
        from tui.screens.evidence import EvidenceScreen  # noqa: PLC0415  the first paint does not wait for it

        if not isinstance(self.screen, EvidenceScreen):
            self.action_today()
            self.push_screen(EvidenceScreen(self.view, self.desk))

    async def action_do(self, name: str) -> None:
        """A command of the table, or why this terminal cannot be asked for it."""
        reason = next(command for command in COMMANDS if command.name == name).unsaid(self.view)
        if reason is not None:
            self._toast(reason)
        else:
            await self.run_action(name)

    def action_sync(self) -> None:
        self._ask(self.desk.sync)

    def action_self_test(self) -> None:
        self._ask(self.desk.self_test)

    def action_echo(self) -> None:
        self._ask(self.desk.echo)

    def _ask(self, question: Callable[[], SyncResult | SelfTestReport | EchoReport]) -> None:
        """One question at a time: what is asked meanwhile is not asked."""
        if self._asking:
            return
        self._asking = True
        self._toast(_("Asking the terminal."))
        errand(lambda: Answered(question()), self.post_message)

    def on_answered(self, message: Answered) -> None:
        self._asking = False
        self.clear_notifications()
        text, good = words.answer(message.result)
        self.notify(text, timeout=4 if good else 10, severity="information" if good else "error", markup=False)

    def _offer_pairing(self) -> None:
        """Once, to whoever opens the screens on a home that knows no terminal; nobody is asked over another dialog."""
        status = self.view.status
        if self._offered or status is None or len(self.screen_stack) > 1:
            return
        if status.link.state is LinkState.UNPAIRED and status.link.pairing is None:
            self._offered = True
            self.action_pair()

    def action_pair(self) -> None:
        from tui.screens.pairing import PairingScreen  # noqa: PLC0415  the first paint does not wait for it

        self._offered = True
        self.push_screen(PairingScreen(self.view, self.desk))

    def on_failed(self, message: Failed) -> None:
        if not message.quiet:
            self._asking = False
            self.clear_notifications()
            self.notify(message.trouble.todo, title=message.trouble.what, severity="error", timeout=10, markup=False)

    def action_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    async def action_language(self) -> None:
        choose_language(LANGUAGES[(LANGUAGES.index(language()) + 1) % len(LANGUAGES)])
        for page in self.screen_stack:
            if isinstance(page, Page):
                await page.recompose()
                page.query_one(str(page.AUTO_FOCUS)).focus()

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen  # noqa: PLC0415  the first paint does not wait for it

        self.push_screen(HelpScreen(self.view))

    def action_palette(self) -> None:
        from tui.screens.palette import PaletteScreen  # noqa: PLC0415  likewise

        self.push_screen(PaletteScreen(self.view), self._chosen)

    def _chosen(self, name: str | None) -> None:
        """Done by the application itself: the menu's item that opened the palette would wait for its own removal, where a
        command makes the page anew."""
        if name is not None:
            self.call_later(self.action_do, name)

    def action_leave(self) -> None:
        self.exit()

    action_leave_by_letter = action_leave

    def action_help_quit(self) -> None:
        self._toast(_("F10 or q leaves."))

    def _toast(self, text: str) -> None:
        self.notify(text, timeout=4, markup=False)


def run(desk: Desk, language: str) -> None:
    """Opens the screens on a desk, in `zh_CN` or `en`, and returns when the person leaves. The desk stays the caller's."""
    encoding = sys.__stderr__.encoding if sys.__stderr__ is not None else "ascii"
    choose_language(choose_console(encoding, os.environ, language))
    app = CounterfoilApp(desk)
    app.run()
    if app.return_code:
        raise SystemExit(app.return_code)
