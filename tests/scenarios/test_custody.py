"""The record as a whole, by the command line and beside a running agent: backup, restore, rotate-key, erase."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.desk_socket import SocketDesk
from agent.home import Home
from agent.journal import heads
from agent.journal.checkpoint import VerifyingKey
from agent.journal.entries import Entry
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.journal.verify import verify_path
from agent.views import LinkState, NoticeCode
from tests.conftest import Agent, Simulator, entries_of, refused, run_counterfoil, until

StartAgent = Callable[..., Agent]
Recorded = tuple[Home, Simulator]


def run(home: Home, *arguments: str) -> Any:
    """What the command answers with --json."""
    result = run_counterfoil("--home", str(home.path), "--lang", "en", "journal", *arguments, "--json")
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def events(entries: list[Entry]) -> list[int]:
    """Numbers of the terminal's events, in the order of the record."""
    found = [e.body["event"]["number"] for e in entries if "number" in e.body.get("event", {})]
    assert not [e for e in entries if e.kind in {"event.gap", "event.contradicted", "head.mismatch"}]
    return found


def verifies(home: Home, key: VerifyingKey | None = None) -> None:
    report = verify_path(home.journal, own=True, key=key, heads=heads.remembered(home.path), strict=True)
    assert report.ok, report.findings


