"""What is shown of the line: its state, what needs a person, and since when nobody has answered."""

from __future__ import annotations

from agent.views import LinkState, Notice, NoticeCode
from protocol.events import KeyRefused, LineSuspected, SecurityKind, SecurityNotice
from protocol.messages import TerminalHello

SILENT_MS = 5_000
"""How long nobody may answer on an open port before a person is told."""
REFUSED_RETRY_MS = 30_000
"""How long a terminal that is not ours is left in peace."""

_ENDED_BY_A_SESSION = (
    NoticeCode.TERMINAL_SILENT,
    NoticeCode.LINE_SETTINGS,
    NoticeCode.WRONG_TERMINAL,
    NoticeCode.WRONG_NATURE,
    NoticeCode.WRONG_KEY,
    NoticeCode.KEY_REFUSED,
    NoticeCode.NOT_PAIRED,
    NoticeCode.NOT_UNDERSTOOD,
)


def stranger(hello: TerminalHello | None, terminal: str, *, simulated: bool) -> NoticeCode | None:
    """Why whoever answers is not the terminal of this home; None where it is, or the dialect says nothing of it."""
    if hello is None:
        return None
    if hello.terminal != terminal:
        return NoticeCode.WRONG_TERMINAL
    return None if hello.simulated is simulated else NoticeCode.WRONG_NATURE


class LineState:
    """now: ms that never go back; wall: ms UTC."""

    def __init__(self) -> None:
        self.state = LinkState.CONNECTING
        self.has_port = False
        self.retry_due: int | None = None
        """When a terminal that was refused is tried again."""
        self._silent_due: int | None = None
        self._notices: dict[NoticeCode, Notice] = {}

    @property
    def notices(self) -> tuple[Notice, ...]:
        return tuple(self._notices.values())

    @property
    def due(self) -> list[int | None]:
        return [self._silent_due, self.retry_due]

    def tell(self, code: NoticeCode, wall: int, **facts: str) -> None:
        """A notice; the same one twice is one, since its first time."""
        if code not in self._notices or self._notices[code].facts != facts:
            self._notices[code] = Notice(code, wall, facts)

    def trouble(self, event: LineSuspected | KeyRefused | SecurityNotice, wall: int) -> None:
        """What the line suffers from; while a session stands, what anybody can say into it is not believed."""
        match event:
            case LineSuspected():
                self.tell(NoticeCode.LINE_SETTINGS, wall)
            case KeyRefused() if self.state is not LinkState.UP:
                self._answered_so(NoticeCode.KEY_REFUSED, wall)
            case SecurityNotice(SecurityKind.WRONG_KEY) if self.state is not LinkState.UP:
                self._answered_so(NoticeCode.WRONG_KEY, wall)

    def _answered_so(self, code: NoticeCode, wall: int) -> None:
        """Somebody does answer, and that is what is wrong: it is not silence."""
        self._silent_due = None
        self.clear(NoticeCode.TERMINAL_SILENT)
        self.tell(code, wall)

    def clear(self, code: NoticeCode) -> None:
        self._notices.pop(code, None)

    def lost(self, wall: int, reason: str) -> None:
        """The port is gone."""
        self.has_port, self.state = False, LinkState.PORT_LOST
        self._silent_due = self.retry_due = None
        self.tell(NoticeCode.PORT_LOST, wall, reason=reason)

    def opened(self) -> None:
        """The port is there."""
        self.has_port = True
        self.clear(NoticeCode.PORT_LOST)

    def seeking(self, now: int, wall: int, *, unpaired: bool) -> None:
        """Somebody shall answer; or, unpaired, nobody can."""
        self.retry_due = None
        if unpaired:
            self.state, self._silent_due = LinkState.UNPAIRED, None
            self.tell(NoticeCode.NOT_PAIRED, wall)
        else:
            self.state, self._silent_due = LinkState.CONNECTING, now + SILENT_MS
            self.clear(NoticeCode.NOT_PAIRED)

    def key_changed(self) -> None:
        """Another key is pinned, or none: what was said of the former one is over."""
        for code in (NoticeCode.WRONG_KEY, NoticeCode.KEY_REFUSED, NoticeCode.NOT_PAIRED):
            self.clear(code)

    def up(self) -> None:
        """A session with our terminal."""
        self.state = LinkState.UP
        self._silent_due = self.retry_due = None
        for code in _ENDED_BY_A_SESSION:
            self.clear(code)

    def ended(self, now: int) -> None:
        """The session is over; another is sought."""
        if self.state is LinkState.UP:
            self.state, self._silent_due = LinkState.CONNECTING, now + SILENT_MS

    def refused(self, code: NoticeCode, now: int, wall: int, **facts: str) -> None:
        """Whoever answers is not our terminal."""
        self.state, self.retry_due = LinkState.REFUSED, now + REFUSED_RETRY_MS
        self.tell(code, wall, **facts)

    def by_the_clock(self, now: int, wall: int) -> None:
        if self._silent_due is not None and self._silent_due <= now:
            self._silent_due = None
            self.tell(NoticeCode.TERMINAL_SILENT, wall)
