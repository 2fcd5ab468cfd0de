"""Needs: what needs a person now, each with what happened and what to do; or that nothing does."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.content import Content

from agent.views import LinkState, translator
from tui import words
from tui.feed import View
from tui.layout import wrap
from tui.widgets.panel import Panel

_ = translator(Path(__file__).parent.parent)


def needs(view: View) -> list[tuple[str, str]]:
    """(what, todo), the most pressing first: the screen is not live, the line is cut, then the desk's notices."""
    found: list[tuple[str, str]] = []
    if view.trouble is not None:
        found.append((view.trouble.what, view.trouble.todo))
    if view.status is not None:
        notices = view.status.notices
        said = {notice.code for notice in notices} & words.LINK_NOTICES.get(view.status.link.state, set())
        cut = words.link_trouble(view.status.link)
        if cut is not None and not said:
            found.append(cut)
        found += [words.notice(notice) for notice in notices]
    return found


def pairing_helps(view: View) -> bool:
    """True where one of the needs is mended by a pairing."""
    status = view.status
    return status is not None and (
        status.link.state is LinkState.UNPAIRED
        or any(notice.code in words.PAIRING_NOTICES for notice in status.notices)
    )


class Needs(Panel):
    """A touch on it opens the pairing where that is what is needed."""

    async def on_click(self, event: events.Click) -> None:
        if pairing_helps(self.view):
            event.stop()
            await self.app.run_action("do('pair')", default_namespace=self.app)

    def lines(self, width: int) -> list[Content]:
        found = needs(self.view)
        self.set_class(bool(found), "alarm")
        mute = words.tells_nothing(self.view.status)
        if not found and not mute:
            calm = _("Nothing needs you now.") if self.view.status is not None else _("Reading the journal.")
            return [Content.styled(line, "$good") for line in wrap(calm, width)]
        lines: list[Content] = []
        for what, todo in found:
            for number, line in enumerate(wrap(what, width - 2)):
                lines.append(Content.styled(("! " if number == 0 else "  ") + line, "bold"))
            lines += [Content("  " + line) for line in wrap(todo, width - 2)]
        if mute:  # standing, and never instead of what needs a person
            standing = words.unsaid_at_all(short=self.narrow and bool(found))
            lines += [Content.styled(line, "bold $warn") for line in wrap(standing, width)]
        return lines
