"""Homes and a witness that was written by somebody who has not seen this client (tests/witness/witness.mjs)."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.desk_socket import SocketDesk
from agent.home import Home
from agent.journal import keys
from agent.journal.drafting import to_draft
from agent.journal.entries import Entry
from agent.journal.keys import PassphraseSources
from agent.journal.kinds import SecuritySeen
from agent.journal.store import Journal
from agent.language import choose_language
from agent.notices import words
from agent.opening import make_home, open_desk
from agent.settings import Settings
from agent.views import NoticeCode, WitnessOutcome
from tests.conftest import Agent, Simulator, entries_of, refused, run_counterfoil, until
from tests.witness.conftest import Witness

BEGAN = 1_772_380_800_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of practice with one entry, whose terminal nobody needs."""
    made = Home(tmp_path / "H")
    make_home(made, Settings(terminal="T1", simulated=True, port="/dev/null"), PassphraseSources(), BEGAN)
    return made


def vkey_of(home: Home) -> str:
    return (home.keys / "journal.vkey").read_text(encoding="utf-8").strip()


def grow(home: Home, count: int, what: str = "bad_tag") -> None:
    """Entries that a terminal's line might have made; which ones, `what` tells."""
    signer = keys.unlock(home.path, PassphraseSources())
    with closing(Journal.open(home.journal, signer)) as journal:
        for minute in range(count):
            fact = SecuritySeen(what=what, count=1, sha256=bytes(32), minute=minute)
            journal.append([to_draft(fact, signer.token_hmac)], BEGAN + minute)


