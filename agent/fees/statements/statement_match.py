"""Lines of a statement and transactions of the record: which is which. Pure; the order of what is given changes nothing.

By reference; by RRN (the same trace and amount first, then the same amount, then the same trace); by trace, amount and
batch; by trace, amount and date; last by date and amount, where both sides have only one. What gives money, what takes it
back and what failed never meet. A number that both sides tell and that differs forbids the weaker tests. A line and a
transaction are used once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, Protocol, TypeVar

from agent.fees.contract.terms import StatementLine, StatementPage
from agent.fees.statements.statement_file import DECLINED, GIVING_BACK, content, identity
from protocol.masking import mask_text
from protocol.messages import Outcome, TransactionKind

NEAR_DAYS = 10
"""A line may bear the date of its settlement; RRNs and traces come again after months."""


class Traded(Protocol):
    """What a transaction must tell; `agent.fees.audit.moments.Trade` does."""

    @property
    def seq(self) -> int: ...
    @property
    def day(self) -> date: ...
    @property
    def reference(self) -> str: ...
    @property
    def kind(self) -> TransactionKind: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> int: ...
    @property
    def trace(self) -> str: ...
    @property
    def batch(self) -> str: ...
    @property
    def rrn(self) -> str | None: ...


T = TypeVar("T", bound=Traded)


@dataclass(frozen=True, slots=True)
class Stated:
    """A line where it stands. seq: the page's entry; file: hex SHA-256 of the file, empty for a page from the wire."""

    seq: int
    file: str
    currency: int
    line: StatementLine


@dataclass(frozen=True, slots=True)
class Fees:
    """Net fee lines of one transaction, minor units. A statement's fee may be either."""

    mdr_minor: int
    all_minor: int


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    """fee_differs: both sides tell a fee, and the line's is neither the MDR nor all fees together."""

    trade: T
    stated: Stated
    amount_differs: bool
    fee_differs: bool

    @property
    def differs(self) -> bool:
        return self.amount_differs or self.fee_differs


@dataclass(frozen=True, slots=True)
class Matched(Generic[T]):
    """lines: without a transaction; trades: without a line; replaced: lines that a later file says otherwise."""

    pairs: tuple[Pair[T], ...]
    lines: tuple[Stated, ...]
    trades: tuple[T, ...]
    replaced: tuple[Stated, ...]


def stated_of(pages: Iterable[tuple[int, StatementPage]]) -> list[Stated]:
    """Every line of some pages; pages come with their entries."""
    return [Stated(seq, page.file_sha256.hex(), page.currency, line) for seq, page in pages for line in page.lines]


def statement_index(pages: Iterable[tuple[int, StatementPage]]) -> StatementIndex:
    """The lines of some pages, to be taken one by one; pages come with their entries."""
    return StatementIndex(stated_of(pages))


def match(lines: Iterable[Stated], trades: Sequence[T], fees: Mapping[int, Fees] | None = None) -> Matched[T]:
    """fees: of a transaction's entry; where there is none, the record tells no fee and the line's differs from nothing."""
    index = StatementIndex(lines)
    left = sorted(trades, key=lambda trade: trade.seq)
    found: list[tuple[T, Stated]] = []
    for test in _TESTS:
        rest = []
        for trade in left:
            stated = index.take_by(test, trade)
            if stated is None:
                rest.append(trade)
            else:
                found.append((trade, stated))
        left = rest
    alone = index.take_alone(left)
    found += alone
    taken = {trade.seq for trade, _stated in alone}
    pairs = [_pair(trade, stated, (fees or {}).get(trade.seq)) for trade, stated in found]
    return Matched(
        tuple(sorted(pairs, key=lambda pair: pair.trade.seq)),
        index.left,
        tuple(trade for trade in left if trade.seq not in taken),
        index.replaced,
    )


def _pair(trade: T, stated: Stated, fees: Fees | None) -> Pair[T]:
    said = stated.line.fee_minor
    return Pair(
        trade,
        stated,
        stated.line.amount_minor != trade.amount_minor,
        fees is not None and said is not None and said not in (fees.mdr_minor, fees.all_minor),
    )


