"""HOME/unsigned/<ms>.jsonl: what the terminal told while nothing could be signed, and what the journal says of it later.

One canonical JSON object a line (docs/journal.md), each with a running number `n` and, as `previous`, the SHA-256 of the
line before (its line feed left out), so that a cut or a change inside the file shows even before its hash is signed. Line 0
says why it began and what the last signed head was. A file that no entry names yet is 0600; once a signed entry holds its
SHA-256 it is 0400, and evidence. Nothing erasable is in it: neither private values nor card tokens.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import msgspec

from agent.durable import sync
from agent.journal.custody_kinds import RecordedUnsigned
from agent.journal.drafting import to_draft
from agent.journal.entries import HOLDS_EVENT, EntryError, canonical
from agent.journal.kinds import EventId, EventUnreadable, Fact, TerminalSaid
from agent.journal.store import Journal

MOST_BYTES = 64 * 1024 * 1024
"""Of all files that nothing is signed of yet, together; what comes beyond is counted only."""
BEGAN, FULL = "outage.began", "outage.full"
"""Kinds of the first line, and of a last one where there was more than is kept."""
_WRITABLE = 0o200
_OF_THE_FILE = (BEGAN, FULL)


@dataclass(frozen=True, slots=True)
class Left:
    """A file that no entry names yet. since: ms UTC. events: of the terminal's. told: `key`s of what it holds."""

    path: Path
    since: int
    because: str
    events: int
    sha256: bytes
    size: int
    told: frozenset[bytes]

    def gap(self, until: int) -> RecordedUnsigned:
        """What the journal is to say of it. until: when something could be signed again, ms UTC."""
        return RecordedUnsigned(
            since=self.since,
            until=until,
            because=self.because,
            events=self.events,
            file=self.path.name,
            sha256=self.sha256,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """What is kept of a fact. at: ms UTC, when it was told. event: which one of the terminal's log, if it is one."""

    at: int
    kind: str
    body: Mapping[str, Any]
    event: EventId | None = None


def line_of(fact: Fact, at: int) -> Line:
    """The fact without anything private: no free text, no names, no card token."""
    draft = to_draft(fact, lambda _token: b"")  # the key of card tokens is locked away too
    body = {name: value for name, value in draft.body.items() if name != "card_token_hmac"}
    event = fact.event if isinstance(fact, TerminalSaid | EventUnreadable) else None
    try:
        canonical(body)
    except EntryError:  # a text that no entry could hold either; its hash says that it came
        body = {} if event is None else {"event": {"number": event.number, "sha256": event.sha256.hex()}}
    return Line(at, draft.kind, body, event)


def key(kind: str, body: Mapping[str, Any]) -> bytes:
    """The same for what is told again in the same words: an event of the same epoch, number and hash."""
    return sha256(canonical([kind, body])).digest()


def left(home: Path) -> tuple[Left, ...]:
    """The files that nothing is signed of yet, oldest first. Raises OSError."""
    folder = home / "unsigned"
    if not folder.is_dir():
        return ()
    open_ = (path for path in sorted(folder.glob("*.jsonl")) if path.stat().st_mode & _WRITABLE)
    return tuple(_read(path) for path in open_)


def sign(home: Path, journal: Journal, until: int, otherwise: RecordedUnsigned | None = None) -> int:
    """Have the journal name every file that none of its entries names yet; answers how many. They are read-only then.

    otherwise: what to record where there is none. until: ms UTC. Raises JournalError, and then nothing is signed; OSError.
    """
    found = left(home)
    if not found and otherwise is None:
        return 0
    named = {entry.body.get("sha256") for entry in journal.all_of((RecordedUnsigned.kind,))} if found else set()
    gaps = [each.gap(until) for each in found if each.sha256.hex() not in named]  # killed before it was made read-only
    if not gaps and otherwise is not None:
        gaps = [otherwise]
    journal.append([to_draft(gap, lambda _token: b"") for gap in gaps], until)
    for each in found:
        with suppress(OSError):  # the entry stands; another start tries again
            each.path.chmod(0o400)
    return len(gaps)


class UnsignedFile:
    """The file of one outage, made with its first line. since: ms UTC. note: the last signed head.

    What an earlier process kept, and could not have signed either, is not written a second time.
    """

    def __init__(self, home: Path, since: int, because: str, note: str, most: int = MOST_BYTES) -> None:
        """Raises OSError where an earlier file cannot be read."""
        self._folder = home / "unsigned"
        self._since, self._because, self._note = since, because, note
        earlier = left(home)
        self._told = {told for each in earlier for told in each.told}
        self._room = most - sum(each.size for each in earlier)
        self._file: IO[bytes] | None = None
        self._size = self._n = 0
        self._previous = ""
        self._dropped: dict[tuple[str, str], int] = {}
        self.events = 0
        """Of the terminal's, that this file holds."""
        self.dropped = 0
        """How many more came than are kept."""

    def write(self, lines: Iterable[Line]) -> None:
        """Keep what is new among the lines, durably when it returns. Raises OSError, and then none of them is kept."""
        fresh: dict[bytes, Line] = {}
        for line in lines:
            told = key(line.kind, line.body)
            if told not in self._told:
                fresh.setdefault(told, line)
        if not fresh:
            return
        if self._room <= 0:
            self._count(fresh.values())
            return
        if self._file is None:
            self._file = self._begin()
        n, previous, raw, events, kept = self._n, self._previous, [], 0, []
        room, full = self._room, list[Line]()
        for told, line in fresh.items():
            text = _line(n, previous, line)
            if room < len(text):
                room, full = 0, [*full, line]  # and no shorter one after it: what is kept has no holes
                continue
            n, previous, room = n + 1, sha256(text[:-1]).hexdigest(), room - len(text)
            raw.append(text)
            kept.append(told)
            events += line.event is not None
        if full:
            raw.append(_line(n, previous, Line(full[0].at, FULL, {})))
            n, previous = n + 1, sha256(raw[-1][:-1]).hexdigest()
        self._append(b"".join(raw))
        self._n, self._previous, self._room = n, previous, room
        self._told.update(kept)
        self.events += events
        self._count(full)

    def close(self) -> None:
        """Say how many more came, where that was so; a killed process could say only that there were. Raises OSError."""
        if self._file is None:
            return
        try:
            if self.dropped:
                self._append(_line(self._n, self._previous, Line(self._since, FULL, {"dropped": self.dropped})))
        finally:
            self._file.close()
            self._file = None

    def _begin(self) -> IO[bytes]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        since = self._since
        while True:
            try:
                path = self._folder / f"{since}.jsonl"
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                break
            except FileExistsError:  # a simulated clock stands where it stood before
                since += 1
        first = Line(self._since, BEGAN, {"because": self._because, "head": self._note})
        text = _line(0, "", first)
        file = os.fdopen(descriptor, "wb", buffering=0)
        try:
            _write(file, text)
            sync(self._folder)
            sync(self._folder.parent)
        except OSError:
            file.close()
            path.unlink()
            raise
        self._n, self._previous, self._size = 1, sha256(text[:-1]).hexdigest(), len(text)
        self._room -= len(text)
        return file

    def _append(self, raw: bytes) -> None:
        assert self._file is not None
        try:
            _write(self._file, raw)
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            os.lseek(self._file.fileno(), self._size, os.SEEK_SET)
            raise
        self._size += len(raw)

    def _count(self, lines: Iterable[Line]) -> None:
        """An event told again is counted once: within an epoch, numbers grow."""
        for event in (line.event for line in lines if line.event is not None and line.event.number is not None):
            epoch, number = (event.terminal, event.log_epoch), event.number or 0
            if number > self._dropped.get(epoch, 0):
                self._dropped[epoch] = number
                self.dropped += 1


def _line(n: int, previous: str, line: Line) -> bytes:
    told = {"at": line.at, "body": dict(line.body), "kind": line.kind, "n": n, "previous": previous}
    return canonical(told) + b"\n"


def _write(file: IO[bytes], raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[file.write(view) :]
    os.fsync(file.fileno())


def _read(path: Path) -> Left:
    """Line by line; what a crash left half written counts for nothing, and is hashed with the rest."""
    hashed, size, events, told = sha256(), 0, 0, set()
    since, because = int(path.stem) if path.stem.isdecimal() else 0, "locked"
    with path.open("rb") as file:
        for raw in file:
            hashed.update(raw)
            size += len(raw)
            for line in _decoded(raw):
                if line["kind"] == BEGAN:
                    since, because = line["at"], str(line["body"].get("because", because))
                elif line["kind"] not in _OF_THE_FILE:
                    told.add(key(line["kind"], line["body"]))
                    events += line["kind"] in HOLDS_EVENT
    return Left(path, since, because, events, hashed.digest(), size, frozenset(told))


def _decoded(raw: bytes) -> Iterator[dict[str, Any]]:
    try:
        line = msgspec.json.decode(raw)
        shape = (int, dict, str)
        if isinstance(line, dict) and tuple(type(line[name]) for name in ("at", "body", "kind")) == shape:
            canonical(line)
            yield line
    except (msgspec.DecodeError, UnicodeDecodeError, EntryError, KeyError):
        return
