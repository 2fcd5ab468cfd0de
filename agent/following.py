"""What is folded from some kinds of the journal's entries, and read on from where it stood."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from agent.home import Home
from agent.journal import engine
from agent.journal.entries import Entry
from agent.journal.keys import verifying_key
from agent.journal.reader import Reader, open_reader

Read = Callable[[Callable[[Reader], list[Entry]]], list[Entry]]


class Following:
    """beginnings: how the kinds begin. read: asks the journal, in its owner's turn. Not for two threads at once."""

    def __init__(self, home: Home, beginnings: tuple[str, ...], read: Read) -> None:
        self._home, self._beginnings, self._read = home, beginnings, read
        self._to = 0

    def news(self) -> list[Entry]:
        """What came since the last time, in order. Raises JournalDamaged."""
        found: list[Entry] = []
        if self._to == 0 and not engine.has_wal_reset_bug():
            with closing(open_reader(self._home.journal, verifying_key(self._home.path))) as journal:
                found += self._some(journal)  # the first time all of it: its owner records meanwhile
        return found + self._read(self._some)

    def _some(self, journal: Reader) -> list[Entry]:
        start, self._to = self._to, journal.size
        return list(journal.all_of(self._beginnings, start)) if start < self._to else []
