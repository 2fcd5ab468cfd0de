"""The terminal's own log: an append-only file of JSON lines. What stands in it survives kill -9; nothing else ever left.

One line is one of
    {"v":1,"terminal":…,"epoch":…}                  first, once
    {"boot":"<boot id>"}                            each start
    {"day":"2026-03-02","transactions":300}         a day opened     {"closed":"2026-03-02"}   and closed
    {"settled":"002252"}                            a register had this batch closed
    {"n":1,"m":"<hex>"}                             event n and its message's bytes, the same each time it is sent
    {"ack":64}                                      every event up to 64 is durable at the agent's
    {"head":{"origin":…,"size":…,"note":…}}         the journal head that the terminal remembers for an origin
A line is handed to the operating system before anything that it says is sent (no fsync: a simulated terminal's power cut
is a kill -9). A last line without its end is what a crash tore, and is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from simulator.errors import SimulatorError

VERSION = 1
MAX_ORIGINS = 16
"""Journals whose heads are remembered; the one not put for the longest gives way."""


@dataclass(slots=True)
class LoggedDay:
    """A day that was opened: its first event comes after number `before`, its last before the closing is `last`."""

    day: date
    transactions: int
    before: int
    last: int | None = None

    @property
    def closed(self) -> bool:
        return self.last is not None


@dataclass(frozen=True, slots=True)
class RememberedHead:
    """A journal's checkpoint. note: the signed text whole; size: its tree's."""

    origin: str
    size: int
    note: str


class TerminalLog:
    """The log of one terminal in a folder that this process alone owns while it is open.

    Raises SimulatorError: owned by another simulator, another terminal's, damaged, or not writable.
    """

    def __init__(self, folder: Path, terminal: str, epoch: str) -> None:
        self.boots = 0
        self.settled = 0
        self.acknowledged = 0
        self.days: list[LoggedDay] = []
        self._events: list[bytes] = []
        self._heads: dict[str, RememberedHead] = {}
        self._path = folder / "log.jsonl"
        self._lock = self._file = -1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SimulatorError(
                    f"Another simulator is using {folder}.", "Stop it, or give this one its own --state."
                ) from None
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._load(terminal, epoch)
        except OSError as error:
            self.close()
            raise _unwritable(self._path, error) from error
        except SimulatorError:
            self.close()
            raise

    def close(self) -> None:
        """Give the folder back."""
        for fd in (self._file, self._lock):
            if fd >= 0:
                os.close(fd)
        self._file = self._lock = -1

    # -- what stands in it ---------------------------------------------------------------------------------------------

    @property
    def oldest_retained(self) -> int:
        """Nothing is dropped yet: acknowledged events can be asked for again."""
        return 1

    @property
    def last_written(self) -> int:
        return len(self._events)

    def event(self, number: int) -> bytes:
        """The bytes of event `number`, 1..last_written."""
        if not 1 <= number <= len(self._events):
            raise IndexError(f"there is no event {number}")
        return self._events[number - 1]

    def head(self, origin: str | None = None) -> RememberedHead | None:
        """The head remembered for an origin; without one, the head that was put last."""
        if origin is None:
            return next(reversed(self._heads.values()), None)
        return self._heads.get(origin)

    # -- what is added -------------------------------------------------------------------------------------------------

    def boot(self, boot_id: str) -> None:
        self._append({"boot": boot_id})
        self.boots += 1

    def open_day(self, day: date, transactions: int) -> None:
        self._append({"day": day.isoformat(), "transactions": transactions})
        self.days.append(LoggedDay(day, transactions, self.last_written))

    def close_day(self) -> None:
        self._append({"closed": self.days[-1].day.isoformat()})
        self.days[-1].last = self.last_written

    def settle(self, batch: str) -> None:
        """A batch was closed, and the next is open."""
        self._append({"settled": batch})
        self.settled += 1

    def add(self, *messages: bytes) -> None:
        """The next events, in one write."""
        first = self.last_written + 1
        self._write("".join(f'{{"n":{first + i},"m":"{m.hex()}"}}\n' for i, m in enumerate(messages)))
        self._events.extend(messages)

    def acknowledge(self, up_to: int) -> None:
        """Only upwards, and only what was written; anything else is not believed."""
        if self.acknowledged < up_to <= self.last_written:
            self._append({"ack": up_to})
            self.acknowledged = up_to

    def remember(self, head: RememberedHead) -> None:
        self._append({"head": {"origin": head.origin, "size": head.size, "note": head.note}})
        self._keep(head)

    def _keep(self, head: RememberedHead) -> None:
        self._heads.pop(head.origin, None)
        self._heads[head.origin] = head
        if len(self._heads) > MAX_ORIGINS:
            del self._heads[next(iter(self._heads))]

    # -- the file ------------------------------------------------------------------------------------------------------

    def _append(self, record: dict[str, object]) -> None:
        self._write(json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n")

    def _write(self, lines: str) -> None:
        data = lines.encode()
        try:
            if (written := os.write(self._file, data)) != len(data):
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError("the disk is full")
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _load(self, terminal: str, epoch: str) -> None:
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            os.ftruncate(self._file, whole)
        lines = data[:whole].splitlines()
        for place, line in enumerate(lines, 1):
            try:
                self._take(json.loads(line), terminal, epoch, first=place == 1)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise SimulatorError(
                    f"The terminal's log {self._path} is damaged at line {place}.",
                    "Move it away, or start with another --state.",
                ) from error
        if not lines:
            self._append({"v": VERSION, "terminal": terminal, "epoch": epoch})

    def _take(self, record: dict[str, Any], terminal: str, epoch: str, *, first: bool) -> None:
        if first:
            if record["v"] != VERSION:
                raise ValueError("unknown version")
            if (record["terminal"], record["epoch"]) != (terminal, epoch):
                raise SimulatorError(
                    f"The log {self._path} is that of terminal {record['terminal']}, not of {terminal}.",
                    "Start with the profile and seed it was made with, or with another --state.",
                )
            return
        match record:
            case {"n": int(number), "m": str(message)} if number == self.last_written + 1:
                self._events.append(bytes.fromhex(message))
            case {"ack": int(up_to)} if self.acknowledged < up_to <= self.last_written:
                self.acknowledged = up_to
            case {"day": str(day), "transactions": int(transactions)}:
                self.days.append(LoggedDay(date.fromisoformat(day), transactions, self.last_written))
            case {"closed": str(day)} if self.days[-1].day.isoformat() == day:
                self.days[-1].last = self.last_written
            case {"settled": str()} if self.days:
                self.settled += 1
            case {"head": {"origin": str(origin), "size": int(size), "note": str(note)}}:
                self._keep(RememberedHead(origin, size, note))
            case {"boot": str()}:
                self.boots += 1
            case _:
                raise ValueError("not a line of a terminal's log")


def _unwritable(path: Path, error: OSError) -> SimulatorError:
    return SimulatorError(
        f"The terminal's log {path} cannot be used: {error.strerror or error}.",
        "Give a --state folder that can be written, on a disk with room.",
    )