class StatementIndex:
    """Lines by what names them. replaced: those that a later file says otherwise; they are never taken."""

    def __init__(self, lines: Iterable[Stated]) -> None:
        kept, self.replaced = _newest(sorted(lines, key=_order))
        self._lines = kept
        self._free = [True] * len(kept)
        self._by: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for at, stated in enumerate(kept):
            for key in _keys_of_line(stated):
                self._by[key].append(at)

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def left(self) -> tuple[Stated, ...]:
        """What nobody has taken, in order."""
        return tuple(stated for stated, free in zip(self._lines, self._free, strict=True) if free)

    def take(self, trade: Traded) -> Stated | None:
        """The line of a transaction, once; None where none is certainly its. Its amount or fee may differ.

        By everything but date and amount alone: for that both sides must be known, see `take_alone`.
        """
        if not self._lines:
            return None
        return next((found for test in _TESTS if (found := self.take_by(test, trade)) is not None), None)

    def take_alone(self, trades: Sequence[T]) -> list[tuple[T, Stated]]:
        """Of transactions that have no line so far those that are the only one of their day, amount and direction, as one
        line is that nothing else names."""
        of_day: dict[tuple[object, ...], list[T]] = defaultdict(list)
        for trade in trades:
            of_day[_amount_key(_way(trade.kind, trade.outcome), trade.currency, trade.day, trade.amount_minor)].append(
                trade
            )
        found = []
        for key, alone in of_day.items():
            free = [at for at in self._by.get(key, ()) if self._free[at]]
            if len(alone) == len(free) == 1 and _may_be(alone[0], self._lines[free[0]].line):
                self._free[free[0]] = False
                found.append((alone[0], self._lines[free[0]]))
        return found

    def take_by(self, test: _Test, trade: Traded) -> Stated | None:
        """By one test alone."""
        key = _key_of_trade(test.of, trade)
        fitting = [
            (abs((self._lines[at].line.on - trade.day).days), at)
            for at in (self._by.get(key, ()) if key is not None else ())
            if self._free[at] and self._lines[at].currency == trade.currency and test.holds(trade, self._lines[at].line)
        ]
        if not fitting or min(fitting)[0] > test.days:
            return None
        at = min(fitting)[1]
        self._free[at] = False
        return self._lines[at]


@dataclass(frozen=True, slots=True)
class _Test:
    """of: what both sides name: a key. days: how far apart their dates may be."""

    of: str
    days: int = NEAR_DAYS
    amount: bool = False
    trace: bool = False
    trace_or_none: bool = False
    batch: bool = False
    rrn_not_other: bool = False

    def holds(self, trade: Traded, line: StatementLine) -> bool:
        same_trace = _number(line.trace) == _number(trade.trace)
        return (
            (not self.amount or line.amount_minor == trade.amount_minor)
            and (not self.trace or same_trace)
            and (not self.trace_or_none or same_trace or line.trace is None)
            and (not self.batch or _number(line.batch) == _number(trade.batch))
            and not (self.rrn_not_other and _both_differ(line.rrn, trade.rrn))
        )


_TESTS = (
    _Test("reference"),
    _Test("rrn", amount=True, trace=True),
    _Test("rrn", amount=True),
    _Test("rrn", trace_or_none=True),
    _Test("trace", amount=True, batch=True, rrn_not_other=True),
    _Test("trace", days=1, amount=True, rrn_not_other=True),
)


def _way(kind: str, outcome: Outcome = Outcome.APPROVED) -> str:
    """Which transactions and lines may meet: those that give money, those that take it back, those that failed."""
    if outcome is not Outcome.APPROVED or kind == DECLINED:
        return DECLINED
    if kind in GIVING_BACK:
        return "back"
    return "held" if kind == TransactionKind.PRE_AUTH else "paid"


def _keys_of_line(stated: Stated) -> Iterable[tuple[object, ...]]:
    line, way = stated.line, _way(stated.line.kind)
    for of, number in (("reference", line.reference), ("rrn", line.rrn), ("trace", line.trace)):
        if number is not None:
            yield (of, way, _number(number))
    yield _amount_key(way, stated.currency, line.on, line.amount_minor)


def _key_of_trade(of: str, trade: Traded) -> tuple[object, ...] | None:
    number = {"reference": trade.reference, "rrn": trade.rrn, "trace": trade.trace}[of]
    return (of, _way(trade.kind, trade.outcome), _number(number)) if number else None


def _amount_key(way: str, currency: int, on: date, amount_minor: int) -> tuple[object, ...]:
    return ("amount", way, currency, on, amount_minor)


def _may_be(trade: Traded, line: StatementLine) -> bool:
    """No number that both sides tell differs."""
    return not (_both_differ(line.rrn, trade.rrn) or _both_differ(line.trace, trade.trace))


def _both_differ(one: str | None, other: str | None) -> bool:
    return bool(one and other) and _number(one) != _number(other)


def _number(text: str | None) -> str | None:
    """As it is compared: spreadsheets lose zeros in front, imports mask what looks like a card's number."""
    return None if text is None else mask_text(text).lstrip("0").upper()


def _order(stated: Stated) -> tuple[str, ...]:
    """Total over what a line says, so that only equal lines stand equal."""
    line = stated.line
    said = (f"{one:020d}" if isinstance(one, int) else str(one or "") for one in content(line))
    return (line.on.isoformat(), *said, f"{stated.seq:012d}", f"{line.line:07d}")


def _newest(lines: Sequence[Stated]) -> tuple[list[Stated], tuple[Stated, ...]]:
    """Of the lines that name the same transaction those of the file that came last, and the others."""
    last: dict[tuple[object, ...], Stated] = {}
    for stated in lines:
        key = identity(stated.line)
        if key is not None and (key not in last or last[key].seq < stated.seq):
            last[key] = stated
    kept: list[Stated] = []
    replaced: list[Stated] = []
    for stated in lines:
        key = identity(stated.line)
        (kept if key is None or last[key].file == stated.file else replaced).append(stated)
    return kept, tuple(replaced)
