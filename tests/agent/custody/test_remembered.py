"""The heads that a home remembers, by every desk: in the agent's process, over its socket, and where no agent runs."""

from __future__ import annotations

from agent.desk_socket import SocketDesk
from agent.home import Home
from agent.home_desk import HomeDesk
from agent.journal import heads
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.reader import open_reader
from agent.opening import agent_at_work
from agent.views import RememberedHead
from tests.conftest import Simulator, until


def test_every_desk_says_what_is_remembered_and_how_the_journal_stands_to_it(recorded: tuple[Home, Simulator]) -> None:
    home, _terminal = recorded
    reader = open_reader(home.journal, verifying_key(home.path))
    note, size = reader.head.note, reader.head.size
    reader.close()
    origin, _size, root = note.split()[:3]

    with agent_at_work(home, home.settings(), PassphraseSources()) as owner:
        heads.remember(home.path, note, "terminal")
        heads.remember(home.path, f"{origin}\n{size}\n{root}\n", "copied")
        heads.remember(home.path, note.replace(origin, "counterfoil/another/1"), "foreign")
        for desk in (owner, SocketDesk(home.socket)):
            found = {each.source: each for each in desk.remembered_heads()}
            grown = desk.status().head.size
            assert found["terminal"] == RememberedHead("terminal", size, "same" if grown == size else "extends", True)
            assert found["copied"] == RememberedHead("copied", None, "bad_signature", False), "nobody signed it"
            assert found["foreign"] == RememberedHead("foreign", size, "foreign", False)
            assert found["local"].fits and sorted(found) == ["copied", "foreign", "local", "terminal"]
        last = until(lambda: heads.remembered(home.path)["local"] == owner.status().head.note and owner.status().head)

    alone = HomeDesk(home, home.settings())
    try:
        found = {each.source: each for each in alone.remembered_heads()}
    finally:
        alone.close()
    assert found["local"] == RememberedHead("local", last.size, "same", True)
    assert found["copied"].fits is False
