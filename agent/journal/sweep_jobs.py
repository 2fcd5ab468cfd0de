"""A sweep of the whole journal, shared out among processes: stretches of entries, each taken by whoever is free.

A helper is this same program, started anew with a path, and asked over its pipes; what it does not answer, for whatever
reason, is done here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from agent.errors import JournalError
from agent.journal import engine
from agent.journal.checkpoint import VerifyingKey
from agent.journal.key_chain import KeyChain
from agent.journal.reader import key_chain
from agent.journal.sweep import BLOCK, Swept, joined, sweep

STRETCH = 16 * BLOCK
ALONE = 4 * STRETCH
"""Entries up to which no helper is worth its start."""
MOST_HELPERS = 3
_PAGES = -1
"""In a job's place: SQLite's own check of the file."""

_encode = msgspec.json.Encoder().encode
_Job = tuple[int, int]


class _Task(msgspec.Struct):
    path: str
    vkey: str


class _Answer(msgspec.Struct):
    start: int
    swept: Swept | None


def swept(path: Path, key: VerifyingKey, progress: Callable[[int, int], None] | None = None) -> Swept | None:
    """The whole journal at `path`, from the key known: its end, or None where anything is not as it was signed.

    Raises `engine.Error` where another program holds the file.
    """
    connection = engine.connect_reader(path)
    try:
        connection.execute("BEGIN")
        size = connection.execute("SELECT max(seq) + 1 FROM entry").fetchone()[0] or 0
        chain = key_chain(connection, key)
        jobs: SimpleQueue[_Job] = SimpleQueue()
        jobs.put((_PAGES, 0))
        for start in range(0, size, STRETCH):
            jobs.put((start, min(start + STRETCH, size)))
        done = _Done(size, progress)
        helpers = [] if size <= ALONE else [_Helper(path, key, jobs, done) for _ in range(_helpers())]
        _work(connection, chain, jobs, done)
        for helper in helpers:
            helper.finish()
        _work(connection, chain, jobs, done)  # what a helper took and never answered
        stretches = [done.swept[start] for start in sorted(done.swept) if start != _PAGES]
        if done.wrong or not joined(stretches, connection, chain, size):
            return None
        return stretches[-1]
    except engine.Error as error:
        if engine.is_held(error):
            raise
        return None
    except JournalError:
        return None
    finally:
        connection.close()


def _helpers() -> int:
    return min(MOST_HELPERS, len(os.sched_getaffinity(0)) - 1 if hasattr(os, "sched_getaffinity") else 1)


class _Done:
    """What has been swept so far: first entry → the stretch."""

    def __init__(self, size: int, progress: Callable[[int, int], None] | None) -> None:
        self.swept: dict[int, Swept] = {}
        self.wrong = False
        self._size, self._count, self._progress = size, 0, progress
        self._lock = threading.Lock()

    def take(self, start: int, found: Swept | None) -> None:
        with self._lock:
            if found is None:
                self.wrong = True
                return
            self.swept[start] = found
            self._count += found.end.size - found.begin.size
            if self._progress is not None and start != _PAGES:
                self._progress(self._count, self._size)


def _work(connection: engine.Connection, chain: KeyChain, jobs: SimpleQueue[_Job], done: _Done) -> None:
    with suppress(Empty):
        while not done.wrong:
            start, stop = jobs.get_nowait()
            done.take(start, _do(connection, chain, start, stop))


def _do(connection: engine.Connection, chain: KeyChain, start: int, stop: int) -> Swept | None:
    if start != _PAGES:
        return sweep(connection, start, stop, chain)
    whole = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    return sweep(connection, 0, 0, chain) if whole else None


class _Helper:
    """One more process at work. Its thread feeds it; a job that it took with it goes back to the others."""

    def __init__(self, path: Path, key: VerifyingKey, jobs: SimpleQueue[_Job], done: _Done) -> None:
        self._jobs, self._done = jobs, done
        command = [sys.executable, "-P", "-c", "from agent.journal.sweep_jobs import serve; serve()"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._task = _encode(_Task(str(path), str(key)))
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        self._thread.join()
        self._process.kill()
        self._process.communicate()

    def _feed(self) -> None:
        said, heard = self._process.stdin, self._process.stdout
        assert said is not None and heard is not None
        job: _Job | None = None
        try:
            said.write(self._task + b"\n")
            said.flush()
            if not heard.readline():  # it is ready, or never will be
                return
            while not self._done.wrong:
                job = self._jobs.get_nowait()
                said.write(_encode(job) + b"\n")
                said.flush()
                answer = msgspec.json.decode(heard.readline(), type=_Answer)
                self._done.take(answer.start, answer.swept)
                job = None
        except (Empty, OSError, msgspec.DecodeError):
            if job is not None:
                self._jobs.put(job)


def serve() -> None:
    """The helper's side: a task, then jobs, a line each, until nobody asks any more."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Task)
    connection = engine.connect_reader(Path(task.path))
    connection.execute("BEGIN")
    chain = key_chain(connection, VerifyingKey.parse(task.vkey))
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    while line := sys.stdin.buffer.readline():
        start, stop = msgspec.json.decode(line, type=_Job)
        sys.stdout.buffer.write(_encode(_Answer(start, _do(connection, chain, start, stop))) + b"\n")
        sys.stdout.buffer.flush()
