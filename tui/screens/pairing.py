"""Pairing: once, both ends show a number and a person compares. What stands is not touched before the person said yes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from agent.views import translator
from tui import pairing
from tui.feed import Failed, View, errand
from tui.pairing import Step, Told
from tui.screens.dialog import Dialog
from tui.widgets.choice import Choice
from tui.widgets.panel import Panel

if TYPE_CHECKING:
    from agent.desk import Desk

_ = translator(Path(__file__).parent.parent)

READING_MS = 700
"""Six digits on two screens are not compared faster: a key held down or pressed twice confirms nothing."""


class Begun(Message):
    """The pairing is under way: views from this revision on speak of it."""

    def __init__(self, revision: int) -> None:
        super().__init__()
        self.revision = revision


class Done(Message):
    """An answer that needs none: what it did is in the next view."""


class PairingText(Panel):
    def __init__(self, view: View) -> None:
        super().__init__(view, id="pairing-text")
        self.told = Told()

    def lines(self, width: int) -> list[Content]:
        return pairing.lines(self.view, self.told, width)


class PairingScreen(Dialog):
    """Follows `status().link.pairing`, whoever began it: here, or on the command line."""

    AUTO_FOCUS = ""  # none: the step decides
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "pick(0)", show=False),
        Binding("2", "pick(1)", show=False),
        Binding("down,right", "app.focus_next", show=False),
        Binding("up,left", "app.focus_previous", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
    ]

    def __init__(self, view: View, desk: Desk) -> None:
        super().__init__(view)
        self._desk = desk
        self._told = Told(over=pairing.ended(view))
        self._step: Step | None = None
        self._since = 0
        self._given_up = threading.Event()

    def title_text(self) -> str:
        return _("Pair the terminal")

    def body(self) -> list[Widget]:
        text = VerticalScroll(PairingText(self.view), id="pairing", can_focus=False)
        return [text, Vertical(Choice("1"), Choice("2"), id="choices")]

    def on_mount(self) -> None:
        self._draw()

    def show(self, view: View) -> None:
        super().show(view)
        self._draw()

    def _draw(self) -> None:
        found = self.query(PairingText)
        if not found:  # not composed yet, or closing
            return
        text = found.first()
        text.told = self._told
        text.show(self.view)
        step = pairing.step_of(self.view, self._told)
        if step is self._step:
            return
        self._step, self._since = step, time.monotonic_ns()
        offered = pairing.choices(step)
        slots = list(self.query(Choice))
        for slot, (name, label) in zip(slots, [*offered, (None, ""), (None, "")], strict=False):
            slot.offer(name, label)
        # A second Enter must not answer a question that it did not see.
        self.set_focus(slots[0] if step in {Step.START, Step.DONE, Step.FAILED, Step.TROUBLE} else None)

    def _tell(self, told: Told) -> None:
        self._told = told
        self._draw()

    def action_pick(self, index: int) -> None:
        list(self.query(Choice))[index].action_pick()

    def action_scroll(self, pages: int) -> None:
        scroll = self.query_one("#pairing", VerticalScroll)
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)

    def on_choice_picked(self, message: Choice.Picked) -> None:
        message.stop()
        if message.name not in (name for name, _label in pairing.choices(pairing.step_of(self.view, self._told))):
            return  # of a step that has passed meanwhile
        match message.name:
            case "start":
                self._start()
            case "same" | "replace":
                self._confirm(replacing=message.name == "replace")
            case "other":
                self._tell(replace(self._told, differed=True))
                self._cancel()
            case "cancel":
                self._cancel()
                self._tell(Told(over=pairing.ended(self.view)))
            case "close":
                self.dismiss(None)

    def _start(self) -> None:
        self._tell(Told(over=pairing.ended(self.view), asking=True))
        desk, given_up = self._desk, threading.Event()
        self._given_up = given_up

        def begin() -> Message:
            desk.pair()
            if given_up.is_set():
                desk.cancel_pairing()
            return Begun(desk.status().revision)

        errand(begin, self.post_message)

    def on_begun(self, message: Begun) -> None:
        message.stop()
        self._tell(replace(self._told, asking=False, begun=message.revision))

    def _confirm(self, *, replacing: bool) -> None:
        if (time.monotonic_ns() - self._since) // 1_000_000 < READING_MS:
            return
        status = self.view.status
        shown = status.link.pairing if status is not None else None
        if shown is None or shown.number is None:
            return
        number = shown.number
        if shown.changed and not replacing:
            self._tell(replace(self._told, same=number))
            return
        self._tell(replace(self._told, keeping=number))
        desk = self._desk

        def confirm() -> Message:
            desk.confirm_pairing(number, replace=replacing)
            return Done()

        errand(confirm, self.post_message)

    def on_failed(self, message: Failed) -> None:
        message.stop()
        self._tell(Told(over=pairing.ended(self.view), trouble=message.trouble))

    def _cancel(self) -> None:
        desk = self._desk
        self._given_up.set()

        def cancel() -> Message:
            desk.cancel_pairing()
            return Done()

        errand(cancel, self.app.post_message, quiet=True)

    def on_unmount(self) -> None:
        """By Esc, by a touch, with the whole program: what is under way ends."""
        if pairing.step_of(self.view, self._told) in pairing.UNDER_WAY:
            self._cancel()
