"""What views.db consists of: every table and column with its meaning, the indexes, the full-text index. One source.

The projection makes the database of it, its table `about` and docs/views.md carry the meanings. Tables are in the plural,
`seq` is everywhere the number of the journal's entry that a row comes from, `*_minor` are minor units of the `currency`
beside them, `at` is ms UTC and `date` the same moment's ISO date in the merchant's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.journal import engine

VERSION = 3
"""Of the schema below, kept as the database's user_version; another one is made anew."""


@dataclass(frozen=True, slots=True)
class Column:
    """of: int, str or bytes. into: the table whose `seq` it holds, if it is a foreign key. private: can be erased."""

    name: str
    means: str
    of: type = str
    into: str | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """where: SQL of a partial index."""

    columns: tuple[str, ...]
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The first column is the primary key."""

    means: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _of_entry(at: str) -> tuple[Column, Column, Column]:
    return (
        Column("seq", "number of its entry in the journal", int),
        Column("at", at, int),
        Column("date", "ISO date of `at` in the merchant's time zone; 9999-12-31 beyond the calendar"),
    )


_AMOUNT = "{0}, minor units of `currency`"
_CURRENCY = Column("currency", "ISO 4217 numeric code", int)

TABLES: dict[str, Table] = {
    "transactions": Table(
        "What the terminal logged of every money movement, one row each.",
        (
            *_of_entry("the transaction's time by the terminal's clock, ms UTC"),
            Column("reference", "the transaction's reference, 32 hex digits"),
            Column("kind", "`sale`, `void`, `refund`, `pre_auth`, `pre_auth_completion` or `reversal`"),
            Column("outcome", "`approved` or `declined`"),
            Column("product", "the class that tariffs tell apart"),
            Column("amount_minor", _AMOUNT.format("amount"), int),
            _CURRENCY,
            Column("voided", "1 where an approved void names it, else 0", int),
            Column("masked_pan", "first six and last four digits of the card at most"),
            Column("trace", "system trace audit number (STAN)"),
            Column("batch", "batch number"),
            Column("rrn", "retrieval reference number"),
            Column("auth_code", "authorisation code"),
            Column("mid", "merchant id"),
            Column("tid", "terminal id at the acquirer"),
            Column("entry_mode", "how card or code was read"),
            Column("settlement_mode", "`T0`, `D0`, `T1` or `D1`"),
            Column("response_code", "ISO 8583 field 39"),
            Column("scheme", "card scheme"),
            Column("operator", "operator at the terminal"),
            Column("original_reference", "reference of the transaction that this one voids, refunds or completes"),
            Column("merchant_name", "the merchant's name as the slip has it; empty once it was erased", private=True),
        ),
        (
            Index(("date",)),
            Index(("reference",)),
            Index(("amount_minor",)),
            Index(("merchant_name",)),
            Index(("original_reference",), "original_reference IS NOT NULL"),
        ),
    ),
    "fees": Table(
        "What was charged, one row a fee line; corrections are negative.",
        (
            *_of_entry("when the terminal logged it, ms UTC"),
            Column(
                "transaction_seq",
                "the transaction that was charged for; empty for a fee of its own, or where that transaction is not here",
                int,
                into="transactions",
            ),
            Column("reference", "that transaction's reference, as the fee line names it"),
            Column("type", "`mdr`, `t0`, `sim`, `service`, `refund_fee`, `deposit_deduction` or `other`"),
            Column("amount_minor", _AMOUNT.format("what was charged"), int),
            _CURRENCY,
            Column("rule", "the rule that the acquirer names"),
            Column("description", "the acquirer's words; empty once they were erased", private=True),
        ),
        (
            Index(("date",)),
            Index(("transaction_seq",), "transaction_seq IS NOT NULL"),
            Index(("reference",), "transaction_seq IS NULL AND reference IS NOT NULL"),
        ),
    ),
    "device_events": Table(
        "What happened to the device itself.",
        (
            *_of_entry("when the terminal logged it, ms UTC"),
            Column("kind", "`reboot`, `fault`, `tamper`, `firmware_changed`, `serial_changed` or `merchant_changed`"),
            Column("severity", "`info`, `minor` or `major`"),
            Column("code", "fault code"),
            Column("detail", "the terminal's words; empty once they were erased", private=True),
        ),
    ),
    "findings": Table(
        "Entries that a person should see: gaps, contradictions, faults, refusals.",
        (
            *_of_entry("when it was recorded, ms UTC"),
            Column("kind", "the entry's kind, as docs/journal.md lists them"),
            Column("facts", "the entry's body, as JSON"),
        ),
        (Index(("at",)),),
    ),
    "pairings": Table(
        "Whose key was pinned when.",
        (
            *_of_entry("when it was recorded, ms UTC"),
            Column("kind", "`terminal.paired` or `terminal.unpaired`"),
            Column("public_key", "the terminal's static X25519 public key, hex"),
        ),
    ),
    "built": Table(
        "One row: how far into the journal this database goes.",
        (
            Column("id", "always 1", int),
            Column("size", "how many entries of the journal stand in here", int),
            Column("root", "root of the journal's tree at that size; another one there, and all is made anew", bytes),
        ),
    ),
    "about": Table(
        "What every table and column means.",
        (
            Column("id", "its place in this list", int),
            Column("table_name", "a table or view"),
            Column("column_name", "its column; empty for the table itself"),
            Column("meaning", "what it holds"),
        ),
    ),
}

TRANSACTIONS_WITH_FEES = """
SELECT t.seq, t.at, datetime(t.at / 1000, 'unixepoch') AS at_utc, t.date, t.reference, t.kind, t.outcome, t.voided,
       t.product, t.amount_minor, t.currency,
       (SELECT sum(f.amount_minor) FROM fees f WHERE f.transaction_seq = t.seq) AS fee_minor,
       t.masked_pan, t.trace, t.batch, t.rrn, t.auth_code, t.merchant_name
