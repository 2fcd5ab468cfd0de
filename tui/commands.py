"""The one table of what a person can do: it feeds the key bindings, the footer, the palette and the help.

A command's action is the method `action_<name>` of the app, and every way to it leads through `action_do`, which knows what
this terminal cannot say. Words are looked up when they are shown, so that the language
can change while the screens stand. F3–F8 belong to screens of their own and are taken by nothing else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.binding import Binding

from agent.views import Capability, translator
from tui.feed import View

_ = translator(Path(__file__).parent)


def N_(text: str) -> str:  # noqa: N802  gettext's own name for "to be translated, later"
    return text


@dataclass(frozen=True, slots=True)
class Command:
    """keys: Textual's names, the first of them is the one shown as `shown`. anywhere: also while a dialog or a field has
    the keys. search: what the palette answers to besides the label and the English name: Chinese, its pinyin initials.
    menu: has its place in the menu of a wide display; small: in that of a small one. needs: what the terminal's protocol
    must have words for (None: the command is for every terminal), instead: what to do where it has none."""

    name: str
    english: str
    explains: str
    keys: tuple[str, ...]
    shown: str
    search: tuple[str, ...]
    digit: str | None = None
    menu: bool = True
    small: bool = False
    anywhere: bool = False
    needs: Capability | None = None
    instead: str = ""

    @property
    def digits(self) -> tuple[str, ...]:
        return () if self.digit is None else (self.digit,)

    @property
    def label(self) -> str:
        return _(self.english)

    @property
    def help(self) -> str:
        return _(self.explains)

    def shown_label(self, view: View) -> str:
        """In brackets where the terminal cannot be asked for it: colour alone would not say so."""
        return f"({self.label})" if self.unsaid(view) else self.label

    def unsaid(self, view: View) -> str | None:
        """Why this terminal cannot be asked for it, and what to do instead; None where it can."""
        link = view.status.link if view.status is not None else None
        if self.needs is None or link is None or self.needs in link.speaks:
            return None
        return _("This terminal cannot say it: {instead}.").format(instead=_(self.instead))


MATCHES: tuple[Callable[[str, str], bool], ...] = (str.__eq__, str.startswith, str.__contains__)
"""(word, wanted): the better kind of match first."""

COMMANDS = (
    Command(
        "help", N_("Help"), N_("The keys, and what the figures mean"), ("f1", "question_mark"), "F1", ("帮助", "bz")
    ),
    Command(
        "today", N_("Today"), N_("The day so far, and what needs you"), ("f2",), "F2", ("今日", "jr"), "2", small=True
    ),
    Command(
        "evidence",
        N_("Evidence"),
        N_("The record's signed head, as a code to photograph"),
        ("f9",),
        "F9",
        ("凭证", "pz", "head", "QR", "二维码", "ewm"),
        "9",
        small=True,
    ),
    Command(
        "sync",
        N_("Sync"),
        N_("Ask the terminal for everything the journal lacks"),
        ("ctrl+r",),
        "^R",
        ("同步", "tb"),
        small=True,
        needs=Capability.EVENTS,
        instead=N_("keep its paper slips"),
    ),
    Command(
        "pair",
        N_("Pair"),
        N_("Make this computer and the terminal know each other"),
        ("ctrl+k",),
        "^K",
        ("配对", "pd", "key"),
        menu=False,
        needs=Capability.PAIRING,
        instead=N_("it works without"),
    ),
    Command(
        "self_test",
        N_("Self-test"),
        N_("Let the terminal test its printer, reader and line to the host"),
        (),
        "",
        ("自检", "zj"),
        menu=False,
        needs=Capability.SELF_TEST,
        instead=N_("test on the terminal"),
    ),
    Command(
        "echo",
        N_("Line test"),
        N_("Measure how long the terminal takes to answer"),
        (),
        "",
        ("线路测试", "xlcs", "echo", "ping"),
        menu=False,
        needs=Capability.ECHO,
        instead=N_("check the cable"),
    ),
    Command(
        "theme", N_("Theme"), N_("Standard colours or high contrast"), ("ctrl+t",), "^T", ("主题", "zt"), menu=False
    ),
    Command("language", N_("Language"), N_("Chinese or English"), ("ctrl+l",), "^L", ("语言", "yy", "中文", "English")),
    Command(
        "palette",
        N_("Commands"),
        N_("Find a command by its name or pinyin initials"),
        ("ctrl+p", "escape"),
        "^P",
        ("命令", "ml"),
    ),
    Command(
        "leave",
        N_("Leave"),
        N_("Close the screens; a running agent goes on recording"),
        ("f10", "ctrl+q"),
        "F10",
        ("退出", "tc", "quit", "exit"),
        anywhere=True,
    ),
    Command("leave_by_letter", "", "", ("q",), "q", ()),
)


def listed() -> tuple[Command, ...]:
    """The commands that are shown to people; a second key of a command has no row of its own."""
    return tuple(command for command in COMMANDS if command.english)


def bindings() -> list[Binding]:
    """Keys without words: the footer and the help are drawn from the table, not from the bindings."""
    return [
        Binding(",".join(keys), f"do('{command.name}')", show=False, priority=command.anywhere)
        for command in COMMANDS
        if (keys := command.keys + command.digits)
    ]


def find(query: str) -> list[Command]:
    """The commands that answer to a query in English, Chinese or pinyin initials; whole and beginning matches first."""
    wanted = unicodedata.normalize("NFKC", query).strip().casefold()

    def distance(command: Command) -> int | None:
        words = [word.casefold() for word in (command.label, command.english, *command.search)]
        for rank, fits in enumerate(MATCHES):
            if any(fits(word, wanted) for word in words):
                return rank
        return None

    ranked = [(rank, command) for command in listed() if (rank := distance(command)) is not None]
    return [command for _rank, command in sorted(ranked, key=lambda pair: pair[0])]
