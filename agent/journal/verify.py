"""The whole journal checked, streaming, in constant memory: what is wrong, where, and since when it could be so.

Every entry is hashed again, every subtree computed again, every head's root and signature checked, and every remembered head
held against what stands there. Where an entry differs the walk goes on with the stored hash as long as signed heads confirm
it, so that one flaw gives one finding, and not one for every head after it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

from agent.errors import JournalError
from agent.journal import engine, merkle
from agent.journal.checkpoint import Checkpoint, NoteError, VerifyingKey
from agent.journal.entries import HOLDS_EVENT, EntryError, decode, event_mark, is_canonical, seal
from agent.journal.heads import Verdict, compare
from agent.journal.keys import verifying_key
from agent.journal.reader import SCHEMA_VERSION, Reader, unreadable
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

    since: ms UTC of a head that still vouches for what stood there, so that it happened later; None: unknown.
    """

    place: str
    seq: int | None
    what: str
    todo: str
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """ok: nothing found. size, root (32 bytes): of the entries present. first_bad: the lowest seq that a finding names.

    more: findings beyond MOST_FINDINGS, counted alone. files: SHA-256 (hex) of journal.db and its log as they were found,
    for a journal outside the home.
    """

    ok: bool
    size: int
    root: bytes
    first_bad: int | None
    findings: tuple[Finding, ...]
    more: int = 0
    files: Mapping[str, str] = field(default_factory=dict)