def witness_command(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_counterfoil("--home", str(home.path), "journal", "witness", *arguments)


def push(home: Home, code: int) -> list[dict[str, Any]]:
    answered = witness_command(home, "push", "--json")
    assert answered.returncode == code, answered
    told: list[dict[str, Any]] = json.loads(answered.stdout)["witnesses"]
    return told


def add(home: Home, *witnesses: Witness) -> None:
    """Each knows the other from now on."""
    for each in witnesses:
        if vkey_of(home) not in each.logs:
            each.restart(logs=[*each.logs, vkey_of(home)])
        added = witness_command(home, "add", each.url, each.vkey)
        assert added.returncode == 0, added


def about_witnesses(home: Home) -> list[Entry]:
    return [entry for entry in entries_of(home) if entry.kind in {"head.cosigned", "witness.refused"}]


def check_cosigned(note: str, witness: Witness) -> tuple[int, int]:
    """The size and the time (s) that the note's last line vouches for, by c2sp.org/tlog-cosignature and nothing of ours."""
    text, lines = note.split("\n\n")
    name, encoded = lines.splitlines()[-1].removeprefix("— ").split(" ")
    blob = b64decode(encoded)
    assert name == witness.name and blob[:4].hex() == witness.vkey.split("+", 2)[1]
    time = int.from_bytes(blob[4:12], "big")
    public = Ed25519PublicKey.from_public_bytes(b64decode(witness.vkey.split("+", 2)[2])[1:])
    public.verify(blob[12:], f"cosignature/v1\ntime {time}\n{text}\n".encode())
    return int(text.split("\n")[1]), time


def verified(home: Home) -> None:
    result = run_counterfoil("--home", str(home.path), "journal", "verify", "--strict", "--json")
    assert result.returncode == 0, result


def test_a_record_and_its_witness_go_on_together(home: Home, witness: Witness) -> None:
    add(home, witness)
    (first,) = push(home, 0)
    assert (first["outcome"], first["size"], first["old_size"]) == ("cosigned", 1, 0)
    grow(home, 300)
    (second,) = push(home, 0)
    assert (second["outcome"], second["size"], second["old_size"]) == ("cosigned", 302, 1)
    (third,) = push(home, 0)
    assert (third["outcome"], third["size"], third["old_size"]) == ("cosigned", 303, 302)
    assert [line.split()[0] for line in witness.answers if "add-checkpoint" in line] == ["200"] * 3
    entries = about_witnesses(home)
    assert [entry.kind for entry in entries] == ["head.cosigned"] * 3
    for entry, size in zip(entries, (1, 302, 303), strict=True):
        assert check_cosigned(entry.body["note"], witness) == (size, entry.body["time"] // 1_000)
        assert (entry.body["witness"], entry.body["size"]) == (witness.vkey, size)
    verified(home)
    listed = json.loads(witness_command(home, "list", "--json").stdout)
    assert listed["simulated"] is True
    assert listed["witnesses"] == [
        {
            "name": witness.name,
            "vkey": witness.vkey,
            "url": witness.url,
            "size": 303,
            "at": third["at"],
            "overdue": False,
        }
    ]


def test_what_a_person_is_told(home: Home, witness: Witness) -> None:
    refused(witness_command(home, "push"), 3, "no witness")
    assert "There are none" in witness_command(home, "list").stderr
    add(home, witness)
    assert f"{witness.name}  {witness.url}  nothing signed yet" in witness_command(home, "list").stdout
    pushed = witness_command(home, "push")
    assert pushed.returncode == 0 and f"{witness.name} signed the head of 1 entries at 20" in pushed.stdout
    assert "DEMO" in pushed.stderr
    assert "1 entries signed at 20" in witness_command(home, "list").stdout
    for wrong in ("witness.example/w2", witness.vkey[:-1]):
        refused(witness_command(home, "remove", wrong), 1, wrong)
    removed = witness_command(home, "remove", witness.name)
    assert removed.returncode == 0 and witness.name in removed.stdout
    assert home.settings().witness == ()
    assert len(list((home.path / "heads").glob("witness-*.note"))) == 1  # what it signed is worth as much as before
    verified(home)


@pytest.mark.parametrize(
    ("url", "vkey"),
    [
        ("witness.example", None),
        ("ftp://witness.example", None),
        ("http://witness.example", "witness.example/w1+00000000+BAAA"),
        ("http://witness.example", "ours"),
    ],
)
def test_what_is_no_witness_is_wrong_usage(home: Home, witness: Witness, url: str, vkey: str | None) -> None:
    before = home.settings_path.read_bytes()
    key = {None: witness.vkey, "ours": vkey_of(home)}.get(vkey, vkey)
    answered = witness_command(home, "add", url, str(key))
    assert answered.returncode == 2 and "Traceback" not in answered.stderr
    assert home.settings_path.read_bytes() == before


def test_a_witness_that_does_not_know_the_record(home: Home, witness: Witness, tmp_path: Path) -> None:
    assert witness_command(home, "add", witness.url, witness.vkey).returncode == 0
    answered = witness_command(home, "push")
    assert answered.returncode == 3 and "does not watch this record (404)" in answered.stdout
    assert len(entries_of(home)) == 1
    witness.restart(logs=[vkey_of(home)])
    assert push(home, 0)[0]["outcome"] == "cosigned"


def test_one_that_is_away_costs_the_others_nothing(home: Home, start_witness: Callable[..., Witness]) -> None:
    away, here = start_witness("witness.example/away"), start_witness("witness.example/here")
    add(home, away, here)
    away.stop(kill=True)
    assert [each["outcome"] for each in push(home, 3)] == ["unreachable", "cosigned"]
    grow(home, 4)
    away.start()
    assert [(each["outcome"], each["old_size"]) for each in push(home, 0)] == [("cosigned", 0), ("cosigned", 1)]
    verified(home)


def test_a_witness_that_lost_its_state_is_met_where_it_stands(home: Home, witness: Witness, tmp_path: Path) -> None:
    add(home, witness)
    push(home, 0)
    grow(home, 10)
    witness.restart(state=tmp_path / "another state.json")
    (answer,) = push(home, 0)
    assert (answer["outcome"], answer["old_size"]) == ("cosigned", 0)
    early = tmp_path / "early state.json"
    shutil.copy(witness.state, early)
    grow(home, 10)
    push(home, 0)
    witness.restart(state=early)
    grow(home, 3)
    (answer,) = push(home, 0)
    assert (answer["outcome"], answer["old_size"]) == ("cosigned", 12)
    assert all(entry.kind == "head.cosigned" for entry in about_witnesses(home))


@pytest.mark.parametrize(("grown", "spec", "status"), [(0, "1.0", 409), (0, "1.1", 422), (5, "1.0", 422)])
def test_of_two_histories_the_witness_signs_one(
    home: Home, witness: Witness, grown: int, spec: str, status: int
) -> None:
    """The same home in two places: whoever comes second is told so, and has to keep it."""
    add(home, witness)
    witness.restart(spec=spec)  # the same size with another root is 409 in version 1.0, and 422 in 1.1
    push(home, 0)
    other = Home(home.path.with_name("copy"))
    shutil.copytree(home.path, other.path)
    grow(home, 3)
    push(home, 0)
    grow(other, 3, "replayed")
    if grown:
        grow(other, grown, "replayed")
    (answer,) = push(other, 1)
    assert (answer["outcome"], answer["status"]) == ("refused", status)
    (*_, entry) = about_witnesses(other)
    assert (entry.kind, entry.body["status"], entry.body["old_size"]) == ("witness.refused", status, 5)
    evidence, head = entry.body["note"].split("\n"), entries_of(other)[-1]
    assert evidence[1] == str(entry.seq) and head.seq == entry.seq
    cosigned = about_witnesses(home)[-1].body["note"].split("\n")
    if not grown:  # two roots of one size under one key: nobody needs more to see that this key told two stories
        assert cosigned[:2] == evidence[:2] and cosigned[2] != evidence[2]
    assert check_cosigned(about_witnesses(other)[0].body["note"], witness)[0] == 1  # what was signed before stays
    push(home, 0)  # the first history goes on
    verified(home)
    verified(other)


def test_a_refusal_is_among_what_needs_a_person(home: Home, witness: Witness) -> None:
    add(home, witness)
    other = Home(home.path.with_name("copy"))
    shutil.copytree(home.path, other.path)
    grow(home, 3)
    push(home, 0)
    told = witness_command(other, "push")
    assert told.returncode == 1
    assert f"The witness {witness.name} remembers a head of 4 entries, which this record does not have." in told.stdout
    with open_desk(other) as desk:
        (notice,) = [each for each in desk.status().notices if each.code is NoticeCode.WITNESS_REFUSED]
    assert notice.facts["status"] == "409" and notice.facts["remembered_size"] == "4"
    choose_language("en")
    assert " ".join(words(notice)) in " ".join(told.stdout.split())


def test_an_older_copy_put_back_is_found(home: Home, witness: Witness) -> None:
    """The whole home: nothing in it remembers what was lost, but the witness does."""
    add(home, witness)
    push(home, 0)
    shutil.copytree(home.path, home.path.with_name("backup"))
    grow(home, 20)
    push(home, 0)
    shutil.rmtree(home.path)
    home.path.with_name("backup").rename(home.path)
    verified(home)
    (answer,) = push(home, 1)
    assert (answer["outcome"], answer["status"], answer["remembered_size"]) == ("refused", 409, 22)
    verified(home)


def test_an_older_journal_under_a_head_that_a_witness_signed(
    simulator: Callable[..., Simulator],
    home_for: Callable[..., Home],
    agent: Callable[..., Agent],
    witness: Witness,
    tmp_path: Path,
) -> None:
    terminal = simulator("--seed", "5", "--transactions", "1", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    add(home, witness)
    shutil.copy(home.journal, tmp_path / "older.db")
    grow(home, 20)
    push(home, 0)
    shutil.copy(tmp_path / "older.db", home.journal)
    (home.path / "heads" / "local.note").unlink()
    refused(witness_command(home, "push"), 1, "with a witness's signature: entries are missing at its end")
    desk = SocketDesk(home.socket)
    worker = agent(home, "--accept-loss").await_session()
    until(lambda: sum(entry.kind.startswith("terminal.") for entry in entries_of(home)) >= 2)
    (answer,) = push(home, 1)
    assert (answer["outcome"], answer["status"], answer["remembered_size"]) == ("refused", 409, 21)
    worker.stop()
    assert [entry.body["verdict"] for entry in entries_of(home) if entry.kind == "head.mismatch"] == ["cut"]
    names = [path.name for path in (home.path / "heads").glob("*.note")]
    assert not any(name.startswith("witness-") for name in names)  # it stands aside now, and costs no later start
    worker = agent(home).await_session()
    desk.status()
    worker.stop()
    result = run_counterfoil("--home", str(home.path), "journal", "verify")
    assert result.returncode == 1 and "21 were signed" in result.stdout  # and every later verify finds it


def test_an_agent_at_work_asks_by_itself_and_goes_on_recording(
    simulator: Callable[..., Simulator],
    home_for: Callable[..., Home],
    agent: Callable[..., Agent],
    start_witness: Callable[..., Witness],
) -> None:
    terminal = simulator("--seed", "9", "--transactions", "30", "--speed", "0", "--then", "stay")
    home = home_for(terminal)
    here, away = start_witness("witness.example/here"), start_witness("witness.example/away")
    add(home, here, away)
    away.stop(kill=True)
    worker = agent(home).await_session()
    desk = SocketDesk(home.socket)
    until(lambda: about_witnesses(home))  # nobody told it to
    until(lambda: desk.today("2026-03-02").events == 60)
    before = len(about_witnesses(home))
    (first, second) = push(home, 3)  # over the agent's socket
    assert (first["outcome"], second["outcome"]) == ("cosigned", "unreachable")
    assert len(about_witnesses(home)) == before + 1
    until(lambda: desk.status().head.size == entries_of(home)[-1].seq + 1)
    away.start()
    add(home, away)
    answers = desk.ask_witnesses()
    assert [each.outcome for each in answers] == [WitnessOutcome.COSIGNED] * 2
    assert answers[0].vkey == here.vkey and answers[0].size == before + 1 + first["size"] - before
    said = worker.stop()
    assert "unreachable" in said and "Traceback" not in said
    for entry in about_witnesses(home):
        check_cosigned(entry.body["note"], here if entry.body["witness"] == here.vkey else away)
    verified(home)
