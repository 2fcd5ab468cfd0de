"""A record whose key was changed: a stranger who holds the old key and one who holds the new both follow it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.strangers.records import Command, Verifier, build
from tests.strangers.test_guide import run


@pytest.fixture
def changed(tmp_path: Path, command: Command) -> Path:
    """`before` and `after`: the keys. older: a head under the old one. record: the export, its head signed by both."""
    true = build(tmp_path, 20)
    shutil.copy(true.home / "keys" / "journal.vkey", tmp_path / "before")
    (tmp_path / "older").write_text(true.heads[20], encoding="utf-8")
    shutil.rmtree(true.folder)
    for arguments in (["rotate-key", "--operator", "li", "--no-passphrase"], ["export", "--tiles", "record"]):
        done = command("--home", str(true.home), "journal", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    shutil.copy(tmp_path / "record" / "journal.vkey", tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (true.home / "keys" / "journal.vkey").read_bytes()
    assert (tmp_path / "after").read_bytes() != (tmp_path / "before").read_bytes()
    return tmp_path


@pytest.mark.parametrize("key", ["before", "after"])
def test_programs_accept_it_by_either_key(changed: Path, verifier: Verifier, key: str) -> None:
    vkey, folder = str(changed / key), str(changed / "record")
    assert verifier("tiles", vkey, folder).refused is None
    older = verifier("consistent", vkey, str(changed / "older"), str(changed / "record" / "checkpoint"), folder)
    assert older.refused == (None if key == "before" else "signature")


def test_page_follows_the_change(changed: Path) -> None:
    """As step 7 says: the older head by itself under the key that the entry names, then its three lines."""
    folder = changed / "record"
    assert run(folder, 2, 3, 4, 6)[0] is None
    last = json.loads((folder / "entries.txt").read_text(encoding="utf-8").splitlines()[-1])
    assert last["kind"] == "key.rotated"
    assert last["body"]["old_vkey"] == (changed / "before").read_text(encoding="ascii").strip()
    apart = changed / "apart"
    apart.mkdir()
    shutil.copy(changed / "older", apart / "checkpoint")
    (apart / "journal.vkey").write_text(last["body"]["old_vkey"] + "\n", encoding="ascii")
    assert run(apart, 2, 3, 4)[0] is None
    shutil.copy(changed / "older", folder / "older")
    assert run(folder, 2, 3, 4, 6, 7)[0] == 7  # the new key did not sign it
    (folder / "older").write_text("\n".join((changed / "older").read_text().split("\n")[:3]) + "\n", encoding="utf-8")
    assert run(folder, 2, 3, 4, 6, 7)[0] is None