def verify_path(
    path: Path,
    *,
    own: bool,
    key: VerifyingKey | None = None,
    heads: Mapping[str, str] | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Verify the journal at `path` against `key` (None: keys/journal.vkey beside it) and remembered heads (source → note).

    own: the file belongs to the agent's home and is read in place; any other is copied first, with its write-ahead log, and
    stays byte-identical. Raises JournalError for no file, a foreign one or one that another holds; KeyRefused without a key.
    """
    key = key or verifying_key(path.parent)
    if own:
        return _verify_file(path, key, heads or {}, strict, progress, own=True)
    engine.require_journal(path)
    with tempfile.TemporaryDirectory(prefix="counterfoil-") as folder:
        files = {}
        for source in (path, path.with_name(f"{path.name}-wal")):
            if source.exists():
                copy = Path(folder) / f"journal.db{source.name[len(path.name) :]}"
                shutil.copyfile(source, copy)
                with copy.open("rb") as file:
                    files[source.name] = file_digest(file, "sha256").hexdigest()
        report = _verify_file(Path(folder) / "journal.db", key, heads or {}, strict, progress, own=False)
    return replace(report, files=files)


def _verify_file(
    path: Path, key: VerifyingKey, heads: Mapping[str, str], strict: bool, progress: Progress | None, *, own: bool
) -> Report:
    try:
        engine.require_journal(path)
    except JournalError as error:
        if not own or not path.exists():
            raise
        return Report(False, 0, merkle.EMPTY_ROOT, 0, (Finding("file", 0, error.what, error.todo),))
    try:
        connection = engine.connect_reader(path)
        try:
            walk = _Walk(connection, key, strict, progress)
            walk.run()
            for source, note in heads.items():
                walk.remembered(source, note)
        finally:
            connection.close()
    except engine.Error as error:
        raise unreadable(path, error) from error
    return Report(
        ok=not walk.findings,
        size=walk.frontier.size,
        root=walk.frontier.root(),
        first_bad=walk.first_bad,
        findings=tuple(walk.findings),
        more=walk.more,
    )


class _Walk:
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
        self.frontier = merkle.Frontier()
        self._good_size, self._good_at = 0, None  # type: int, int | None  # the last head that verified
        self._astray = False  # no head has verified since one whose root did not
        self._pos = 0
        self._nodes: Iterator[Any] = iter(())
        self._node: Any = None
        self._stretches: list[tuple[int, str, str]] = []
        self._last: dict[tuple[str, str], int] = {}

    def run(self) -> None:
        try:
            self.connection.execute("BEGIN")
            self._schema()
            self._entries()
            self._private()
            self._pages()
        except engine.Error as error:
            if engine.is_held(error):
                raise
            self._find(
                "file",
                self.frontier.size,
                _("SQLite cannot read the journal beyond entry {seq}: {reason}.").format(
                    seq=self.frontier.size - 1, reason=error
                ),
            )

    def remembered(self, source: str, note: str) -> None:
        """Hold the journal against one remembered head."""
        place = f"remembered:{source}"
        try:
            verdict = compare(Reader(self.connection, self.key), note)
        except JournalError as error:
            self._find(place, None, error.what)
            return
        if verdict is Verdict.CUT:
            size = Checkpoint.parse(note).size
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
            size = Checkpoint.parse(note).size
            self._find(
                place,
                None,
                _("The first {signed} entries are not those that were signed before.").format(signed=size),
                _("Keep both this file and the remembered head: one of two histories was written anew."),
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
        if version != SCHEMA_VERSION or schema_rows(self.connection) != expected_schema():
            self._find("schema", None, _("The journal's tables or triggers were changed."))

    def _entries(self) -> None:
        total = self.connection.execute("SELECT max(seq) + 1 FROM entry").fetchone()[0] or 0
        self._nodes = iter(self.connection.execute("SELECT pos, level, idx, hash FROM node ORDER BY pos"))
        self._node = next(self._nodes, None)
        heads = iter(self.connection.execute("SELECT size, at, CAST(note AS BLOB) FROM head ORDER BY size"))
        head = next(heads, None)
        for found, raw, leaf in self.connection.execute("SELECT seq, CAST(body AS BLOB), leaf FROM entry ORDER BY seq"):
            seq = self.frontier.size
            if found != seq:
                self._find(
                    "entry",
                    seq,
                    _("Entry {seq} is missing; the next one is {found}.").format(seq=seq, found=found),
                    since=self._signed_at(seq),
                )
                return  # nothing after it can stand where it was signed
            self._subtrees(seq, self.frontier.append(self._leaf(seq, raw, leaf)))
            self._event(seq, raw)
            while head is not None and head[0] <= seq + 1:
                size, at, note = head
                self._head(size, at, note, raw)
                head = next(heads, None)
            if self.progress is not None and seq % _EVERY == 0:
                self.progress(seq, total)
        self._ends(head)
        if self.progress is not None:
            self.progress(total, total)

    def _leaf(self, seq: int, raw: Any, leaf: Any) -> bytes:
        computed = merkle.leaf_hash(raw)
        if leaf != computed:
            what = _("Entry {seq} is not what was signed.").format(seq=seq)
            self._find("entry", seq, what, since=self._signed_at(seq))
            return leaf if isinstance(leaf, bytes) and len(leaf) == len(computed) else computed
        if not raw.endswith(b',"seq":%d,"v":1}' % seq):
            self._find("entry", seq, _("Entry {seq} does not carry its own number.").format(seq=seq))
        elif self.strict and not is_canonical(raw):
            self._find("entry", seq, _("Entry {seq} is not in canonical form.").format(seq=seq))
        return computed

    def _subtrees(self, seq: int, completed: list[tuple[int, int, bytes]]) -> None:
        told = False
        for level, idx, subtree in completed:
            stored = self._node
            if stored == (self._pos, level, idx, subtree):
                self._node = next(self._nodes, None)
            else:
                if stored is not None and stored[0] == self._pos:
                    self._node = next(self._nodes, None)  # else it is missing, and the stored one stands further on
                if not told:
                    first = seq + 1 - (1 << level)
                    what = _("The stored hash over the entries {first} to {last} does not follow from them.")
                    self._find(
                        "node",
                        max(first, self._good_size),
                        what.format(first=first, last=seq),
                        since=self._signed_at(seq),
                    )
                    told = True  # the levels above it follow
            self._pos += 1

    def _head(self, size: int, at: int, note: Any, last: bytes) -> None:
        try:
            checkpoint = Checkpoint.verify(bytes(note).decode(), self.key)
            if checkpoint.size != size:
                raise NoteError("another size")
        except (NoteError, UnicodeDecodeError, TypeError):
            self._find("head", None, _("The head of {size} entries is not signed by this key.").format(size=size))
            return
        if size == self.frontier.size and checkpoint.root == self.frontier.root():
            confirmed = True
        else:
            confirmed = self._adopt(size, checkpoint.root)
        if confirmed and not last.startswith(b'{"at":%d,' % at):  # the checkpoint does not hold it, its last entry does
            self._find(
                "head", None, _("The time of the head of {size} entries is not its last entry's.").format(size=size)
            )
        if confirmed:
            self._good_size, self._good_at, self._astray = size, at, False
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

    def _ends(self, head: Any) -> None:
        size = self.frontier.size
        if head is not None:
            what = _("The journal ends after {size} entries; a head of {signed} was signed.")
            self._find("entry", size, what.format(size=size, signed=head[0]), since=self._good_at)
        elif self._good_size < size and not self._astray:
            what = _("The entries from {seq} on stand under no signed head.")
            self._find("head", self._good_size, what.format(seq=self._good_size), since=self._good_at)
        if self._node is not None:
            self._find("node", None, _("There are more stored hashes than the entries have subtrees."))
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
        except (EntryError, KeyError, TypeError):
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
                fits = decode(raw or b"").body.get(f"{name}_sha256") == seal(value, salt)
            except (EntryError, TypeError):
                fits = False
            if not fits:
                self._find(
                    "private",
                    seq,
                    _("The value of {field} beside entry {seq} is not the sealed one.").format(field=name, seq=seq),
                )

    def _pages(self) -> None:
        for (told,) in self.connection.execute(f"PRAGMA quick_check({MOST_FINDINGS})"):
            if told != "ok":
                self._find("file", None, _("SQLite finds the file damaged: {reason}.").format(reason=told))

    def _signed_at(self, seq: int) -> int | None:
        row = self.connection.execute("SELECT at FROM head WHERE size > ? ORDER BY size LIMIT 1", (seq,)).fetchone()
        return row[0] if row else None
