-- The journal's store, version 1. Entries, subtrees and heads are only ever added: triggers refuse the accidents,
-- the signed heads show the rest. An entry's seq is its leaf index in the RFC 9162 tree.

CREATE TABLE entry (
    seq  INTEGER PRIMARY KEY,   -- 0, 1, 2, …
    body TEXT NOT NULL,         -- canonical JSON, UTF-8, under 64 KiB
    leaf BLOB NOT NULL          -- SHA-256(0x00 || body)
) STRICT;

-- Hashes of complete subtrees of 2^level leaves, level ≥ 1, in the order in which they become complete: before leaf n
-- there are n − popcount(n) of them, so that a subtree is found by its computed pos and a new one goes to the last page.
CREATE TABLE node (
    pos   INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,     -- covers leaves idx·2^level … (idx + 1)·2^level − 1
    hash  BLOB NOT NULL         -- SHA-256(0x01 || left || right)
) STRICT;

-- One signed checkpoint for every commit.
CREATE TABLE head (
    size INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,      -- ms UTC
    note TEXT NOT NULL          -- C2SP signed note
) STRICT;

-- Values that may be erased: the entry holds SHA-256(salt || value) as <field>_sha256.
CREATE TABLE private (
    seq   INTEGER NOT NULL,
    field TEXT NOT NULL,
    salt  BLOB NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (seq, field)
) STRICT, WITHOUT ROWID;

-- Where the event stream changes its terminal or log epoch: derived from the entries, so that the last event of each
-- epoch is found without reading them all. `journal verify` compares.
CREATE TABLE stretch (
    seq       INTEGER PRIMARY KEY,
    terminal  TEXT NOT NULL,
    log_epoch TEXT NOT NULL
) STRICT;

CREATE TRIGGER entry_appends BEFORE INSERT ON entry
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM entry)
BEGIN SELECT RAISE(ABORT, 'entries are only appended'); END;
CREATE TRIGGER entry_stays BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entry_remains BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;

CREATE TRIGGER node_appends BEFORE INSERT ON node
WHEN NEW.pos IS NOT (SELECT coalesce(max(pos) + 1, 0) FROM node)
BEGIN SELECT RAISE(ABORT, 'subtrees are only appended'); END;
CREATE TRIGGER node_stays BEFORE UPDATE ON node BEGIN SELECT RAISE(ABORT, 'subtrees are never changed'); END;
CREATE TRIGGER node_remains BEFORE DELETE ON node BEGIN SELECT RAISE(ABORT, 'subtrees are never deleted'); END;

CREATE TRIGGER head_appends BEFORE INSERT ON head
WHEN NEW.size <= (SELECT coalesce(max(size), 0) FROM head)
BEGIN SELECT RAISE(ABORT, 'heads only grow'); END;
CREATE TRIGGER head_stays BEFORE UPDATE ON head BEGIN SELECT RAISE(ABORT, 'heads are never changed'); END;
CREATE TRIGGER head_remains BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'heads are never deleted'); END;

CREATE TRIGGER private_appends BEFORE INSERT ON private
WHEN EXISTS (SELECT 1 FROM private WHERE seq = NEW.seq AND field = NEW.field)
BEGIN SELECT RAISE(ABORT, 'a private value is written once'); END;
CREATE TRIGGER private_stays BEFORE UPDATE ON private
BEGIN SELECT RAISE(ABORT, 'a private value is erased, never changed'); END;

CREATE TRIGGER stretch_appends BEFORE INSERT ON stretch
WHEN NEW.seq <= (SELECT coalesce(max(seq), -1) FROM stretch)
BEGIN SELECT RAISE(ABORT, 'stretches are only appended'); END;
CREATE TRIGGER stretch_stays BEFORE UPDATE ON stretch BEGIN SELECT RAISE(ABORT, 'stretches are never changed'); END;
CREATE TRIGGER stretch_remains BEFORE DELETE ON stretch BEGIN SELECT RAISE(ABORT, 'stretches are never deleted'); END;