def test_the_key_is_changed_twice_while_events_flow(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: StartAgent
) -> None:
    terminal = simulator("--seed", "31", "--transactions", "150", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    keys = [verifying_key(home.path)]
    worker = agent(home).await_session()
    desk = SocketDesk(home.socket)
    changed = []
    for operator in ("李", "王"):
        done = run(home, "rotate-key", "--operator", operator, "--reason", "试")
        assert (done["simulated"], done["old_vkey"]) == (True, str(keys[-1]))
        keys.append(VerifyingKey.parse(done["new_vkey"]))
        changed.append(done["size"] - 1)
        assert verifying_key(home.path) == keys[-1]
        verifies(home)  # beside the agent, which goes on
    until(lambda: terminal.closed_days())
    last = max(until(lambda: events(entries_of(home))), default=0)
    until(lambda: (found := max(events(entries_of(home)))) > 150 and found >= last)
    said = run_counterfoil("--home", str(home.path), "journal", "rotate-key")
    assert said.returncode == 0 and "DEMO" in said.stderr and len(said.stdout.splitlines()) == 1, said
    keys.append(verifying_key(home.path))
    assert desk.status().link.state is LinkState.UP
    assert NoticeCode.HEAD_MISMATCH not in {notice.code for notice in desk.status().notices}
    worker.stop()
    assert worker.process is not None and worker.process.returncode == 0

    entries = entries_of(home)
    numbers = events(entries)
    assert numbers == list(range(1, len(numbers) + 1))
    rotations = [e for e in entries if e.kind == "key.rotated"]
    assert [e.seq for e in rotations[:2]] == changed and len(rotations) == 3
    assert [e.body["operator"] for e in rotations[:2]] == ["李", "王"]
    assert all("reason" not in e.body for e in rotations) and rotations[0].private == {"reason": "试"}
    for before, after, entry in zip(keys[:-1], keys[1:], rotations, strict=True):
        named = {"old_vkey": str(before), "new_vkey": str(after)}
        assert entry.body | named == entry.body
    for key in keys:
        verifies(home, key)
    assert not list(home.keys.glob("*.next"))
    agent(home).await_session().stop()
    verifies(home)


def test_an_agent_killed_after_a_rotation_signs_with_the_new_key(recorded: Recorded, agent: StartAgent) -> None:
    home, terminal = recorded
    worker = agent(home).await_session()
    done = run(home, "rotate-key")
    worker.kill()
    until(lambda: (home.path / "agent.sock").exists())
    verifies(home)
    terminal.kill()
    terminal.start()
    size = entries_of(home)[-1].seq
    worker = agent(home).await_session()
    until(lambda: entries_of(home)[-1].seq > size)
    worker.stop()
    with closing(open_reader(home.journal, verifying_key(home.path))) as reader:
        assert reader.head.vkey == done["new_vkey"]
    verifies(home)


def test_a_name_is_erased_beside_a_running_agent(recorded: Recorded, agent: StartAgent) -> None:
    home, _terminal = recorded
    seq, name = next((e.seq, n) for e in entries_of(home) for f, n in e.private.items() if f == "merchant_name")
    named = [e.seq for e in entries_of(home) if name in e.private.values()]
    worker = agent(home).await_session()
    desk = SocketDesk(home.socket)
    done = run(home, "erase", str(seq), "--field", "merchant_name", "--operator", "王", "--reason", "客户要求")
    assert done["simulated"] is True and done["seq"] > seq
    (entry,) = [e for e in entries_of(home) if e.kind == "private.erased"]
    assert (entry.seq, entry.body["count"], entry.body["first"]) == (done["seq"], 1, seq)
    again = ("--home", str(home.path), "--lang", "en", "journal", "erase", str(seq), "--reason", "x", "--yes")
    refused(run_counterfoil(*again), 1, "Nothing stands beside")
    assert run_counterfoil(*again[:-3]).returncode == 2  # without a reason
    run(home, "erase", "0", str(max(named)), "--field", "merchant_name", "--reason", "客户要求", "--yes")
    files = [home.journal, home.path / "journal.db-wal"]
    assert name.encode() not in b"".join(file.read_bytes() for file in files)
    rows = until(lambda: (page := desk.transactions("2026-03-02")).total and page)
    assert rows.total > 5
    assert all(name not in str(desk.transaction(row.reference)) for row in rows.rows)
    shown = run_counterfoil("--home", str(home.path), "journal", "show", str(seq), "--json")
    assert json.loads(shown.stdout)["private"] == {}
    verifies(home)
    worker.stop()
    said = run_counterfoil("--home", str(home.path), "--lang", "en", "journal", "verify", "--views")
    assert said.returncode == 0, said
    assert name.encode() not in home.views.read_bytes()


def test_a_computer_dies_and_its_backup_goes_on_elsewhere(
    recorded: Recorded, agent: StartAgent, tmp_path: Path
) -> None:
    """The backup is made beside the running agent; what the terminal still has is fetched again, each event once."""
    home, terminal = recorded
    worker = agent(home).await_session()
    stick = tmp_path / "stick"
    stick.mkdir()
    made = run(home, "backup", str(stick))
    copy = Path(made["path"])
    assert copy.parent == stick and sorted(p.suffix for p in stick.iterdir()) == [".db", ".note", ".vkey"]
    refused(run_counterfoil("--home", str(home.path), "journal", "backup", str(copy)), 3)
    assert run(home, "verify", str(copy))["ok"] is True
    size = entries_of(home)[-1].seq
    terminal.kill()
    terminal.start()  # it says that it booted
    until(lambda: entries_of(home)[-1].seq > size)
    refused(run_counterfoil("--home", str(home.path), "journal", "restore", str(copy)), 3, "owns")
    worker.stop()
    before, old = entries_of(home), verifying_key(home.path)
    signed = heads.remembered(home.path)["local"]

    done = run(home, "restore", str(copy), "--operator", "李", "--reason", "硬盘坏了")
    assert (done["simulated"], done["entries"], done["lost"]) == (True, made["size"], len(before) - made["size"])
    assert (done["size"], done["origin"]) == (made["size"] + 1, verifying_key(home.path).name)
    aside = Path(done["aside"])
    assert run(home, "verify", str(aside / "journal.db"))["size"] == len(before)
    (restored,) = [e for e in entries_of(home) if e.kind == "journal.restored"]
    assert restored.body["highest_head"] == signed and restored.body["old_vkey"] == str(old)

    worker = agent(home).await_session()
    desk = SocketDesk(home.socket)
    until(lambda: max(events(entries_of(home))) >= max(events(before)))
    assert {notice.code for notice in desk.status().notices}.isdisjoint({NoticeCode.HEAD_MISMATCH})
    worker.stop()
    after = entries_of(home)
    assert set(Counter(events(after)).values()) == {1} and sorted(events(after)) == sorted(events(before))
    assert after[: made["size"]] == before[: made["size"]]
    verifies(home)
    verifies(home, old)  # the old key was at hand, and vouched
    told = run_counterfoil(
        "--home", str(home.path), "--lang", "en", "journal", "verify", "--head", made["path"] + ".note"
    )
    assert told.returncode == 0, told


def test_a_restore_on_a_new_computer_is_paired_anew(recorded: Recorded, tmp_path: Path) -> None:
    home, terminal = recorded
    made = run(home, "backup", str(tmp_path / "copy.db"))
    new = Home(tmp_path / "new")
    said = run_counterfoil(
        *("--home", str(new.path), "--lang", "en", "journal", "restore", made["path"]),
        *("--port", str(terminal.link), "--no-passphrase"),
    )
    assert said.returncode == 0 and str(made["size"]) in said.stdout and "Key:" in said.stderr, said
    assert new.settings().terminal == terminal.terminal and not new.terminal_key.exists()
    assert len(entries_of(new)) == made["size"] + 1
    listed = run_counterfoil("--home", str(new.path), "transactions", "list", "--json")
    assert listed.returncode == 0 and listed.stdout.count('"reference"') > 20
    verifies(new)
