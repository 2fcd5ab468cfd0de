"""What the codes of a view are called, in the language in force at the call. An unknown code is shown as it is."""

from __future__ import annotations

from pathlib import Path

from agent.notices import words
from agent.views import (
    Capability,
    EchoReport,
    LinkState,
    LinkView,
    Notice,
    NoticeCode,
    SelfTestReport,
    Status,
    SyncResult,
    translator,
)
from agent.wording import kind_name, outcome_name, product_name
from tui.figures import plain

_ = translator(Path(__file__).parent)

LINK_NOTICES = {
    LinkState.PORT_LOST: {NoticeCode.PORT_LOST},
    LinkState.REFUSED: {
        NoticeCode.WRONG_TERMINAL,
        NoticeCode.WRONG_NATURE,
        NoticeCode.WRONG_KEY,
        NoticeCode.KEY_REFUSED,
    },
    LinkState.UNPAIRED: {NoticeCode.NOT_PAIRED},
}
"""Notices that already say what a lost link means; beside one of them the screen adds no words of its own."""

PAIRING_NOTICES = {NoticeCode.NOT_PAIRED, NoticeCode.KEY_REFUSED, NoticeCode.WRONG_KEY}
"""What a pairing mends: these open its dialog."""


def kind(code: str) -> str:
    return plain(kind_name(code))


def product(code: str) -> str:
    return plain(product_name(code))


def outcome(code: str, voided: bool = False) -> str:
    return plain(outcome_name(code, voided=voided))


def weekday(day: int) -> str:
    """0 is Monday."""
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))[day]


def link(state: LinkState) -> str:
    return {
        LinkState.UP: _("Connected"),
        LinkState.CONNECTING: _("Connecting"),
        LinkState.PORT_LOST: _("Port lost"),
        LinkState.REFUSED: _("Refused"),
        LinkState.UNPAIRED: _("Not paired"),
        LinkState.OFF: _("Not recording"),
    }[state]


def link_trouble(view: LinkView) -> tuple[str, str] | None:
    """What happened to the line and what to do, for a state in which nothing is recorded; None where the line works."""
    port = plain(view.port)
    return {
        LinkState.PORT_LOST: (
            _("The line to the terminal is cut: {port} is gone.").format(port=port),
            _("Check the cable and the terminal's power. The link comes back by itself, and nothing is lost."),
        ),
        LinkState.REFUSED: (
            _("The terminal on {port} is not the one that belongs to this journal.").format(port=port),
            _("Connect the terminal that was here before, or open another home for this one."),
        ),
        LinkState.UNPAIRED: (_("This home knows no terminal yet."), _pair_here()),
        LinkState.OFF: (
            _("Nothing is being recorded: no agent runs on this home."),
            _("Start it with: counterfoil serve."),
        ),
    }.get(view.state)


def tells_nothing(status: Status | None) -> bool:
    """True where the line has no words for what is done at the terminal itself: no figure of a day is whole then."""
    return status is not None and Capability.EVENTS not in status.link.speaks


def unsaid_at_all(*, short: bool = False) -> str:
    """short: one line of a small display."""
    if short:
        return _("It tells nothing itself: keep slips.")
    return _(
        "This terminal's line tells nothing of its own: what is done at the terminal is not counted here. Keep its slips."
    )


def notice(notice: Notice) -> tuple[str, str]:
    """The agent's own words for a notice: what happened, what to do."""
    what, todo = words(notice)  # with facts in them that came over the wire
    if notice.code is NoticeCode.WRONG_KEY:
        todo = _("If it was exchanged or reset: {pair} If not, ask the provider.").format(pair=_pair_here())
    elif notice.code in PAIRING_NOTICES:
        todo = _pair_here()
    return plain(what), plain(todo)


def _pair_here() -> str:
    return _("Pair them: Ctrl+K, or touch here.")


def answer(result: SyncResult | SelfTestReport | EchoReport) -> tuple[str, bool]:
    """What came of a question to the terminal, and whether it is good news."""
    match result:
        case SyncResult(received=0):
            return _("Nothing was missing."), True
        case SyncResult(received=received):
            return _("{count} new entries.").format(count=received), True
        case EchoReport(size=size, round_trip_us=us):
            took = f"{us // 1000}.{us % 1000 // 100}"
            return _("{size} bytes there and back in {ms} ms.").format(size=size, ms=took), True
        case SelfTestReport(items=items):
            failed = [
                plain(f"{item.name}: {item.detail}" if item.detail else item.name) for item in items if not item.passed
            ]
            if failed:
                return "\n".join([_("The self-test found:"), *failed]), False
            return _("Self-test passed ({count} tests).").format(count=len(items)), True
