"""The register's half of a scenario, carried out in its order by a real agent on a real port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from agent.demo import record
from agent.demo.checks import Check
from agent.demo.moments import Moments
from agent.demo.ordering import Ordering, Undone, Waits
from agent.demo.register import Program, await_link
from agent.demo.simulation import Simulation
from agent.demo.stage import Stage
from agent.demo.story import Entry, Story
from agent.desk_socket import SocketDesk
from agent.errors import CounterfoilError, LinkError
from agent.home import Home
from agent.journal import engine
from agent.journal.keys import PassphraseSources
from agent.language import _
from agent.opening import make_home
from agent.orders import MoneyState
from agent.pairing_steps import await_number
from agent.people.people_types import Credential
from protocol.money import Money

DECIDES = "02"
"""Who decides, where the scenario names nobody."""
MORE_S = 5
"""How long after the simulator has given up its own the register's waits end."""


class Deeds:
    """Carries out one story. checks: one for each deed, in order. pause_s: between two deeds, for whoever looks on."""

    def __init__(
        self, story: Story, stage: Stage, program: Program, simulation: Simulation, *, pause_s: int = 0
    ) -> None:
        home = program.home
        self._story, self._home, self._stage = story, home, stage
        self._program, self._simulation = program, simulation
        self._moments = Moments(story, stage, program, simulation)
        self._pause_s = pause_s
        self._turns = 0
        self._holding: list[threading.Thread] = []
        self._waits = Waits(simulation)
        self.given_up = self._waits.given_up
        """Set by whoever wants no more of it."""
        self._money = Ordering(story, program, simulation, self._moments, self._waits)
        self.checks: list[Check] = []
        self.ordered = self._money.ordered
        self._does: Mapping[str, Callable[[Entry], str]] = {
            **dict.fromkeys(("sale", "refund", "void"), self._money.ask),
            "again": self._money.again,
            "settle": lambda entry: self._asks(entry, program.desk.settle),
            "deposit_return": lambda entry: self._asks(entry, lambda: self._apply(entry)),
            "sync": lambda entry: self._asks(entry, program.desk.sync),
            "wait": self._wait,
            "stop": self._ends(program.stop),
            "start": self._start,
            "kill": self._ends(program.kill),
            "stall": self._stall,
            "second": self._second,
            "lock_journal": self._lock,
            "fill_disk": self._always(program.fill_disk),
            "free_disk": self._always(program.free_disk),
            "copy_journal": self._always(lambda: record.copy(home, stage.folder / "copy")),
            "roll_back_journal": self._roll_back,
            "edit_row": self._always(lambda: record.edit_row(home)),
            "pair": self._pair,
            "abandon": self._money.abandon,
            "park": self._park,
            "resolve": self._resolve,
            "accept_log": self._accept_log,
        }

    @property
    def _desk(self) -> SocketDesk:
        return self._program.desk

    def play(self) -> None:
        """Every deed, up to the first that cannot be done; once."""
        if self._waits.until:
            return
        self._waits.until = time.monotonic() + self._story.ends_after_ms / 1000 + MORE_S
        for place, entry in enumerate(self._story.entries, 1):
            name = _("register, {place}: {deed} ({label})").format(place=place, deed=entry.do, label=entry.label)
            try:
                self._come_to(entry)
                found = self._do(entry)
            except (Undone, CounterfoilError, engine.Error, OSError) as error:
                self.checks.append(Check(name, False, _("done"), str(error)))
                break
            self.checks.append(Check(name, True, _("done"), found))
            self.given_up.wait(self._pause_s)
        for holding in self._holding:
            holding.join()
        self._money.close()

    # -- when ----------------------------------------------------------------------------------------------------------

    def _come_to(self, entry: Entry) -> None:
        """Its turn, and its `when`."""
        if entry.turn:
            self._turns += 1
            self._waits.await_so(
                lambda: self._simulation.turns >= self._turns, _("the terminal's calendar does not come so far")
            )
        if entry.when and not self._moments.await_one(entry.when, self._waits.until):
            raise Undone(_("it never was so: {when}").format(when=entry.when))

    def _do(self, entry: Entry) -> str:
        try:
            return self._does[entry.do](entry)
        finally:
            if entry.when.startswith("intent"):
                with suppress(CounterfoilError):
                    self._simulation.do("clear_faults", name="mute")

    def _always(self, do: Callable[[], object]) -> Callable[[Entry], str]:
        def done(_entry: Entry) -> str:
            do()
            return _("done")

        return done

    # -- decisions -----------------------------------------------------------------------------------------------------

    def _park(self, entry: Entry) -> str:
        """As soon as it may be: two minutes after it became unknown."""
        while True:
            try:
                self._desk.park(self._story.reference(entry.of), Credential(DECIDES, ""), self._reason(entry))
                return _("done")
            except LinkError as error:
                if self._waits.over:
                    raise Undone(error.what) from None
            time.sleep(0.5)

    def _resolve(self, entry: Entry) -> str:
        state = MoneyState(entry.values["state"])
        self._desk.resolve(self._story.reference(entry.of), state, Credential(DECIDES, ""), self._reason(entry))
        return state.value

    def _accept_log(self, entry: Entry) -> str:
        self._desk.accept_rollback(Credential(DECIDES, ""), self._reason(entry))
        return _("done")

    def _reason(self, entry: Entry) -> str:
        return str(entry.values.get("reason", self._story.title))

    # -- the program and its record ------------------------------------------------------------------------------------

    def _ends(self, end: Callable[[], None]) -> Callable[[Entry], str]:
        def done(_entry: Entry) -> str:
            if not self._program.runs:
                raise Undone(_("no agent runs"))
            end()
            return _("done")

        return done

    def _start(self, _entry: Entry) -> str:
        if self._program.runs:
            raise Undone(_("the agent runs already"))
        code = self._program.start()
        refused = ""
        if code == 1:  # the record is not the one whose head the home remembers: a person decides to go on
            refused = " ".join(self._program.said)
            code = self._program.start(accept_loss=True)
        if code is not None:
            raise Undone(" ".join(self._program.said))
        return _("with --accept-loss, after: {refusal}").format(refusal=refused) if refused else _("done")

    def _stall(self, entry: Entry) -> str:
        self._program.stall(int(entry.values["ms"]))
        return _("done")

    def _second(self, _entry: Entry) -> str:
        """Another home for the same port; its agent must not come to work."""
        other = Home(self._stage.folder / "second")
        if not other.exists:
            make_home(other, self._home.settings(), PassphraseSources(), self._story.begins)
        second, before = Program(other), self._desk.status().link.sessions
        try:
            code = second.start()
        finally:
            second.stop()
        said = " ".join(second.said)
        if code != 3 or self._desk.status().link.sessions != before:
            raise Undone(_("it was not refused: {said}").format(said=said))
        return said

    def _lock(self, entry: Entry) -> str:
        try:
            self._holding.append(record.lock(self._home, int(entry.values["ms"])))
        except engine.Error as error:
            if not (engine.is_held(error) and engine.has_wal_reset_bug()):
                raise
            return _("the agent holds it alone")  # with such an SQLite nobody else may open it
        return _("done")

    def _roll_back(self, _entry: Entry) -> str:
        if self._program.runs:
            raise Undone(_("stop the agent first"))
        record.roll_back(self._home, self._stage.folder / "copy")
        return _("done")

    def _pair(self, _entry: Entry) -> str:
        view = await_number(self._desk)
        self._desk.confirm_pairing(view.number or "", view.changed)
        return _("done")

    def _wait(self, entry: Entry) -> str:
        self.given_up.wait(int(entry.values.get("ms", 0)) / 1000)
        return _("done")

    # -- what the terminal is asked besides ----------------------------------------------------------------------------

    def _asks(self, entry: Entry, ask: Callable[[], object]) -> str:
        if entry.reaches and not await_link(self._program, self._simulation, self._waits.until):
            raise Undone(_("no session stands with a register that has nothing under way"))
        try:
            told = ask()
        except LinkError as error:
            if entry.reaches:
                raise
            return error.what
        return msgspec.json.encode(told).decode()

    def _apply(self, entry: Entry) -> object:
        amount = Money(int(entry.values["amount_minor"]), self._story.currency)
        words = str(entry.values.get("application", self._story.title))
        return self._desk.apply_for_deposit(self._story.reference(entry.label), amount, words)
