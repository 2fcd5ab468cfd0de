"""The pairing as a person goes through it: which step it stands at, what that says, what it offers. Pure functions.

    START -> ASKING -> COMPARE (-> REPLACE, where another key is pinned) -> KEEPING -> DONE

FAILED and TROUBLE come from anywhere, and offer to start anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from rich.cells import set_cell_size
from textual.content import Content

from agent.notices import pairing_words
from agent.views import LinkState, PairingStage, PairingView, translator
from tui import words
from tui.feed import Trouble, View
from tui.figures import plain
from tui.layout import wrap
from tui.widgets.numeral import grouped, large

_ = translator(Path(__file__).parent)


class Step(Enum):
    READING = auto()
    CUT = auto()
    """Nobody can be asked now: no agent, no port."""
    START = auto()
    ASKING = auto()
    COMPARE = auto()
    REPLACE = auto()
    """The numbers are the same, and another key is pinned: asked once more, apart."""
    KEEPING = auto()
    DONE = auto()
    FAILED = auto()
    TROUBLE = auto()


UNDER_WAY = {Step.ASKING, Step.COMPARE, Step.REPLACE}
"""Leaving now cancels the pairing."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the person did so far. over: a pairing that had ended before this one began, and says nothing of it.

    asking: `pair` has not yet answered; begun: the revision of the views when it had. same: the number that the person
    found to be the same; keeping: the one that is being confirmed. differed: the person found another number.
    """

    over: PairingView | None = None
    asking: bool = False
    begun: int | None = None
    keeping: str | None = None
    same: str | None = None
    differed: bool = False
    trouble: Trouble | None = None


def ended(view: View) -> PairingView | None:
    """The pairing of a view if nothing more comes of it."""
    pairing = view.status.link.pairing if view.status is not None else None
    return pairing if pairing is not None and pairing.stage in {PairingStage.DONE, PairingStage.FAILED} else None


def step_of(view: View, told: Told) -> Step:  # noqa: PLR0911  a table
    status = view.status
    if status is None:
        return Step.READING
    if told.trouble is not None:
        return Step.TROUBLE
    if view.trouble is not None:
        return Step.CUT
    pairing = status.link.pairing
    if told.asking:
        return Step.ASKING
    if told.begun is not None and status.revision < told.begun and pairing in {None, told.over}:
        return Step.ASKING  # a view from before
    if pairing is None or (told.begun is None and pairing == told.over):
        return Step.CUT if status.link.state in {LinkState.OFF, LinkState.PORT_LOST} else Step.START
    if pairing.stage is PairingStage.COMPARE:
        if told.keeping == pairing.number:
            return Step.KEEPING
        return Step.REPLACE if pairing.changed and told.same == pairing.number else Step.COMPARE
    return {
        PairingStage.STARTED: Step.ASKING,
        PairingStage.DONE: Step.DONE,
        PairingStage.FAILED: Step.FAILED,
    }[pairing.stage]


def choices(step: Step) -> tuple[tuple[str, str], ...]:
    """What is offered at a step, (name, label); Esc is always there."""
    return {
        Step.START: (("start", _("Start")),),
        Step.ASKING: (("cancel", _("Cancel")),),
        Step.COMPARE: (("same", _("Yes, the same number")), ("other", _("No, another number or none"))),
        Step.REPLACE: (("cancel", _("No, keep the old key")), ("replace", _("Yes, take the new key"))),
        Step.DONE: (("close", _("Close")),),
        Step.FAILED: (("start", _("Try again")), ("close", _("Close"))),
        Step.TROUBLE: (("start", _("Try again")), ("close", _("Close"))),
    }.get(step, ())


def lines(view: View, told: Told, width: int) -> list[Content]:  # noqa: PLR0911  likewise
    """What a step says, in lines of at most `width` cells."""
    status, step = view.status, step_of(view, told)
    if status is None:
        return _paragraph(_("Reading the journal."), width)
    if step is Step.CUT:
        cut = (view.trouble.what, view.trouble.todo) if view.trouble is not None else words.link_trouble(status.link)
        return _ending(*(cut or ("", "")), width)
    if told.trouble is not None:
        return _ending(plain(told.trouble.what), plain(told.trouble.todo), width)
    if step is Step.START:
        return _beginning(status.link.paired, status.link.fingerprint, width)
    if step is Step.ASKING:
        return _paragraph(_("Asking the terminal for a number. This takes a few seconds."), width)
    if step is Step.KEEPING:
        return _paragraph(_("Keeping the terminal's key."), width)
    pairing = status.link.pairing
    assert pairing is not None
    if step is Step.FAILED:
        return _ending(*(_differed() if told.differed else pairing_words(pairing.reason)), width)
    if step is Step.DONE:
        state = _("The link: {state}.").format(state=words.link(status.link.state))
        return [
            *_paragraph(_("Paired."), width, "bold $good"),
            *_paragraph(_("Answer yes on the terminal too, if it still asks."), width),
            *_paragraph(state, width, "$quiet"),
        ]
    return _comparing(step, pairing, width)


def _beginning(paired: bool, fingerprint: str | None, width: int) -> list[Content]:
    said = _paragraph(
        _("Pairing makes this computer and the terminal know each other: nobody else can then speak for either."), width
    )
    if paired:
        said += _paragraph(
            _("They are paired already. Pair them anew only after an exchange, a repair or a reset."),
            width,
            "bold $warn",
        )
    if paired and fingerprint is not None:
        said += _paragraph(_("Key of the terminal: {key}").format(key=plain(fingerprint)), width, "$quiet")
    return said + _paragraph(_("Have the terminal in sight: both show a number, and you compare."), width)


def _comparing(step: Step, pairing: PairingView, width: int) -> list[Content]:
    number = pairing.number or ""
    plainly = grouped(number)
    shown = [
        Content(""),
        *large(plainly, width, "$key"),
        Content.assemble(" " * ((width - len(plainly)) // 2), (plainly, "bold")),
    ]
    if step is Step.REPLACE:
        return [
            *_alarm(_("Take this terminal's key instead of the old one?"), width),
            *_paragraph(
                _("Only if you know who exchanged, repaired or reset it. The old terminal is then refused."), width
            ),
            *shown,
        ]
    warning = []
    if pairing.changed:
        warning = _alarm(_("This is not the terminal that was paired before!"), width)
    return [
        *warning,
        *shown,
        Content(""),
        *_paragraph(_("Does the terminal's screen show the same number?"), width, "bold"),
    ]


def _differed() -> tuple[str, str]:
    return (
        _("The numbers differ, so nothing was paired."),
        _("Somebody may stand between: look along the cable, try again, and if they differ again ask the provider."),
    )


def _ending(what: str, todo: str, width: int) -> list[Content]:
    return _alarm(what, width) + _paragraph(todo, width)


def _alarm(text: str, width: int) -> list[Content]:
    """On a ground of its own, with a sign before it: loud without colour too."""
    body = wrap(text, width - 3)
    return [
        Content.styled(set_cell_size(("! " if number == 0 else "  ") + line, width), "bold $on-alarm on $alarm")
        for number, line in enumerate(body)
    ]


def _paragraph(text: str, width: int, style: str = "") -> list[Content]:
    return [Content.styled(line, style) for line in wrap(text, width)]
