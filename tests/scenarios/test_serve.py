"""What `counterfoil serve` says on stderr: what is recorded and what is not, and each thing once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from agent.desk_socket import SocketDesk
from agent.home import Home
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.keys import PassphraseSources
from agent.journal.kinds import SecuritySeen
from agent.journal.store import Journal
from agent.opening import make_home
from agent.settings import Settings
from tests.conftest import Agent, Simulator, run_counterfoil, until


def test_a_line_without_events_is_not_said_to_be_recorded(
    simulator: Callable[..., Simulator], agent: Callable[..., Agent], tmp_path: Path
) -> None:
    terminal = simulator("--dialect", "telium", paired=False)
    home = Home(tmp_path / "H")
    line = Settings(
        terminal=terminal.terminal, simulated=True, port=str(terminal.link), dialect="telium", line_format="8N1"
    )
    make_home(home, line, PassphraseSources(), 1)
    worker = agent(home).await_session()
    status = run_counterfoil("--home", str(home.path), "terminal", "status")
    assert "what is done at the terminal itself is not recorded here" in status.stdout
    said = worker.stop()
    assert "tells nothing of its own: what is done at it is not recorded" in said
    assert "everything is recorded" not in said


def test_a_thing_is_said_once_and_a_state_whenever_it_comes(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent]
) -> None:
    terminal = simulator("--seed", "5", "--transactions", "2", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    signer = keys.unlock(home.path, PassphraseSources())
    journal = Journal.open(home.journal, signer)
    journal.append(
        [to_draft(SecuritySeen(what="bad_tag", count=7, sha256=bytes(32), minute=0), signer.token_hmac)],
        1_772_380_800_000,
    )
    journal.close()
    worker = agent(home).await_session()
    heard: list[str] = []

    def hear() -> None:
        for line in worker.process.stderr:
            heard.append(line)

    def hears(words: str, times: int) -> None:
        until(lambda: "".join(heard).count(words) == times)

    hearing = threading.Thread(target=hear, daemon=True)
    hearing.start()
    for pull in (1, 2):  # the next state comes when this one was said
        hears("everything is recorded as it happens", pull)
        terminal.kill()
        hears("The line to the terminal is lost; it is tried again", pull)
        terminal.start()
    hears("everything is recorded as it happens", 3)
    until(lambda: SocketDesk(home.socket).today("2026-03-02").events == 4)
    worker.process.terminate()
    hearing.join(timeout=30)
    assert not hearing.is_alive(), "it does not end"
    said = "".join(heard)
    assert said.count("Somebody else spoke on the line, 7 times") == 1, said
    assert "No transaction" not in said
