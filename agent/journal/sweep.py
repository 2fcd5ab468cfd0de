"""The journal checked quickly: is everything as it was signed, yes or no. Where it says no, `agent.journal.walk` says what.

A stretch of entries is read, hashed and compared in blocks, level by level; it begins on the stored subtrees before it, and
whoever joins stretches holds each one's beginning against the end of the one before. So stretches can be swept in any order,
and by several processes.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from typing import Any

import msgspec

from agent.errors import JournalError
from agent.journal import engine, merkle
from agent.journal.checkpoint import NoteError
from agent.journal.entries import HOLDS_EVENT, SALT_BYTES, EntryError, seal
from agent.journal.key_chain import KeyChain, signed_by
from agent.journal.reader import Reader

BLOCK = 1024
"""Entries that are held at once; a power of two."""
_GAP = "event.gap"


class Joint(msgspec.Struct, frozen=True):
    """The tree where two stretches meet. hashes: of the complete subtrees of its right edge, 32 bytes each."""

    size: int
    hashes: tuple[bytes, ...]

    @classmethod
    def of(cls, frontier: merkle.Frontier) -> Joint:
        return cls(frontier.size, tuple(frontier.hashes))

    @property
    def frontier(self) -> merkle.Frontier:
        return merkle.Frontier(self.size, self.hashes)


class Swept(msgspec.Struct, frozen=True):
    """A stretch of entries that is as it was signed, if it begins where the one before it ended.

    epochs: (terminal, log epoch) → (first, last) event number in it. stretches: (seq, terminal, log epoch) where the event
    stream changes, the stretch's first event always. vouched: seqs of hand-overs whose old key signed. private: values that
    stand beside its entries.
    """

    begin: Joint
    end: Joint
    epochs: list[tuple[str, str, int, int]]
    stretches: list[tuple[int, str, str]]
    vouched: list[int]
    ends_under_head: bool
    private: int


class _Event(msgspec.Struct, gc=False):
    terminal: str
    log_epoch: str
    sha256: str
    number: int | None = None


class _Body(msgspec.Struct, gc=False):
    event: _Event | None = None
    terminal: str = ""
    log_epoch: str = ""
    last: int = 0


class _Entry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    at: int
    body: _Body
    kind: str
    seq: int
    v: int


_decode = msgspec.json.Decoder(_Entry).decode


class _Wrong(Exception):
    """Something is not as it was signed; the walk will say what."""


def sweep(connection: engine.Connection, start: int, stop: int, chain: KeyChain) -> Swept | None:
    """The entries start … stop − 1, in one pass; None where anything in them is not as it was signed.

    Raises `engine.Error` where the file cannot be read because another program holds it.
    """
    try:
        return _Sweep(connection, chain).run(start, stop)
    except engine.Error as error:
        if engine.is_held(error):
            raise
        return None
    except (_Wrong, JournalError, NoteError, EntryError, msgspec.MsgspecError, AttributeError, TypeError, ValueError):
        return None


class _Sweep:
    def __init__(self, connection: engine.Connection, chain: KeyChain) -> None:
        self._connection, self._chain = connection, chain
        self._vouched: list[int] = []
        self._epochs: dict[tuple[str, str], tuple[int, int]] = {}
        self._stretches: list[tuple[int, str, str]] = []
        self._under_head = False
        self._values = 0

    def run(self, start: int, stop: int) -> Swept:
        known = next(iter(self._chain.over(max(start, 1))))
        frontier = merkle.Frontier.of(start, Reader(self._connection, known).node)
        begin = Joint.of(frontier)
        rows = self._connection.execute(
            "SELECT seq, CAST(body AS BLOB), hashes, note FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq",
            (start, stop),
        )
        while frontier.size < stop:
            # blocks begin at multiples of their length, so that their subtrees are whole ones of the tree
            room = BLOCK - frontier.size % BLOCK
            block = rows.fetchmany(min(room, stop - frontier.size))
            if not block:
                raise _Wrong
            self._block(frontier, block)
        epochs = [(*epoch, *numbers) for epoch, numbers in self._epochs.items()]
        end = Joint.of(frontier)
        return Swept(begin, end, epochs, self._stretches, self._vouched, self._under_head, self._values)

    def _block(self, frontier: merkle.Frontier, block: list[Any]) -> None:
        first = frontier.size
        seqs, bodies, stored, notes = zip(*block, strict=True)
        if seqs != tuple(range(first, first + len(block))):
            raise _Wrong
        leaves = [sha256(b"\x00" + raw).digest() for raw in bodies]
        heads = [(n, note) for n, note in enumerate(notes) if note is not None]
        if len(heads) * 8 > len(block) or len(block) < BLOCK:
            self._one_by_one(frontier, leaves, stored, dict(heads))
        else:
            self._by_levels(frontier, leaves, stored, heads)
        self._under_head = notes[-1] is not None
        self._events(first, bodies)
        self._private(first, bodies)

    def _one_by_one(
        self, frontier: merkle.Frontier, leaves: list[bytes], stored: tuple[bytes, ...], heads: dict[int, str]
    ) -> None:
        for n, leaf in enumerate(leaves):
            if frontier.append(leaf) != stored[n]:
                raise _Wrong
            if (note := heads.get(n)) is not None:
                self._head(note, frontier)

    def _by_levels(
        self, frontier: merkle.Frontier, leaves: list[bytes], stored: tuple[bytes, ...], heads: list[tuple[int, str]]
    ) -> None:
        """A whole block with few heads: all subtrees of one height together."""
        levels, made = [leaves], list(leaves)
        width = 1
        while len(levels[-1]) > 1:
            below = iter(levels[-1])
            levels.append([sha256(b"\x01" + left + right).digest() for left, right in zip(below, below, strict=True)])
            width *= 2
            for n, subtree in enumerate(levels[-1], 1):
                made[n * width - 1] += subtree
        first = frontier.size
        before = frontier.copy()
        hashes, index, top = frontier.hashes, first // BLOCK, levels[-1][0]
        while index & 1:
            top = sha256(b"\x01" + hashes.pop() + top).digest()
            made[-1] += top
            index >>= 1
        hashes.append(top)
        frontier.size = first + BLOCK
        if tuple(made) != stored:
            raise _Wrong
        for n, note in heads:
            edge = [levels[level][idx] for level, idx in merkle.edge(n + 1)]
            if n + 1 == BLOCK:
                self._head(note, frontier)
            else:
                self._head(note, merkle.Frontier(first + n + 1, [*before.hashes, *edge]))

    def _head(self, note: str, frontier: merkle.Frontier) -> None:
        size = frontier.size
        if self._chain.verify(note, size).root != frontier.root():
            raise _Wrong
        self._vouched += [h.seq for h in self._chain.to_vouch if h.seq + 1 == size and signed_by(note, h.old)]

    def _events(self, first: int, bodies: tuple[bytes, ...]) -> None:
        terminal, log_epoch = self._stretches[-1][1:] if self._stretches else (None, None)
        last = self._epochs[terminal, log_epoch][1] if terminal is not None and log_epoch is not None else 0
        for seq, raw in enumerate(bodies, first):
            if not raw.endswith(b',"seq":%d,"v":1}' % seq):
                raise _Wrong
            entry = _decode(raw)
            event = entry.body.event
            if event is not None and entry.kind in HOLDS_EVENT:
                number = event.number
                if number is None:
                    continue
                if event.log_epoch == log_epoch and event.terminal == terminal:
                    if number <= last:
                        raise _Wrong
                    last = number
                    continue
                following = (event.terminal, event.log_epoch)
            elif entry.kind == _GAP:
                following, number = (entry.body.terminal, entry.body.log_epoch), entry.body.last
            elif entry.kind in HOLDS_EVENT:
                raise _Wrong
            else:
                continue
            self._reached(terminal, log_epoch, last)
            if following != (terminal, log_epoch):
                terminal, log_epoch = following
                self._stretches.append((seq, terminal, log_epoch))
            earlier = self._epochs.get(following)
            if earlier is not None and number <= earlier[1]:
                raise _Wrong
            self._epochs[following] = (number if earlier is None else earlier[0], number)
            last = number
        self._reached(terminal, log_epoch, last)

    def _reached(self, terminal: str | None, log_epoch: str | None, number: int) -> None:
        if terminal is not None and log_epoch is not None:
            self._epochs[terminal, log_epoch] = (self._epochs[terminal, log_epoch][0], number)

    def _private(self, first: int, bodies: tuple[bytes, ...]) -> None:
        rows = self._connection.execute(
            "SELECT seq, field, salt, value FROM private WHERE seq >= ? AND seq < ?", (first, first + len(bodies))
        )
        for seq, name, salt, value in rows:
            if not 0 <= seq - first < len(bodies):  # rows out of their order, which SQLite's own check passes by
                raise _Wrong
            self._values += 1
            # no text in an entry can hold it: its quotes are escaped
            seal_ = f'"{name}_sha256":"{seal(value, salt)}"'.encode()
            if len(salt) != SALT_BYTES or seal_ not in bodies[seq - first]:
                raise _Wrong


def joined(sweeps: list[Swept], connection: engine.Connection, chain: KeyChain, size: int) -> bool:
    """Whether stretches that are right by themselves make up a right journal of `size` entries, in the order given."""
    end, last = Joint(0, ()), defaultdict(int)  # type: Joint, defaultdict[tuple[str, str], int]
    stretches: list[tuple[int, str, str]] = []
    vouched: set[int] = set()
    for each in sweeps:
        if each.begin != end:
            return False
        end = each.end
        for terminal, log_epoch, first_number, last_number in each.epochs:
            if first_number <= last[terminal, log_epoch]:
                return False
            last[terminal, log_epoch] = last_number
        known = stretches[-1][1:] if stretches else None
        stretches += each.stretches[1:] if each.stretches and each.stretches[0][1:] == known else each.stretches
        vouched |= set(each.vouched)
    stored = connection.execute("SELECT seq, terminal, log_epoch FROM stretch ORDER BY seq")
    return (
        end.size == size
        and connection.execute("SELECT min(seq) FROM entry").fetchone() == (0,)
        and bool(sweeps)
        and sweeps[-1].ends_under_head
        and stored.fetchall() == stretches
        and connection.execute("SELECT count(*) FROM private").fetchone() == (sum(each.private for each in sweeps),)
        and all(h.seq in vouched for h in chain.to_vouch)
    )
