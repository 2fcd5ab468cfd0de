"""How one provider or bank lays out its tables: a mapping, a TOML file (docs/fees.md). Shipped ones: mappings/*.toml.

Names of columns and words are compared as NFKC, without blanks; a column's `(元)` or `(分)` says its unit and is no part
of its name.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Sequence, Sized
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.errors import NotFound, StatementRefused
from agent.fees.statements.table_file import Missing, read_table
from agent.fees.troubles import Code, Trouble, Troubles, Unread
from agent.language import _
from protocol.messages import Product, TransactionKind
from protocol.money import CNY
from protocol.toml_lines import line_of, lines_of

_SHIPPED = Path(__file__).parent / "mappings"
_UNIT = re.compile(r"[(\[](元|分|人民币元?|RMB|CNY)[)\]]$", re.IGNORECASE)
MOST_LINES = 50_000
"""Of one file: so many pages go to the record's owner in one call."""
LEFT_OUT = "left_out"
"""The key of [kinds] for rows that move no money."""


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each field the names that its column has in the files, the likeliest first."""

    amount: tuple[str, ...]
    date: tuple[str, ...]
    time: tuple[str, ...] = ()
    fee: tuple[str, ...] = ()
    net: tuple[str, ...] = ()
    rrn: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    product: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    tid: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    note: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """provider: whose files they are. reads: `statement` of an acquirer, or `bank`. source: where the layout is from.

    amounts_in: `yuan` or `fen`, where no header says so. refunds: how the amount of a refund, void or reversal stands.
    fees: the sign of a fee that was taken. refund_fees: how a fee on a refund stands: `signed` as the others, or always what
    was `returned` or `taken`. required: fields whose columns must be there. skip: how rows begin that are no lines (合计).
    kinds, products: our word -> theirs; the kind of a file without that column is told by the amount's sign. failed: words
    of the status column for what failed, done: for what did not. incoming, outgoing: words of a bank's direction column.
    """

    provider: str
    source: str
    columns: Columns
    dates: tuple[str, ...]
    reads: Literal["statement", "bank"] = "statement"
    encoding: Literal["auto", "utf-8", "gb18030"] = "auto"
    amounts_in: Literal["yuan", "fen"] = "yuan"
    currency: Annotated[int, msgspec.Meta(ge=1, le=999)] = CNY
    refunds: Literal["negative", "positive", "either"] = "negative"
    fees: Literal["taken_positive", "taken_negative"] = "taken_positive"
    refund_fees: Literal["signed", "returned", "taken"] = "signed"
    required: tuple[str, ...] = ("amount", "date")
    skip: tuple[str, ...] = ()
    kinds: dict[str, tuple[str, ...]] = {}
    products: dict[str, tuple[str, ...]] = {}
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fields = set(Columns.__struct_fields__)
        if unknown := [name for name in self.required if name not in fields]:
            raise ValueError(f"no field {unknown[0]!r} - at `$.required`")
        if bare := [name for name in self.required if not getattr(self.columns, name)]:
            raise ValueError(f"no column for {bare[0]!r} - at `$.required`")
        if bad := set(self.kinds) - {*map(str, TransactionKind), LEFT_OUT}:
            raise ValueError(f"no kind {min(bad)!r} - at `$.kinds`")
        if bad := set(self.products) - set(map(str, Product)):
            raise ValueError(f"no product {min(bad)!r} - at `$.products`")
        for where, words in (("kinds", self.kinds), ("products", self.products)):
            told = [word_of(each) for named in words.values() for each in named]
            if twice := [each for each in told if told.count(each) > 1]:
                raise ValueError(f"{twice[0]!r} stands twice - at `$.{where}`")
        if self.columns.kind and not self.kinds:
            raise ValueError("a column of kinds needs their words - at `$.kinds`")
        if self.columns.status and not self.done:
            raise ValueError("a column of outcomes needs their words - at `$.done`")

    @cached_property
    def skip_words(self) -> tuple[str, ...]:
        return tuple(map(word_of, self.skip))

    @cached_property
    def kind_words(self) -> Dict[str, str]:
        return {word_of(each): kind for kind, named in self.kinds.items() for each in named}

    @cached_property
    def product_words(self) -> Dict[str, str]:
        return {word_of(each): product for product, named in self.products.items() for each in named}

    @cached_property
    def outcomes(self) -> Dict[str, bool]:
        return {word_of(w): True for w in self.done} | {word_of(w): False for w in self.failed}

    @cached_property
    def directions(self) -> Dict[str, bool]:
        return {word_of(w): True for w in self.incoming} | {word_of(w): False for w in self.outgoing}

    def is_skipped(self, cells: Sequence[str]) -> bool:
        """A row of sums or words: its first filled cell begins so."""
        first = next((word_of(cell) for cell in cells if cell.strip()), "")
        return not first or first.startswith(self.skip_words)


@dataclass(frozen=True, slots=True)
class Header:
    """Where the fields stand in a row, what their columns are called in the file, and which amounts are fen."""

    places: Dict[str, int]
    names: Dict[str, str]
    fen: frozenset[str]

    def cell(self, field: str, cells: Sequence[str]) -> str:
        """Empty where the file has no such column, or the row ends before it."""
        place = self.places.get(field)
        return cells[place] if place is not None and place < len(cells) else ""

    def has(self, field: str) -> bool:
        return field in self.places


def header_of(mapping: Mapping, line: int, cells: Sequence[str]) -> Header | Missing:
    """A row as the header, if all columns that are required stand in it. Raises Unread for one that stands twice."""
    units = [found[1] if (found := _UNIT.search(word_of(cell))) else "" for cell in cells]
    told = [_UNIT.sub("", word_of(cell)) for cell in cells]
    places: dict[str, int] = {}
    names: dict[str, str] = {}
    for field in Columns.__struct_fields__:
        for name in getattr(mapping.columns, field):
            if (word := word_of(name)) in told:
                places[field], names[field] = told.index(word), name
                break
    lacking = tuple("/".join(getattr(mapping.columns, field)) for field in mapping.required if field not in places)
    if lacking or not places:
        return Missing(len(places), lacking)
    for field, place in places.items():
        if told.count(told[place]) > 1:
            raise Unread(Trouble(line, names[field], Code.COLUMN_TWICE))
    amounts = [field for field in ("amount", "fee", "net") if field in places]
    plain = mapping.amounts_in == "fen"
    fen = frozenset(field for field in amounts if (units[places[field]] or ("分" if plain else "元")) == "分")
    return Header(places, names, fen)


@lru_cache(maxsize=4096)
def word_of(text: str) -> str:
    """A name or word as it is compared."""
    return "".join(unicodedata.normalize("NFKC", text).split()).strip("`'\ufeff")


def shipped() -> tuple[str, ...]:
    """Names of the mappings that come with the program."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def load_mapping(named: str, reads: Literal["statement", "bank"]) -> Mapping:
    """A shipped mapping by its name, or a file. Raises NotFound, and StatementRefused with the line and field."""
    path = _SHIPPED / f"{named}.toml" if named in shipped() else Path(named)
    if not path.is_file():
        raise NotFound(
            _("There is no mapping {name}.").format(name=named),
            _("Name a file of yours, or one of these: {names}.").format(names=", ".join(shipped())),
        )
    text = ""
    try:
        text = path.read_bytes().decode()
        mapping = msgspec.convert(tomllib.loads(text), Mapping)
        if mapping.reads != reads:
            raise ValueError(f"{mapping.reads!r} is not {reads!r} - at `$.reads`")
    except (ValueError, msgspec.MsgspecError) as error:
        what, _at, where = str(error).partition(" - at `$")
        unknown = re.search(r"unknown field `(\w+)`", what)
        parts = [part.replace("[...]", "") for part in (*where.strip("`.").split("."), unknown[1] if unknown else "")]
        field = ".".join(part for part in parts if part)
        line = line_of(lines_of(text), tuple(field.split("."))) if field else _syntax_line(error)
        trouble = _("{file}, line {line}: {what}") if not field else _("{file}, line {line}, {field}: {what}")
        raise StatementRefused(
            trouble.format(file=path.name, line=line, field=field, what=what),
            _("Correct the mapping; those that are shipped show how."),
            ((line, field, "mapping", what),),
        ) from None
    return mapping


def _syntax_line(error: Exception) -> int:
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else 1


def take_rows(
    raw: bytes, mapping: Mapping, lines: Sized, troubles: Troubles, take: Callable[[Header, int, Sequence[str]], None]
) -> None:
    """Every row of a file below its header, until the troubles are full; what cannot be read is one of them. lines: what was
    taken so far, of which there are no more than `MOST_LINES`."""
    try:
        header, _line, rows = read_table(raw, mapping.encoding, partial(header_of, mapping))
        for line, cells in rows:
            if len(lines) >= MOST_LINES:
                raise Unread(Trouble(line, "", Code.TOO_LONG))
            take(header, line, cells)
            if troubles.full:
                break
    except Unread as error:
        for trouble in error.troubles:
            troubles.add(trouble)
