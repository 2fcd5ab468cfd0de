"""The table: what is done to a journal of 60 entries, who finds it, where, and since when it could have happened.

Entry n holds event n (entry 0 opens the journal), recorded at 1000·n ms in a commit of its own; `in groups` the heads stand
over 1, 18, 32, 48 and 60 entries alone. place, seq, since: of verify's first finding in the journal of single entries.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from agent.journal import engine, keys
from agent.journal.entries import encode
from tests.agent.journal.conftest import OPENED_AT, sales
from tests.agent.journal.tampers import Case, Found, append, fork, overwrite, rewrite, sql, truncate

SIZE = 60
ALONE, REMEMBERED, HARMLESS = Found.ALONE, Found.REMEMBERED, Found.HARMLESS
REFUSED, RIGHT = "refused", "right"


@dataclass(frozen=True)
class Attack:
    """do: SQL statements, or what is done to a case. started: what a start makes of it."""

    do: str | tuple[str, ...] | Callable[[Case], None]
    found: Found
    place: str | None = None
    seq: int | None = None
    since: int | None = None
    started: str = REFUSED

    def __call__(self, case: Case) -> None:
        if callable(self.do):
            self.do(case)
        else:
            sql(case.path, *([self.do] if isinstance(self.do, str) else self.do))


def head(do: str) -> Attack:
    """One in between: a start looks at the last alone."""
    return Attack(do, ALONE, "head", started=RIGHT)


def entry(do: str | tuple[str, ...], place: str = "entry", seq: int | None = 17, since: int | None = 16_000) -> Attack:
    return Attack(do, ALONE, place, seq, since)


def beside(do: str | tuple[str, ...], seq: int | None = 17) -> Attack:
    """A private value: outside the tree, so a start does not look."""
    return Attack(do, ALONE, "private", seq, started=RIGHT)


def remembered(do: str | tuple[str, ...] | Callable[[Case], None]) -> Attack:
    return Attack(do, REMEMBERED)


def harmless(do: str | tuple[str, ...] | Callable[[Case], None]) -> Attack:
    return Attack(do, HARMLESS, started=RIGHT)


def body(old: str, new: str) -> str:
    return f"UPDATE entry SET body = replace(body, '{old}', '{new}') WHERE seq = 17"


def hashes(new: str, seq: int = 17) -> str:
    return f"UPDATE entry SET hashes = CAST({new} AS BLOB) WHERE seq = {seq}"


def note(new: str, seq: int = 17) -> str:
    return f"UPDATE entry SET note = {new} WHERE seq = {seq}"


def swap(one: int, other: int, *columns: str) -> tuple[str, ...]:
    return (
        f"CREATE TEMP TABLE kept AS SELECT * FROM entry WHERE seq IN ({one}, {other})",
        *(
            f"UPDATE entry SET {column} = (SELECT {column} FROM kept WHERE seq = {source}) WHERE seq = {seq}"
            for column in columns
            for seq, source in ((one, other), (other, one))
        ),
    )


def cut(size: int) -> tuple[str, ...]:
    return tuple(f"DELETE FROM {table} WHERE seq >= {size}" for table in ("entry", "private", "stretch"))


def shift(by: int, start: int) -> tuple[str, ...]:
    """Entries from `start` on moved up (by one at a time, or all would collide) or down."""
    return (
        f"UPDATE entry SET seq = -(seq + {by}) WHERE seq >= {start}",
        "UPDATE entry SET seq = -seq WHERE seq < 0",
    )


def _other_price(seq: int, raw: bytes) -> bytes:
    return raw.replace(b'"amount_minor":12345', b'"amount_minor":12300') if seq in {17, 40} else raw


def _other_from(first: int) -> Callable[[int, bytes], bytes]:
    return lambda seq, raw: raw.replace(b'"terminal":"T1"', b'"terminal":"T2"') if seq == first else raw


def _swap_key(case: Case, *, history: bool) -> None:
    """Another's key in the home, under the same origin; and the history signed with that."""
    name = case.signer.name
    shutil.rmtree(case.home / "keys")
    other = keys.create(case.home, origin=name)
    if history:
        rewrite(case.path, lambda _seq, raw: raw, other)


def _new_home(case: Case) -> None:
    """All of it another's: key, origin, history."""
    shutil.rmtree(case.home / "keys")
    rewrite(case.path, lambda _seq, raw: raw, keys.create(case.home))


def _gap_signed_over(case: Case) -> None:
    """Without the key, a rotation to one's own: no head of the old key stands over it."""
    ours = case.signer
    thief = keys.create(case.home.parent / "thief", origin=ours.name)
    named = {"old_vkey": ours.vkey, "new_vkey": thief.vkey}
    append(case.path, [encode(SIZE, 60_000, "key.rotated", named)], thief)


def _vacuum(case: Case) -> None:
    sql(case.path, "VACUUM")


def _older_log(case: Case) -> None:
    """The log of an older copy beside the file that has taken it in long ago."""
    overwrite(case, case.older)
    sql(case.path)


