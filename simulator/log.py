"""The terminal's own log: an append-only file of JSON lines. What stands in it survives kill -9; nothing else ever left.

One line is one of
    {"v":1,"terminal":…,"epoch":…}                  first, once
    {"boot":"<boot id>"}                            each start
    {"day":"2026-03-02","transactions":300}         a day opened     {"closed":"2026-03-02"}   and closed
    {"settled":"002252","at":…}                     this batch was closed, by a register or before a day's first sale
    {"lies":["fee_twice:count=1"]}                  what the acquirer tells from here on (simulator/lies.py)
    {"notice":{"number":…,"products":[…]},"at":…}   a notice between two mornings (simulator/tariffs.py)
    {"deposit":{"reference":…,"ticket":…}}          an application for the deposit's return (simulator/deposits.py)
    {"n":1,"m":"<hex>"}                             event n and its message's bytes, the same each time it is sent
    {"ack":64}                                      every event up to 64 is durable at the agent's
    {"head":{"origin":…,"size":…,"note":…}}         the journal head that the terminal remembers for an origin
    {"begin":{"reference":…,"m":"<hex>"}}           a money request goes to the host: its Transaction as far as it is known
    {"fence":"<reference>"}                         never to be done from now on
    {"confirmed":"<reference>"}                     the register holds the outcome
    {"identity":{"serial_number":…}}                what of the plate was changed (simulator/identity.py)
    {"played":17}                                   planned transactions of the open day that a lost log held too
A BEGIN without a Transaction of its reference, or a reversal of it, has no outcome: the boot reverses it.
A line is handed to the operating system before anything that it says is sent (no fsync: a simulated terminal's power cut
is a kill -9). A last line without its end is what a crash tore, and is dropped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import Any

from simulator.errors import SimulatorError
from simulator.kept import Kept, KeptFile

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
class Mark:
    """A line between the events that the acquirer's books go by: a day opened or closed, a batch settled, lies, deposits.

    after: the number of the event that it comes after.
    """

    after: int
    record: dict[str, Any]


_MARKS = frozenset({"day", "closed", "settled", "lies", "deposit", "notice"})


@dataclass(frozen=True, slots=True)
class RememberedHead:
    """A journal's checkpoint. note: the signed text whole; size: its tree's."""

    origin: str
    size: int
    note: str


class TerminalLog:
    """The log of one terminal in a folder that this process alone owns while it is open. kept: another place for it.

    Raises SimulatorError: owned by another simulator, another terminal's, damaged, or not writable.
    """

    def __init__(self, folder: Path, terminal: str, epoch: str, kept: Kept | None = None) -> None:
        self._terminal = terminal
        self._path = folder / "log.jsonl"
        self._forget(epoch)
        try:
            self._file: Kept = KeptFile(self._path, folder / "lock") if kept is None else kept
        except OSError as error:
            raise _unwritable(self._path, error) from error
        try:
            self._load()
        except OSError as error:
            self.close()
            raise _unwritable(self._path, error) from error
        except SimulatorError:
            self.close()
            raise

    def _forget(self, epoch: str) -> None:
        self.epoch = epoch
        """Of the event numbers; another one after `replaced`."""
        self.boots = 0
        self.settled = 0
        self.acknowledged = 0
        self.played = 0
        """Planned transactions of the open day that were done and are in no log any more."""
        self.days: list[LoggedDay] = []
        self.marks: list[Mark] = []
        self.changed: dict[str, str] = {}
        """What of the plate is not as it was made."""
        self.confirmed: set[str] = set()
        """References of outcomes that the register holds. Nothing is dropped for it."""
        self._begun: dict[str, bytes] = {}
        self._fenced: set[str] = set()
        self._events: list[bytes] = []
        self._heads: dict[str, RememberedHead] = {}

    def close(self) -> None:
        """Give the folder back."""
        self._file.close()

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

    def begun(self, reference: str) -> bytes | None:
        """What was begun under that reference: the bytes of its Transaction as far as it was known then."""
        return self._begun.get(reference)

    @property
    def begins(self) -> list[str]:
        """Every reference that was begun, in order."""
        return list(self._begun)

    def is_fenced(self, reference: str) -> bool:
        return reference in self._fenced

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
        self.played = 0

    def close_day(self) -> None:
        self._append({"closed": self.days[-1].day.isoformat()})
        self.days[-1].last = self.last_written

    def settle(self, batch: str, at: int) -> None:
        """A batch was closed, and the next is open. at: ms UTC."""
        self._append({"settled": batch, "at": at})
        self.settled += 1

    def mark(self, record: dict[str, Any]) -> None:
        """{"lies": [...]}, {"deposit": {...}} or {"notice": {...}, "at": …}."""
        self._append(record)

    def begin(self, reference: str, message: bytes) -> bool:
        """Fence check, dedup and BEGIN at once: False, and nothing written, for a fenced reference or one begun before."""
        if reference in self._fenced or reference in self._begun:
            return False
        self._append({"begin": {"reference": reference, "m": message.hex()}})
        self._begun[reference] = message
        return True

    def fence(self, reference: str) -> None:
        """Never do it from now on."""
        if reference not in self._fenced:
            self._append({"fence": reference})
            self._fenced.add(reference)

    def confirm(self, reference: str) -> None:
        if reference not in self.confirmed:
            self._append({"confirmed": reference})
            self.confirmed.add(reference)

    def change(self, what: dict[str, str]) -> None:
        """Another serial number, merchant id, …: by the names of `simulator.identity.Plate`."""
        self._append({"identity": what})
        self.changed |= what

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

    # -- what a log must not suffer ------------------------------------------------------------------------------------

    def reread(self) -> None:
        """As a reboot does: know nothing but what stands in the file."""
        try:
            self._forget(self.epoch)
            self._load()
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def rolled_back_to(self, number: int, played: int = 0) -> None:
        """An old copy was put back: all that was written after event `number` is gone. IndexError if it never was.

        played: planned transactions of the day that are done. Whoever used the log must read it anew, as a boot does.
        """
        if not 0 <= number <= self.last_written:
            raise IndexError(f"there is no event {number}")
        lines = self._file.read().splitlines(keepends=True)
        if number:
            kept = lines[: next(n for n, line in enumerate(lines, 1) if line.startswith(b'{"n":%d,' % number))]
        else:
            kept = list(takewhile(lambda line: not line.startswith((b'{"n":', b'{"begin":')), lines))
        self._replace(b"".join(kept), played)

    def replaced(self, played: int = 0) -> None:
        """Another log is in its place, empty but for the days, with an epoch of its own; played: as above."""
        epoch = sha256(f"{self._terminal}/log epoch after {self.epoch}".encode()).hexdigest()[:12]
        lines: list[dict[str, object]] = [{"v": VERSION, "terminal": self._terminal, "epoch": epoch}]
        for day in self.days:
            lines.append({"day": day.day.isoformat(), "transactions": day.transactions})
            lines += [{"closed": day.day.isoformat()}] if day.closed else []
        self._replace("".join(map(_line, lines)).encode(), played)

    def _replace(self, data: bytes, played: int) -> None:
        day = self.days[-1].day if self.days else None
        try:
            self._file.replace(data)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self.reread()
        if self.days and not self.days[-1].closed:
            self.played = played if self.days[-1].day == day else self.days[-1].transactions
            self._append({"played": self.played})

    # -- the file ------------------------------------------------------------------------------------------------------

    def _append(self, record: dict[str, Any]) -> None:
        self._write(_line(record))
        self._mark(record)

    def _mark(self, record: dict[str, Any]) -> None:
        if not _MARKS.isdisjoint(record):
            self.marks.append(Mark(self.last_written, record))

    def _write(self, lines: str) -> None:
        try:
            self._file.append(lines.encode())
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _load(self) -> None:
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            self._file.cut(whole)
        lines = data[:whole].splitlines()
        for place, line in enumerate(lines, 1):
            try:
                self._take(json.loads(line), first=place == 1)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise SimulatorError(
                    f"The terminal's log {self._path} is damaged at line {place}.",
                    "Move it away, or start with another --state.",
                ) from error
        if not lines:
            self._append({"v": VERSION, "terminal": self._terminal, "epoch": self.epoch})

    def _take(self, record: dict[str, Any], *, first: bool) -> None:
        if first:
            if record["v"] != VERSION:
                raise ValueError("unknown version")
            if record["terminal"] != self._terminal:
                raise SimulatorError(
                    f"The log {self._path} is that of terminal {record['terminal']}, not of {self._terminal}.",
                    "Start with the profile and seed it was made with, or with another --state.",
                )
            self.epoch = str(record["epoch"])
            return
        self._mark(record)
        match record:
            case {"n": int(number), "m": str(message)} if number == self.last_written + 1:
                self._events.append(bytes.fromhex(message))
            case {"ack": int(up_to)} if self.acknowledged < up_to <= self.last_written:
                self.acknowledged = up_to
            case {"day": str(day), "transactions": int(transactions)}:
                self.days.append(LoggedDay(date.fromisoformat(day), transactions, self.last_written))
                self.played = 0
            case {"closed": str(day)} if self.days[-1].day.isoformat() == day:
                self.days[-1].last = self.last_written
            case {"settled": str()} if self.days:
                self.settled += 1
            case {"head": {"origin": str(origin), "size": int(size), "note": str(note)}}:
                self._keep(RememberedHead(origin, size, note))
            case {"boot": str()}:
                self.boots += 1
            case _:
                self._take_money(record)

    def _take_money(self, record: dict[str, Any]) -> None:
        match record:
            case {"begin": {"reference": str(reference), "m": str(message)}} if reference not in self._begun:
                self._begun[reference] = bytes.fromhex(message)
            case {"fence": str(reference)}:
                self._fenced.add(reference)
            case {"confirmed": str(reference)}:
                self.confirmed.add(reference)
            case {"identity": dict(what)} if all(isinstance(value, str) for value in what.values()):
                self.changed |= what
            case {"played": int(played)} if self.days:
                self.played = played
            case {"lies": list()} | {"deposit": dict()} | {"notice": dict()}:
                pass  # a mark
            case _:
                raise ValueError("not a line of a terminal's log")


_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _line(record: dict[str, object]) -> str:
    return _JSON(record) + "\n"


def _unwritable(path: Path, error: OSError) -> SimulatorError:
    return SimulatorError(
        f"The terminal's log {path} cannot be used: {error.strerror or error}.",
        "Give a --state folder that can be written, on a disk with room.",
    )
