"""A shop's home without a line to a terminal: opened, written and closed as the agent does it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent.custody.new_home import restore_home
from agent.custody.restore import Restored, key_of
from agent.custody.rotation import rotate
from agent.home import Home
from agent.journal import engine, heads, keys
from agent.journal.checkpoint import VerifyingKey
from agent.journal.keys import PassphraseSources, Told
from agent.journal.reader import Head, open_reader
from agent.journal.store import Journal
from agent.journal.verify import Report
from agent.opening import make_home, open_journal
from agent.settings import Settings
from tests.agent.journal.conftest import sales
from tests.agent.journal.tampers import judged

AT = 1_772_380_800_000
NONE = Told()


def said(passphrase: str | None) -> PassphraseSources:
    return Told(said=None if passphrase is None else passphrase.encode())


class Shop:
    """passphrase: of its first key."""

    def __init__(
        self,
        path: Path,
        passphrase: str | None = None,
        *,
        terminal: str = "T1",
        simulated: bool = True,
        make: bool = True,
    ) -> None:
        self.path, self.home, self.passphrase = path, Home(path), passphrase
        if make:
            make_home(self.home, Settings(terminal=terminal, simulated=simulated, port="-"), said(passphrase), AT)

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """As a start of the agent opens it: its change of key settled, held against every head that the home remembers."""
        keys.settle(self.path)
        signer = keys.unlock(self.path, said(self.passphrase))
        journal = open_journal(self.home, self.home.settings(), signer, accept_loss=False)
        try:
            yield journal
        finally:
            journal.close()

    def trade(self, *commits: int, epoch: str = "e1") -> Head:
        """So many sales in each commit."""
        with self.journal() as journal:
            make, number = sales(journal.signer), journal.last_events().get(("T1", epoch), 0)
            for count in commits:
                head = journal.append([make(number + n, epoch) for n in range(1, count + 1)], AT + journal.size)
                number += count
        return head

    def rotate(self, passphrase: str | None = None) -> Head:
        with self.journal() as journal:
            head = rotate(self.path, journal, AT + journal.size, new=said(passphrase), operator="李", reason="试")
        self.passphrase = passphrase
        return head

    def restore(
        self, copy: Path | None, *, old: str | None = None, new: str | None = None, port: str | None = None,
        key: VerifyingKey | None = None,
    ) -> Restored:  # fmt: skip
        engine.require_journal(copy or self.home.journal)
        restored = restore_home(
            self.home, copy, port=port, key=key or key_of(copy or self.home.journal, self.path), old=said(old),
            new=said(new), operator="李", reason=None,
        )  # fmt: skip
        self.passphrase = new
        return restored

    @property
    def key(self) -> VerifyingKey:
        return keys.verifying_key(self.path)

    def verified(self, key: VerifyingKey | None = None) -> Report:
        return judged(self.home.journal, key or self.key, heads.remembered(self.path), strict=True)

    def bodies(self) -> list[bytes]:
        return bodies(self.home.journal, self.key)


def bodies(path: Path, key: VerifyingKey) -> list[bytes]:
    """The bytes of every entry."""
    with closing(open_reader(path, key)) as reader:
        return [reader.raw_entry(seq) for seq in range(reader.size)]


# -- killed, or failed, at every step ----------------------------------------------------------------------------------

_STEPS = """
import os, shutil, sys
from pathlib import Path
from tests.agent.custody.shop import Shop, said, Told
from agent.errors import CounterfoilError
import agent.custody.restore, agent.custody.rotation, agent.custody.new_home
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
Ed25519PrivateKey.generate().public_key().public_bytes_raw()

template, folder, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.copyfile"}

left = [0]

def meet(number, where):
    left[0] = number
    def hook(event, given):
        if event == "open":
            if not isinstance(given[0], str) or not (given[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event not in CHANGES:
            return
        if str(where) not in str(given[0]) or "/heads/" in str(given[0]) or "agent.lock" in str(given[0]):
            return
        left[0] -= 1
        if left[0] == 0:
            if how == "killed":
                os._exit(9)
            raise OSError(5, "Input/output error", str(given[0]))
    sys.addaudithook(hook)

def live(home, folder):
    {work}

number = 0
while True:
    number += 1
    home = folder / str(number)
    shutil.copytree(template, home)
    child = os.fork()
    if child == 0:
        meet(number, home)
        try:
            live(home, folder)
            os._exit(6 if left[0] <= 0 else 0)
        except (CounterfoilError, OSError) as error:
            os._exit(8)
        except BaseException:
            import traceback; traceback.print_exc()
            os._exit(7)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(number, code, flush=True)
    if code in (0, 7) or number > 200:
        break
"""


def at_every_step(template: Path, folder: Path, work: str, how: str) -> list[tuple[Path, int]]:
    """`work` done to a copy of the home again and again, killed (or failed: EIO) at its first change of a file, its second,
    and so on: (home, exit code). Codes: 0 done, the last, which met nothing; 6 done all the same, 8 refused in words, 9
    killed. Changes by SQLite itself are not counted."""
    folder.mkdir()
    program = textwrap.dedent(_STEPS).replace("{work}", work)
    run = subprocess.run(
        [sys.executable, "-c", program, str(template), str(folder), how],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = [(folder / number, int(code)) for number, code in map(str.split, run.stdout.splitlines())]
    assert {code for _home, code in found} <= {0, 6, 8, 9}, run.stderr
    assert len(found) < 200
    return found
