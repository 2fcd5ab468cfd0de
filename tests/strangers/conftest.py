"""Exported records, and two verifiers that know nothing of what exported them: Go's tlog packages and Node's crypto."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from agent.journal import keys
from agent.journal.proof import prove
from agent.journal.reader import open_reader
from tests.strangers.records import Answer, Bench, Command, Record, Verifier, build

HERE = Path(__file__).parent
GOPATH = Path("/usr/share/gocode")
"""Where Debian's golang-golang-x-mod-dev puts the packages."""


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Record]:
    """record(size): built once."""
    return cache(lambda size: build(tmp_path_factory.mktemp(f"record-{size}-"), size))


@pytest.fixture
def bench(record: Callable[[int], Record], tmp_path: Path) -> Callable[..., Bench]:
    """bench(size, seq): that record with the proof of one entry and an older head."""

    def make(size: int, seq: int | None = None) -> Bench:
        true = record(size)
        made = Bench(tmp_path / "case", true, size // 2 if seq is None else seq)
        shutil.copytree(true.folder, made.folder)
        shutil.copy(true.home / "keys" / "journal.vkey", made.path)
        with closing(open_reader(true.home / "journal.db", keys.verifying_key(true.home))) as reader:
            (made.path / "entry.json").write_bytes(reader.raw_entry(made.seq) + b"\n")
            (made.path / "entry.tlog-proof").write_text(prove(reader, made.seq).text, encoding="utf-8")
        sizes = sorted(true.heads)
        (made.path / "older").write_text(true.heads[sizes[len(sizes) * 2 // 3]], encoding="utf-8")
        return made

    return make


@pytest.fixture(scope="session")
def command() -> Command:
    """command(*arguments, cwd): `counterfoil` as a person calls it, in English."""

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).with_name("counterfoil"))
        environment = os.environ | {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
        return subprocess.run(
            [program, "--lang", "en", *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )

    return run


def _asker(*command: str) -> Verifier:
    def ask(*arguments: str) -> Answer:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.stderr == "", done.stderr
        words = done.stdout.split(": ")
        assert (done.returncode, words[0] == "refused") in {(0, False), (1, True)}, done
        return Answer(words[1] if done.returncode else None, done.stdout)

    return ask


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    """The Go program, built once."""
    if "CI" not in os.environ and (
        shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").exists()
    ):
        pytest.skip("needs Go and its x/mod packages: apt install golang-go golang-golang-x-mod-dev")
    built = tmp_path_factory.mktemp("go") / "verify"
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": str(GOPATH)}
    subprocess.run(["go", "build", "-o", str(built), str(HERE / "go" / "verify.go")], check=True, env=environment)
    return _asker(str(built))


@pytest.fixture(scope="session")
def node() -> Verifier:
    if "CI" not in os.environ and shutil.which("node") is None:
        pytest.skip("needs Node: apt install nodejs")
    return _asker("node", str(HERE / "verify.mjs"))


@pytest.fixture(params=["go", "node"])
def verifier(request: pytest.FixtureRequest) -> Verifier:
    """Both, one after the other."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]
