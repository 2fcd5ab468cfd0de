"""What an agent does for its record beside the work: room on the disk, and a full verification after every start.

Both go on in a thread of their own, the verification in a process of its own and out of the way of the trade. What they find
is a notice, and no money request goes out while it stands.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress

import msgspec

from agent.custody.ballast import LEAST_FREE, MIB, Ballast
from agent.home import Home
from agent.journal import engine
from agent.notice_types import Notice, NoticeCode

log = logging.getLogger(__name__)

FIRST_S = 20
"""How long after its start an agent begins: a command that needs the terminal for a moment does none of it."""
BALLAST_S = 60
VERIFY_S = 86_400
"""How often the whole record is verified while the agent runs."""


class Upkeep:
    """Of one home whose agent is at work."""

    def __init__(self, home: Home) -> None:
        self._home, self._ballast = home, Ballast(home.path)
        self._stop = threading.Event()
        self._verifying: subprocess.Popen[bytes] | None = None
        self._finding: str | None = None
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._verifying is not None:
            with suppress(OSError):
                self._verifying.kill()
        if self._thread.is_alive():
            self._thread.join()

    def notice(self, at: int) -> Notice | None:
        """Why no money request may go out now; None where one may. at: the home's time, ms UTC."""
        if self._finding is not None:
            return Notice(NoticeCode.RECORD_DAMAGED, at, {"what": self._finding})
        if (free := self._ballast.free) < LEAST_FREE:
            return Notice(NoticeCode.DISK_LOW, at, {"free_mib": str(free // MIB)})
        return None

    def _run(self) -> None:
        wait, left = FIRST_S, 0
        while not self._stop.wait(wait):
            wait = BALLAST_S
            self._ballast.make()
            if left <= 0 and not engine.has_wal_reset_bug():  # such an SQLite must hold the file alone
                self._verify()
                left = VERIFY_S
            left -= wait

    def _verify(self) -> None:
        command = [sys.executable, "-P", "-m", "agent", "--home", str(self._home.path), "journal", "verify", "--json"]
        try:
            nothing = subprocess.DEVNULL
            self._verifying = subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing)
            if hasattr(os, "setpriority"):
                os.setpriority(os.PRIO_PROCESS, self._verifying.pid, 19)
            said, _nothing = self._verifying.communicate()
        except OSError:
            log.exception("the record could not be verified")
            return
        if self._verifying.returncode == 1:
            self._finding = _first_finding(said)
            log.error("the record is not as it was signed: %s", self._finding)


def _first_finding(said: bytes) -> str:
    with suppress(msgspec.DecodeError, KeyError, IndexError, TypeError):
        return str(msgspec.json.decode(said)["findings"][0]["what"])
    return "journal verify"