SUBTREE = "substr(hashes, 1, 32) || zeroblob(32) || substr(hashes, 65)"
LINE_OF_ITS_OWN = "substr(note, 1 + instr(note, char(10) || char(10)) + 1)"

TABLE = {
    # edited
    "body edited": entry(body("12345", "12346")),
    "body not UTF-8": entry("UPDATE entry SET body = CAST(CAST(substr(body, 1, 9) AS BLOB) || x'ff' AS TEXT) WHERE seq = 17"),
    "body emptied": entry("UPDATE entry SET body = '' WHERE seq = 17"),
    "body with a space": entry(body('"v":1}', '"v":1} ')),
    "event number no number": entry(body('"number":17', '"number":"x"')),
    "event number beyond 64 bits": entry(body('"number":17', '"number":99999999999999999999999')),
    "event no object": entry("UPDATE entry SET body = json_set(body, '$.body.event', json('[]')) WHERE seq = 17"),
    "event of nobody": entry("UPDATE entry SET body = json_remove(body, '$.body.event') WHERE seq = 17"),
    "terminal no text": entry("UPDATE entry SET body = json_set(body, '$.body.event.terminal', json('[1]')) WHERE seq = 17"),
    "body of no object": entry("UPDATE entry SET body = json_set(body, '$.body', 7) WHERE seq = 17"),
    "body without end": entry("UPDATE entry SET body = replace(hex(zeroblob(40000)), '0', '[') WHERE seq = 17"),
    "leaf edited": entry(hashes("zeroblob(32) || substr(hashes, 33)")),
    "leaf shortened": entry(hashes("x'00'")),
    "hashes emptied": entry(hashes("x''")),
    "subtree edited": entry(hashes(SUBTREE), "node"),
    "subtree deleted": entry(hashes("substr(hashes, 1, 32)"), "node"),
    "last subtree deleted": entry(hashes("substr(hashes, 1, 32)", 59), "node", 59, 58_000),
    "subtree added": entry(hashes("hashes || zeroblob(32)"), "node"),
    "half a subtree added": entry(hashes("hashes || x'00'"), "node"),
    "head edited": head(note("replace(note, char(10) || '18' || char(10), char(10) || '19' || char(10))")),
    "head signature edited": head(note("substr(note, 1, length(note) - 20) || 'AAAA' || substr(note, -16)")),
    "head swapped": head(note("(SELECT note FROM entry WHERE note NOT NULL AND seq < 17 ORDER BY seq DESC LIMIT 1)")),
    "head not UTF-8": head(note("CAST(x'ff' AS TEXT)")),
    "head emptied": head(note("''")),
    "head signed by one more": head(note(f"note || replace({LINE_OF_ITS_OWN}, 'counterfoil', 'Counterfoil')")),
    "head signed twice": head(note(f"note || {LINE_OF_ITS_OWN}")),
    "all heads deleted": entry("UPDATE entry SET note = NULL", "head", 0, None),
    "last head deleted": entry(note("NULL", 59), "head", 59, 58_000),
    # deleted, inserted, put in another order
    "entry deleted": entry("DELETE FROM entry WHERE seq = 17"),
    "first entry deleted": entry("DELETE FROM entry WHERE seq = 0", seq=0, since=None),
    "entry deleted, the rest moved up": entry(("DELETE FROM entry WHERE seq = 17", *shift(-1, 18))),
    "entry inserted before": Attack(
        "INSERT INTO entry SELECT -1, hashes, note, body FROM entry WHERE seq = 5", ALONE, "entry", 0, started=RIGHT
    ),
    "entry inserted between": entry(
        (*shift(1, 17), "INSERT INTO entry SELECT 17, hashes, NULL, body FROM entry WHERE seq = 5")
    ),
    "entry appended": entry("INSERT INTO entry SELECT 60, hashes, NULL, body FROM entry WHERE seq = 5", seq=60, since=59_000),
    "entry appended far away": entry(
        "INSERT INTO entry SELECT 99, hashes, NULL, body FROM entry WHERE seq = 5", seq=60, since=59_000
    ),
    "neighbours' bodies swapped": entry(swap(17, 18, "body")),
    "distant bodies swapped": entry(swap(17, 40, "body")),
    "bodies and leaves swapped": entry(swap(17, 19, "body", "hashes")),
    "bodies, leaves and heads swapped": entry(swap(17, 19, "body", "hashes", "note")),
    "entries in another order": entry((*swap(17, 18, "body", "hashes"), *[s.replace("kept", "again") for s in swap(18, 19, "body", "hashes")])),
    **{
        f"written anew without the key from {seq} on": Attack(
            lambda case, seq=seq: rewrite(case.path, _other_from(seq)),  # type: ignore[misc]
            ALONE, "head", seq, None if seq == 0 else OPENED_AT if seq == 1 else 1000 * (seq - 1),
        )
        for seq in (0, 1, 16, 17, 31, 32, 58, 59)
    },
    "an entry of one's own at the end": Attack(
        lambda case: append(case.path, [encode(60, 60_000, "security.seen", {})]), ALONE, "head", 60, 59_000
    ),
    "a rotation of one's own at the end": Attack(_gap_signed_over, ALONE, "head", None, None),
    # what stands beside the entries
    "epoch deleted": Attack("DELETE FROM stretch", ALONE, "stretch"),
    "epoch edited": Attack("UPDATE stretch SET log_epoch = 'e9'", ALONE, "stretch"),
    "epoch moved": Attack("UPDATE stretch SET seq = 30", ALONE, "stretch"),
    "epoch moved before all": Attack("UPDATE stretch SET seq = -1", ALONE, "stretch"),
    "epoch added": Attack("INSERT INTO stretch VALUES (30, 'T1', 'e9')", ALONE, "stretch"),
    "epoch told twice": Attack("INSERT INTO stretch VALUES (30, 'T1', 'e1')", ALONE, "stretch"),
    "epoch beyond the end": Attack("INSERT INTO stretch VALUES (60, 'T1', 'e2')", ALONE, "stretch"),
    "private value edited": beside("UPDATE private SET value = '别的店' WHERE seq = 17"),
    "private salt edited": beside("UPDATE private SET salt = zeroblob(16) WHERE seq = 17"),
    "private value partly in its salt": beside(
        "UPDATE private SET salt = CAST(salt || CAST(substr(value, 1, 1) AS BLOB) AS BLOB), value = substr(value, 2) WHERE seq = 17"
    ),
    "private value added": beside("INSERT INTO private VALUES (17, 'x', zeroblob(16), 'y')"),
    "private value moved": beside("UPDATE private SET seq = 61 WHERE seq = 17", 61),
    "private values swapped": beside(
        ("UPDATE private SET seq = seq - 35 WHERE seq IN (17, 18)", "UPDATE private SET seq = -seq WHERE seq < 0")
    ),
    "private field renamed": beside("UPDATE private SET field = 'description' WHERE seq = 17"),
    "table added": Attack("CREATE TABLE extra (a ANY) STRICT", ALONE, "schema"),
    "index added": Attack("CREATE INDEX i ON entry (note)", ALONE, "schema"),
    "trigger added": Attack("CREATE TRIGGER z BEFORE INSERT ON entry BEGIN SELECT 1; END", ALONE, "schema"),
    "view dropped": Attack("DROP VIEW head", ALONE, "schema"),
    "statistics made": Attack("ANALYZE", ALONE, "schema"),
    "version changed": Attack("PRAGMA user_version = 3", ALONE, "schema"),
    "program changed": Attack("PRAGMA application_id = 1", ALONE, "file", 0),
    # cut, put back, written anew with the key
    "tail cut": remembered(cut(50)),
    "last entry cut": remembered(cut(59)),
    "all but the first cut": remembered(cut(1)),
    "tail cut, its private values left": Attack(cut(50)[0], ALONE, "private", 50),
    "older copy put back": remembered(lambda case: overwrite(case, case.older)),
    "one price changed, with the key": remembered(lambda case: rewrite(case.path, _other_price, case.signer)),
    "gone on from the older copy, shorter": remembered(lambda case: fork(case, [1] * 10, _sale(case))),
    "gone on from the older copy, as long": remembered(lambda case: fork(case, [1] * 20, _sale(case))),
    "gone on from the older copy, longer": remembered(lambda case: fork(case, [1] * 10 + [20], _sale(case))),
    "another key put in the home": Attack(lambda case: _swap_key(case, history=False), ALONE, "head", None),
    "another key, and the history signed with it": remembered(lambda case: _swap_key(case, history=True)),
    "another journal altogether": remembered(_new_home),
    # nothing changed
    "nothing": harmless(()),
    "written anew by SQLite": harmless(_vacuum),
    "written through": harmless("PRAGMA wal_checkpoint(TRUNCATE)"),
    "an index of the log made of rubbish": harmless(lambda case: _rubbish(case)),
    "file emptied": Attack(lambda case: truncate(case.path, 0), ALONE, "file", 0),
    "file cut to its header": Attack(lambda case: truncate(case.path, 100), ALONE, "file", 0),
    "file cut to a page": Attack(lambda case: truncate(case.path, engine.PAGE_SIZE), ALONE, "file", 0),
    "last page cut": Attack(lambda case: truncate(case.path, case.path.stat().st_size - engine.PAGE_SIZE), ALONE, "file", 0),
    "half a page cut": Attack(lambda case: truncate(case.path, case.path.stat().st_size - 2_000), ALONE, "entry", 58, 57_000),
}  # fmt: skip


def _sale(case: Case) -> Callable[[int], object]:
    make = sales(case.signer)
    return lambda number: make(number, merchant="别的店")


def _rubbish(case: Case) -> None:
    (case.home / "journal.db-shm").write_bytes(b"\x5a" * 32_768)
