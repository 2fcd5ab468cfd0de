"""The words of a notice, in the language in force: what happened, and what to do."""

from __future__ import annotations

from agent.language import _
from agent.views import Notice, NoticeCode


def words(notice: Notice) -> tuple[str, str]:  # noqa: PLR0911, PLR0912  a table of words, with their placeholders
    """One sentence of what happened, one of what to do."""
    facts = notice.facts
    match notice.code:
        case NoticeCode.PORT_LOST:
            return (
                _("The line to the terminal is lost."),
                _("Check the cable; the agent goes on by itself as soon as it is back."),
            )
        case NoticeCode.TERMINAL_SILENT:
            return _("The terminal does not answer."), _("See that it is on and its counterfoil application runs.")
        case NoticeCode.LINE_SETTINGS:
            return (
                _("Only garbage comes off the line."),
                _("Check the baud rate, the parity and the cable."),
            )
        case NoticeCode.WRONG_TERMINAL:
            return (
                _("Another terminal answers: {terminal} instead of {ours}.").format(
                    terminal=facts.get("terminal", "?"), ours=facts.get("ours", "?")
                ),
                _("Connect the right one, or make a home of its own for this one."),
            )
        case NoticeCode.WRONG_NATURE:
            return (
                _("A simulated terminal and a real home (or the reverse) do not go together."),
                _("Connect the terminal that this home was made for."),
            )
        case NoticeCode.WRONG_SECRET:
            return (
                _("The terminal answers with another secret."),
                _("See that both ends hold the same secret file."),
            )
        case NoticeCode.HEAD_MISMATCH:
            return (
                _(
                    "The journal is not the one that was signed before: {verdict} against the head kept in {source}."
                ).format(
                    verdict=_VERDICTS[facts["verdict"]]() if facts.get("verdict") in _VERDICTS else "?",
                    source=facts.get("source", "?"),
                ),
                _("Keep both, and look where with: counterfoil journal verify"),
            )
        case NoticeCode.LOG_ROLLED_BACK:
            return (
                _("The terminal's log was put back or contradicts itself; both versions are recorded."),
                _("Ask the provider in writing what was done to the terminal."),
            )
        case NoticeCode.LOG_REPLACED:
            return (
                _("The terminal came back with an empty log: reset, repaired or exchanged."),
                _("Note who did it and when; the old events stay in the journal."),
            )
        case NoticeCode.EVENTS_LOST:
            return (
                _("The terminal no longer has its events {first} to {last}.").format(
                    first=facts.get("first", "?"), last=facts.get("last", "?")
                ),
                _("Keep the slips of that time; the gap is signed in the journal."),
            )
        case NoticeCode.EVENT_UNREADABLE:
            return (
                _("An event of the terminal could not be read; its fingerprint is recorded."),
                _("Keep the slip of that time, and update counterfoil."),
            )
        case NoticeCode.SECURITY:
            return (
                _("Somebody else spoke on the line, {count} times in a minute.").format(count=facts.get("count", "?")),
                _("Look at the cable and at who can reach it."),
            )
        case NoticeCode.DEVICE_FAULT:
            return (
                _("The terminal reports: {kind} {code}.").format(
                    kind=facts.get("kind", "?"), code=facts.get("code", "")
                ),
                _("Note the time; the event is in the journal."),
            )
        case NoticeCode.RECORDING_STOPPED:
            return facts.get("what", ""), facts.get("todo", "")


_VERDICTS = {
    "cut": lambda: _("entries are missing at its end"),
    "forked": lambda: _("its history was written anew"),
    "bad_signature": lambda: _("another key signed it"),
}
