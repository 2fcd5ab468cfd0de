"""The journal checked entry by entry: what is wrong, where, and since when it could be so.

Every entry is hashed again, every subtree computed again, every head's root and signatures checked. Where an entry differs
the walk goes on with the stored hash as long as signed heads confirm it, so that one flaw gives one finding, and not one for
every head after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.errors import JournalError
from agent.journal import engine, merkle
from agent.journal.checkpoint import NoteError, VerifyingKey
from agent.journal.entries import HOLDS_EVENT, EntryError, decode, event_mark, is_canonical, is_sealed
from agent.journal.heads import Compared, Verdict, compared
from agent.journal.key_chain import KeyChain, signed_by
from agent.journal.reader import SCHEMA_VERSION, Reader, key_chain, not_vouched, other_version, well_typed
from agent.journal.store import expected_schema, schema_rows
from agent.language import _

MOST_FINDINGS = 100
_EVERY = 1024
_OF_THE_STREAM = frozenset(kind.encode() for kind in HOLDS_EVENT) | {b"event.gap"}

Progress = Callable[[int, int], None]
"""(entries checked, entries in all)"""


@dataclass(frozen=True, slots=True)
class Finding:
    """place: entry, node, head, private, stretch, schema, file, or remembered:<source>. seq: the first entry concerned.

    since: ms UTC of the last head that verifies before it, so that it happened later; None: there is none.
    """

    place: str
    seq: int | None
    what: str
    todo: str
    since: int | None = None


class Walk:
    """One pass in one read transaction: a writer beside it changes nothing of what it sees."""

    def __init__(
        self, connection: engine.Connection, key: VerifyingKey, strict: bool, progress: Progress | None
    ) -> None:
        self.connection = connection
        self.key = key
        self.strict = strict
        self.progress = progress
        self.findings: list[Finding] = []
        self.more = 0
        self.first_bad: int | None = None
        self.told: list[Compared] = []
        self.frontier = merkle.Frontier()
        self._good_size, self._good_at = 0, None  # type: int, int | None  # the last head that verified
        self._chain = KeyChain((), key)
        self._vouched: set[int] = set()  # hand-overs whose old key signed the head over them
        self._astray = False  # no head has verified since one whose root did not
        self._stretches: list[tuple[int, str, str]] = []
        self._last: dict[tuple[str, str], int] = {}

    def run(self) -> None:
        try:
            self.connection.execute("BEGIN")
            self._schema()
            self._keys()
            self._entries()
            self._private()
            self._pages()
        except engine.Error as error:
            if engine.is_held(error):
                raise
            what = _("SQLite cannot read the journal beyond entry {seq}: {reason}.")
            if not self.frontier.size:
                what = _("SQLite cannot read the journal: {reason}.")
            self._find("file", self.frontier.size, what.format(seq=self.frontier.size - 1, reason=error))

    def begins_at(self, swept: merkle.Frontier) -> bool:
        """Everything was swept and found right, up to there: only heads are left to compare. False where it is not so."""
        self._schema()
        if self.findings:
            self.findings.clear()
            return False
        self.frontier, self._good_size = swept, swept.size
        row = self.connection.execute(
            "SELECT CAST(body AS BLOB) FROM entry WHERE seq = ?", (swept.size - 1,)
        ).fetchone()
        self._good_at = _time_of(row[0]) if row else None
        return True

    def remembered(self, source: str, note: str, *, told: bool = False) -> None:
        """Hold the journal against one remembered head, or one that a person told."""
        place = f"remembered:{source}"
        try:
            found = compared(Reader(self.connection, self.key), source, note, told=told)
        except JournalError as error:
            self._find(place, None, error.what)
            return
        if told:
            self.told.append(found)
        verdict, size = found.verdict, found.size
        if verdict is Verdict.CUT:
            self._find(
                place,
                self.frontier.size,
                _("The journal ends after {size} entries; {signed} were signed.").format(
                    size=self.frontier.size, signed=size
                ),
                _("Look for the file that was replaced or cut: a backup, the disk before it was put back."),
                self._good_at,
            )
        elif verdict is Verdict.FORKED:
            self._find(
                place,
                None,
                _("The first {signed} entries are not those that were signed before.").format(signed=size),
                _("Keep both this file and the remembered head: one of two histories was written anew."),
            )
        elif verdict is Verdict.LOST:
            self._find(
                place,
                None,
                _(
                    "A head of {signed} entries was signed before this record was restored from a copy with fewer."
                ).format(signed=size),
                _("The entry journal.restored tells of the loss; keep that head with it."),
            )
        elif verdict is Verdict.FOREIGN:
            self._find(place, None, _("That head is of another journal."), _("Give a head of this one."))
        elif verdict is Verdict.BAD_SIGNATURE:
            self._find(place, None, _("That head is damaged, or not signed by this journal's key."))

    def _find(self, place: str, seq: int | None, what: str, todo: str = "", since: int | None = None) -> None:
        if seq is not None and (self.first_bad is None or seq < self.first_bad):
            self.first_bad = seq
        if len(self.findings) >= MOST_FINDINGS:
            self.more += 1
            return
        todo = todo or _("Keep this file as it is, and compare it with a backup or with a head sent out earlier.")
        self.findings.append(Finding(place, seq, what, todo, since))

    def _schema(self) -> None:
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            what, todo = other_version(version)
            self._find("schema", None, what, todo)
        elif schema_rows(self.connection) != expected_schema():
            self._find("schema", None, _("The journal's tables or triggers were changed."))

    def _keys(self) -> None:
        try:
            self._chain = key_chain(self.connection, self.key)
        except JournalError as error:
            self._find("head", None, error.what)

    def _entries(self) -> None:
        total = self.connection.execute("SELECT max(seq) + 1 FROM entry").fetchone()[0] or 0
        rows = self.connection.execute(
            "SELECT seq, CAST(body AS BLOB), hashes, CAST(note AS BLOB) FROM entry ORDER BY seq"
        )
        for found, raw, hashes, note in rows:
            seq = self.frontier.size
            if found != seq:
                self._find(
                    "entry",
                    seq,
                    _("Entry {seq} is missing; the next one is {found}.").format(seq=seq, found=found),
                    since=self._good_at,
                )
                return  # nothing after it can stand where it was signed
            self._entry(seq, *((raw, hashes) if well_typed(raw, hashes) else (b"", b"")))
            if note is not None:
                self._head(seq + 1, note, raw)
            if self.progress is not None and seq % _EVERY == 0:
                self.progress(seq, total)
        self._ends()
        if self.progress is not None:
            self.progress(total, total)

    def _entry(self, seq: int, raw: bytes, hashes: bytes) -> None:
        self._subtrees(seq, hashes, self.frontier.append(self._leaf(seq, raw, hashes[:32])))
        self._event(seq, raw)

    def _leaf(self, seq: int, raw: bytes, leaf: bytes) -> bytes:
        computed = merkle.leaf_hash(raw)
        if leaf != computed:
            what = _("Entry {seq} is not what was signed.").format(seq=seq)
            self._find("entry", seq, what, since=self._good_at)
            return leaf if len(leaf) == len(computed) else computed
        if not raw.endswith(b',"seq":%d,"v":1}' % seq):
            self._find(
                "entry", seq, _("Entry {seq} does not carry its own number.").format(seq=seq), since=self._good_at
            )
        elif self.strict and not is_canonical(raw):
            self._find("entry", seq, _("Entry {seq} is not in canonical form.").format(seq=seq), since=self._good_at)
        return computed

    def _subtrees(self, seq: int, stored: bytes, completed: bytes) -> None:
        if stored[32:] == completed[32:]:
            return
        level = 1
        while stored[32 * level : 32 * level + 32] == completed[32 * level : 32 * level + 32]:
            level += 1
        first = (
            seq + 1 - (1 << level) if 32 * level < len(completed) else seq
        )  # else there is more than the leaf completes
        what = _("The stored hash over the entries {first} to {last} does not follow from them.")
        first_bad = max(first, self._good_size)
        self._find("node", first_bad, what.format(first=first, last=seq), since=self._good_at)

    def _head(self, size: int, note: Any, last: bytes) -> None:
        try:
            text = bytes(note).decode()
            checkpoint = self._chain.verify(text, size)
            self._vouched |= {h.seq for h in self._chain.to_vouch if h.seq + 1 == size and signed_by(text, h.old)}
        except (NoteError, UnicodeDecodeError, TypeError):
            self._find("head", None, _("The head of {size} entries is not signed by this key.").format(size=size))
            return
        if size == self.frontier.size and checkpoint.root == self.frontier.root():
            confirmed = True
        else:
            confirmed = self._adopt(size, checkpoint.root)
        if confirmed:
            self._good_size, self._good_at, self._astray = size, _time_of(last), False
        elif self._astray:
            self.more += 1  # it follows from the head before it
        else:
            what = _("The head of {size} entries was signed over other entries than stand here, from entry {seq} on.")
            self._find("head", self._good_size, what.format(size=size, seq=self._good_size), since=self._good_at)
            self._astray = True

    def _adopt(self, size: int, root: bytes) -> bool:
        """Where the entries do not lead to a signed root, the stored subtrees may: then they are what was signed."""
        try:
            stored = merkle.Frontier.of(size, Reader(self.connection, self.key).node)
        except JournalError:
            return False
        if size != self.frontier.size or stored.root() != root:
            return False
        self.frontier = stored
        return True

    def _ends(self) -> None:
        size = self.frontier.size
        if self._good_size < size and not self._astray:
            what = _("The entries from {seq} on stand under no signed head.")
            self._find("head", self._good_size, what.format(seq=self._good_size), since=self._good_at)
        for h in self._chain.to_vouch:
            if h.seq not in self._vouched:
                self._find(
                    "head",
                    h.seq,
                    not_vouched(h.seq),
                    _("Compare that entry's new_vkey with a copy of the key that the merchant handed out."),
                    self._good_at,
                )
        stored = self.connection.execute("SELECT seq, terminal, log_epoch FROM stretch ORDER BY seq").fetchall()
        if stored != self._stretches:
            self._find("stretch", None, _("The journal's list of log epochs does not fit its entries."))

    def _event(self, seq: int, raw: bytes) -> None:
        start = raw.rfind(b'},"kind":"') + 10  # after the body nothing holds a brace
        if raw[start : raw.find(b'"', start)] not in _OF_THE_STREAM:
            return
        try:
            entry = decode(raw)
            mark = event_mark(entry.kind, entry.body)
        except EntryError:
            self._find("entry", seq, _("Entry {seq} is not in the form of its kind.").format(seq=seq))
            return
        if mark is None:
            return
        epoch = (mark.terminal, mark.log_epoch)
        if mark.number <= self._last.get(epoch, 0):
            self._find("entry", seq, _("Entry {seq} holds an event out of order.").format(seq=seq))
        self._last[epoch] = mark.number
        if not self._stretches or self._stretches[-1][1:] != epoch:
            self._stretches.append((seq, *epoch))

    def _private(self) -> None:
        rows = self.connection.execute(
            "SELECT p.seq, p.field, p.salt, p.value, CAST(e.body AS BLOB) FROM private p LEFT JOIN entry e USING (seq)"
            " ORDER BY p.seq"
        )
        for seq, name, salt, value, raw in rows:
            try:
                fits = is_sealed(value, salt, decode(raw or b"").body.get(f"{name}_sha256"))
            except EntryError:
                fits = False
            if not fits:
                self._find(
                    "private",
                    seq if isinstance(seq, int) else None,
                    _("The value of {field} beside entry {seq} is not the sealed one.").format(field=name, seq=seq),
                )

    def _pages(self) -> None:
        for (told,) in self.connection.execute(f"PRAGMA quick_check({MOST_FINDINGS})"):
            if told != "ok":
                self._find("file", None, _("SQLite finds the file damaged: {reason}.").format(reason=told))


def _time_of(raw: object) -> int | None:
    """When an entry was recorded, ms UTC; None where its bytes do not say."""
    try:
        return decode(raw).at if isinstance(raw, bytes) else None
    except EntryError:
        return None
