-- The journal's store, version 2. Entries are only ever added: triggers refuse the accidents, the signed heads show the
-- rest. An entry's seq is its leaf index in the RFC 9162 tree.

CREATE TABLE entry (
    seq    INTEGER PRIMARY KEY, -- 0, 1, 2, …
    hashes BLOB NOT NULL,       -- 32 bytes each: SHA-256(0x00 || body), then every subtree that this leaf completes, lowest first
    note   TEXT,                -- on the last entry of every commit: the signed head (C2SP note) of the seq + 1 entries so far
    body   TEXT NOT NULL        -- canonical JSON, UTF-8, under 64 KiB
) STRICT;

-- For people who look into the file: one signed checkpoint for every commit.
CREATE VIEW head AS
SELECT seq + 1 AS size, json_extract(body, '$.at') AS at, note FROM entry WHERE note IS NOT NULL;

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
