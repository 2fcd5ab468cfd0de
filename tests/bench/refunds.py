"""Money back: from a person's confirmation to the request on the wire, and a start with a thousand refunds that nobody confirmed.

    python -m tests.bench.refunds [CASES]

The real agent, its threads, and the simulated terminal on a pty. A confirmation begins once the PIN is proved (scrypt is slow
on purpose); the rules, the signed confirmation and intent in one commit, the pump and the sealed frame are inside.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from unittest.mock import patch

from agent.desk import Desk
from agent.home import Home
from agent.journal import engine
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work, await_session, make_home
from agent.orders import new_reference
from agent.people.at_desk import PeopleAtDesk
from agent.port import Port
from agent.settings import Settings
from agent.views import AddOperator, Credential, Money, MoneyAction, MoneyOrder, RefundAsked, Role
from tests.conftest import Simulator, know, until

CASES = 1_000
TIMED = 200
ENTRY_BYTES = 1_200
"""Of a confirmation and its intent with their private values, leaves and checkpoint."""
CHIEF = Credential("01", "271828")


@contextmanager
def _told(marks: dict[str, float]) -> Iterator[None]:
    """When a PIN was proved last, and when the first bytes after it left."""
    prove, write = PeopleAtDesk.authenticate, Port.write

    def proved(self: PeopleAtDesk, given: Credential, *roles: Role) -> object:
        found = prove(self, given, *roles)
        marks.pop("left", None)
        marks["proved"] = perf_counter()
        return found

    def left(self: Port, data: bytes) -> None:
        write(self, data)
        marks.setdefault("left", perf_counter())

    with patch.object(PeopleAtDesk, "authenticate", proved), patch.object(Port, "write", left):
        yield


def _sold(desk: Desk) -> str:
    reference = new_reference(desk.status().now)
    assert desk.money(MoneyOrder(reference, MoneyAction.SALE, Money(36_800)), 20_000).state == "approved"
    until(lambda: desk.transactions(text=reference).total)
    return reference


def measure(cases: int = CASES) -> dict[str, float]:
    """Milliseconds and ratios; cases: how many refunds stand settled and unconfirmed at the second start."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "terminal").mkdir()
        terminal = Simulator(
            folder / "terminal", ("--seed", "7", "--transactions", "1", "--speed", "0", "--then", "stay")
        )
        terminal.pair_with_homes()
        terminal.start()
        try:
            home = Home(folder / "home")
            settings = Settings(terminal=terminal.terminal, simulated=True, port=str(terminal.link))
            make_home(home, settings, PassphraseSources(), 1_772_380_800_000)
            know(home, terminal)
            seconds, bare = _refund(home, settings, cases, folder / "bare.db")
            began = perf_counter()
            with agent_at_work(home, settings, PassphraseSources()) as desk:
                states = [view.state for view in desk.refunds()]
                boot = perf_counter() - began
        finally:
            terminal.stop()
    assert states == ["settled"] * cases
    us, base = median(seconds) * 1e6, median(bare) * 1e6
    return {
        "wire_us": us,
        "wire_p99_us": quantiles(seconds, n=100)[98] * 1e6,
        "bare_us": base,
        "ratio": us / base,
        "cases": cases,
        "boot_s": boot,
    }


def _refund(home: Home, settings: Settings, cases: int, bare_path: Path) -> tuple[list[float], list[float]]:
    bare = engine.connect_writer(bare_path, create=True)
    bare.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, body TEXT, leaf BLOB) STRICT")
    marks: dict[str, float] = {}
    seconds, commits = [], []
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        await_session(desk)
        desk.add_operator(AddOperator(CHIEF.operator, Role.MANAGER, CHIEF.pin))
        with _told(marks):
            for number in range(cases):
                sale = _sold(desk)
                asked = RefundAsked(new_reference(desk.status().now), sale, Money(100))
                assert not desk.refund_quote(asked).reasons  # as a person sees it first
                assert desk.refund(asked, (CHIEF,), 20_000).state == "succeeded"
                if number >= cases - TIMED:
                    seconds.append(marks["left"] - marks["proved"])
                    began = perf_counter()
                    bare.execute("BEGIN IMMEDIATE")
                    bare.execute("INSERT INTO entry VALUES (?, ?, ?)", (number, "x" * ENTRY_BYTES, bytes(32)))
                    bare.execute("COMMIT")
                    commits.append(perf_counter() - began)
        assert desk.settle().settled
        until(lambda: all(view.state == "settled" for view in desk.refunds()))
    bare.close()
    return seconds, commits


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)))