FROM transactions t
""".strip()
VIEWS: dict[str, tuple[str, str, dict[str, str]]] = {
    "transactions_with_fees": (
        "A transaction and the sum of its fee lines in one row.",
        TRANSACTIONS_WITH_FEES,
        {
            "at_utc": "`at` in words, UTC",
            "fee_minor": "sum of its fee lines, minor units of `currency`; empty before one came",
        },
    )
}
"""name → what it means, its SELECT, the meanings of columns that no table has."""

SEARCH = "transactions_search"
SEARCHED = ("masked_pan", "trace", "rrn", "auth_code")
"""Columns of `transactions` under the full-text index.

Not the reference, which is asked for by its beginning, nor the amount, which is asked for whole: plain indexes serve those.
Not the merchant's name: it can be erased, and Chinese asks for two characters as often as for three; there are few names,
and `merchant_name` has an index.
"""
_SEARCH_MEANS = (
    "Full-text index (FTS5, trigrams) over the numbers of `transactions`: any part of three characters or more; "
    "its rowid is `seq`."
)


def search_sql() -> str:
    """columnsize=0: nothing here is ranked, and a row less is written for every transaction."""
    return (
        f'CREATE VIRTUAL TABLE {SEARCH} USING fts5({", ".join(SEARCHED)}, content="transactions", content_rowid="seq", '
        'tokenize="trigram", columnsize=0)'
    )


def about_rows() -> list[tuple[str, str, str]]:
    """(table, column, meaning) of everything, a table's own row with an empty column."""
    rows = []
    meanings: dict[str, str] = {}
    for name, table in TABLES.items():
        rows.append((name, "", table.means))
        for column in table.columns:
            rows.append((name, column.name, column.means))
            if name == "transactions":
                meanings[column.name] = column.means
    for name, (means, sql, own) in VIEWS.items():
        rows.append((name, "", means))
        rows += [(name, column, own.get(column) or meanings[column]) for column in columns_of(sql)]
    rows.append((SEARCH, "", _SEARCH_MEANS))
    rows += [(SEARCH, column, meanings[column]) for column in SEARCHED]
    return rows


def columns_of(select: str) -> list[str]:
    """The names of what a SELECT over the tables answers."""
    connection = engine.connect_memory()
    try:
        for name, table in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(table.names)})")
        return [column[0] for column in connection.execute(select).description]
    finally:
        connection.close()


def make(connection: engine.Connection) -> None:
    """All of it, empty, in place of whatever the database holds."""
    from sqlite_utils import Database  # noqa: PLC0415  heavy, and needed only here

    connection.execute("PRAGMA user_version=0")  # what is cut short from here on is begun again
    _clear(connection)
    database = Database(connection)
    for name, table in TABLES.items():
        types: dict[str, Any] = {column.name: column.of for column in table.columns}
        keys = [(column.name, column.into, "seq") for column in table.columns if column.into is not None]
        made = database[name].create(types, pk=table.names[0], foreign_keys=keys)  # type: ignore[union-attr]
        for index in table.indexes:
            if index.where is None:
                made.create_index(index.columns)
            else:
                connection.execute(
                    f"CREATE INDEX idx_{name}_{'_'.join(index.columns)} ON {name} ({', '.join(index.columns)})"
                    f" WHERE {index.where}"
                )
    for name, (_means, sql, _own) in VIEWS.items():
        database.create_view(name, sql)
    connection.execute(search_sql())
    connection.execute("INSERT INTO built (id, size, root) VALUES (1, 0, x'')")
    connection.executemany(
        "INSERT INTO about (id, table_name, column_name, meaning) VALUES (?, ?, ?, ?)",
        [(place, *row) for place, row in enumerate(about_rows(), 1)],
    )
    if connection.in_transaction:
        connection.execute("COMMIT")
    connection.execute(f"PRAGMA user_version={VERSION}")


def _clear(connection: engine.Connection) -> None:
    """Views first, then virtual tables, which take their shadows with them, then the rest."""
    tests = ("type = 'view'", "type = 'table' AND sql LIKE 'CREATE VIRTUAL %'", "type = 'table'")
    for test in tests:
        found = f"SELECT type, name FROM sqlite_schema WHERE {test} AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"  # noqa: S608
        for of, name in connection.execute(found).fetchall():
            quoted = name.replace('"', '""')
            connection.execute(f'DROP {of} "{quoted}"')


def views_table() -> str:
    """docs/views.md's table: every table and column, its type and meaning."""
    types = {int: "integer", str: "text", bytes: "bytes"}
    kinds = {
        (n, c.name): types[c.of] + (f" → `{c.into}`" if c.into else "") for n, t in TABLES.items() for c in t.columns
    }
    lines = ["| table | column | type | meaning |", "|---|---|---|---|"]
    for table, column, means in about_rows():
        kind = kinds.get((table, column)) or kinds.get(
            ("transactions", column), "integer" if column == "fee_minor" else ""
        )
        lines.append(f"| | `{column}` | {kind or 'text'} | {means} |" if column else f"| `{table}` | | | {means} |")
    return "\n".join(lines) + "\n"
