"""CounterfoilApp: the screens over one desk. It holds the last view, the theme and the language; nothing of the trade."""

from __future__ import annotations

import os

# Before the first import of Textual: else Chinese input methods break on several terminals.
os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from agent.language import LANGUAGES
from agent.views import LinkState, choose_language, language, translator
from tui.commands import bindings
from tui.console import choose_console
from tui.feed import Changed, Failed, Feed, Introduced, Synced, View, errand
from tui.screens.dialog import Dialog
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
        self._syncing = False
        self._asked_at: int | None = None
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

    def _show(self, view: View) -> None:
        self.view = view
        for screen in self.screen_stack:
            if isinstance(screen, TodayScreen | Dialog):
                screen.show(view)

    def _meet_the_terminal(self) -> None:
        """Asks once in each connection how the shop is called; a terminal that does not say is shown by its number."""
        status = self.view.status
        if status is None or status.link.state is not LinkState.UP or self._asked_at == status.link.since:
            return
        self._asked_at = status.link.since
        errand(lambda: Introduced(self.desk.terminal_info()), self.post_message, quiet=True)

    def on_introduced(self, message: Introduced) -> None:
        self._show(replace(self.view, merchant=message.info.merchant_name))

    def action_today(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_sync(self) -> None:
        if self._syncing:
            return
        self._syncing = True
        self._toast(_("Asking the terminal."))
        errand(lambda: Synced(self.desk.sync()), self.post_message)

    def on_synced(self, message: Synced) -> None:
        self._syncing = False
        self.clear_notifications()
        received = message.result.received
        self._toast(_("{count} new entries.").format(count=received) if received else _("Nothing was missing."))

    def on_failed(self, message: Failed) -> None:
        if not message.quiet:
            self._syncing = False
            self.clear_notifications()
            self.notify(message.trouble.todo, title=message.trouble.what, severity="error", timeout=10, markup=False)

    def action_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    async def action_language(self) -> None:
        choose_language(LANGUAGES[(LANGUAGES.index(language()) + 1) % len(LANGUAGES)])
        today = self.screen_stack[0]
        await today.recompose()
        today.query_one("#rows").focus()

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen  # noqa: PLC0415  the first paint does not wait for it

        self.push_screen(HelpScreen(self.view))

    def action_palette(self) -> None:
        from tui.screens.palette import PaletteScreen  # noqa: PLC0415  likewise

        self.push_screen(PaletteScreen(self.view), self._chosen)

    async def _chosen(self, name: str | None) -> None:
        if name is not None:
            await self.run_action(name)

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
