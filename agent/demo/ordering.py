"""Money at the register in a scenario: orders given over the home's socket, as a register's screen does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.demo.moments import LOOKS_EVERY_S, Moments
from agent.demo.register import Program, await_link
from agent.demo.simulation import Simulation
from agent.demo.story import Entry, Story
from agent.errors import CounterfoilError, LinkError
from agent.language import _
from agent.orders import MoneyOrder
from agent.views import MoneyView
from protocol.money import Money

OPERATOR = "01"
"""Who is at the register, where the scenario names nobody."""
SLICE_MS = 200
"""Of a request that its operator leaves on the way: how soon he is seen to be gone."""
PATIENCE_MS = 60_000


class Undone(Exception):
    """A deed that could not be done, and why."""


class Waits:
    """Ends every wait of the register's: when its time is over, when the simulator has ended, or nobody wants more of it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.until = 0.0
        """Monotonic s."""
        self.given_up = threading.Event()

    @property
    def over(self) -> bool:
        return self.given_up.is_set() or time.monotonic() > self.until or not self._simulation.runs

    @property
    def left_ms(self) -> int:
        return max(0, int((self.until - time.monotonic()) * 1000))

    def await_so(self, so: Callable[[], bool], otherwise: str) -> None:
        """Raises Undone with `otherwise`."""
        while not so():
            if self.over:
                raise Undone(otherwise)
            time.sleep(LOOKS_EVERY_S)


@dataclass(slots=True)
class Ordered:
    """A money request at the register. told: what the operator saw, each time; refusals: why it was not sent."""

    order: MoneyOrder
    thread: threading.Thread | None = None
    told: list[MoneyView] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)


class Ordering:
    """ordered: label -> what was asked, and what its operator saw."""

    def __init__(self, story: Story, program: Program, simulation: Simulation, moments: Moments, waits: Waits) -> None:
        self._story, self._program, self._simulation = story, program, simulation
        self._moments, self._waits = moments, waits
        self.ordered: dict[str, Ordered] = {}

    def _order(self, entry: Entry) -> MoneyOrder:
        amount = entry.values.get("amount_minor")
        original = self.ordered.get(entry.of)
        assert entry.action is not None
        if entry.do == "refund" and amount is None and original is not None and original.order.amount is not None:
            amount = original.order.amount.minor
        return MoneyOrder(
            reference=self._story.reference(entry.label),
            action=entry.action,
            amount=None if amount is None else Money(amount, self._story.currency),
            original_reference=self._story.reference(entry.of) if entry.of else None,
            original_trace=None if original is None or not original.told else original.told[-1].trace,
            operator=str(entry.values.get("operator", OPERATOR)),
            patience_ms=int(entry.values.get("patience_ms", PATIENCE_MS)),
        )

    def ask(self, entry: Entry) -> str:
        if entry.reaches and not await_link(self._program, self._simulation, self._waits.until):
            raise Undone(_("no session stands with a register that has nothing under way"))
        one = self.ordered[entry.label] = Ordered(self._order(entry))
        self._moments.last = entry.label
        if self._is_awaited("intent", entry.label):
            # From here on nothing of the register's arrives: what is done at the intent is done before anything was sent.
            self._simulation.do("fault", name="mute", to="terminal")
        return self._ask(one, entry, leaves=self._leaves(entry.label))

    def again(self, entry: Entry) -> str:
        one = self.ordered.get(entry.of)
        if one is None:
            raise Undone(_("{label} was never asked").format(label=entry.of))
        one.left.clear()
        return self._ask(one, entry, leaves=False)

    def _ask(self, one: Ordered, entry: Entry, *, leaves: bool) -> str:
        """In a thread of its own, as a register's screen does; the next deed comes when it has ended, if it waits at all."""
        asking = threading.Thread(target=self._converse, args=(one, leaves), daemon=True)
        one.thread = asking
        before = len(one.told) + len(one.refusals)
        asking.start()
        if entry.values.get("wait", True):
            unknown = f"unknown:{entry.of or entry.label}"
            may_stay_so = entry.outcome == "unknown"
            self._waits.await_so(
                lambda: not asking.is_alive() or (may_stay_so and self._moments.is_so(unknown)),
                _("the register still waits for its outcome"),
            )
            if entry.reaches and len(one.refusals) and entry.outcome not in (None, "refused"):
                raise Undone(one.refusals[-1])
        if len(one.told) + len(one.refusals) == before:
            return _("under way")
        return one.told[-1].state if one.told else one.refusals[-1]

    def _converse(self, one: Ordered, leaves: bool) -> None:
        while not one.left.is_set():
            left_ms = self._waits.left_ms
            try:
                view = self._program.desk.money(one.order, min(left_ms, SLICE_MS) if leaves else left_ms)
            except LinkError as error:
                one.refusals.append(error.what)
                return
            except CounterfoilError:  # the program was killed under the operator's hands
                return
            if view.state != "unknown" or left_ms <= 0:
                one.told.append(view)
                return

    def _is_awaited(self, moment: str, label: str) -> bool:
        """A later deed is done at that moment of this request."""
        entries = self._story.entries
        place = next(n for n, entry in enumerate(entries) if entry.label == label)
        for entry in entries[place + 1 :]:
            name, _colon, whose = entry.when.partition(":")
            if name == moment and whose in {"", label}:
                return True
            if entry.action is not None:
                break
        return False

    def _leaves(self, label: str) -> bool:
        return any(entry.do == "abandon" and entry.of == label for entry in self._story.entries)

    def abandon(self, entry: Entry) -> str:
        one = self.ordered[entry.of]
        one.left.set()
        if one.thread is not None:
            one.thread.join(SLICE_MS / 1000 + 1)
        return _("done")

    def close(self) -> None:
        """Nobody waits any longer."""
        for one in self.ordered.values():
            one.left.set()
