"""What the record holds of statements: which lines of a file are new, and both sides' rest over some days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from agent.fees.audit.moments import Trade
from agent.fees.audit.told import ToldFee, ToldSettlement
from agent.fees.contract.terms import StatementLine, StatementPage
from agent.fees.facts import facts
from agent.fees.statements.statement_file import content, identity
from agent.fees.statements.statement_match import Fees, Matched, Stated, match, stated_of
from agent.journal.reader import Reader
from protocol.messages import FeeType, Outcome, TransactionKind

AROUND = timedelta(days=3)
"""Before the first and after the last day that is asked for: a line may bear another date than its transaction."""
_MONEY = frozenset({TransactionKind.SALE, TransactionKind.PRE_AUTH_COMPLETION, TransactionKind.REFUND})

Pages = list[tuple[int, StatementPage]]


@dataclass(frozen=True, slots=True)
class Changed:
    """A line that says otherwise than one before it: that one's entry, its file and what it said."""

    line: StatementLine
    seq: int
    file: str
    before: StatementLine


@dataclass(frozen=True, slots=True)
class Fresh:
    """lines: what the record lacks, `changed` among them. known: how many it holds already."""

    lines: tuple[StatementLine, ...]
    known: int
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A transaction as both sides are compared by (`agent.fees.statements.statement_match.Traded`)."""

    seq: int
    at: int
    day: date
    reference: str
    kind: TransactionKind
    outcome: Outcome
    amount_minor: int
    currency: int
    trace: str
    batch: str
    rrn: str | None
    original: str | None


@dataclass(frozen=True, slots=True)
class Sides:
    """first, last: the days, None where nothing is to be compared. statement: imported files; settlements: the wire's pages.

    Transactions without a line are those of days that a file, or a batch that a settlement, covers, and that moved money.
    """

    first: date | None
    last: date | None
    statement: Matched[Row]
    settlements: Matched[Row]
    fees: dict[int, Fees]


def statement_pages(journal: Reader) -> Pages:
    """Every page that was imported, with its entry. Raises JournalDamaged, ValueError."""
    return [
        (entry.seq, fact)
        for entry, fact in facts(journal.all_of((StatementPage.kind,)))
        if isinstance(fact, StatementPage)
    ]


def fresh_lines(lines: Sequence[StatementLine], pages: Iterable[tuple[int, StatementPage]]) -> Fresh:
    """Which lines of a file the record lacks. A line that is there already, word for word, is left out, each as often as it
    is there; one that names the same transaction and tells another fee or net is new, and the one before stays."""
    held: Counter[tuple[object, ...]] = Counter()
    named: dict[tuple[object, ...], tuple[int, str, StatementLine]] = {}
    for seq, page in pages:
        for line in page.lines:
            held[content(line)] += 1
            if (name := identity(line)) is not None:
                named[name] = (seq, page.file, line)
    new, changed = [], []
    for line in lines:
        if held[content(line)] > 0:
            held[content(line)] -= 1
            continue
        new.append(line)
        if (name := identity(line)) is not None and name in named:
            changed.append(Changed(line, *named[name]))
    return Fresh(tuple(new), len(lines) - len(new), tuple(changed))


def sides(journal: Reader, zone: str, first: date | None = None, last: date | None = None) -> Sides:
    """Both sides' rest over some days; None: from the first, to the last that a file covers; without files all days.

    zone: the merchant's. Raises JournalDamaged, ValueError.
    """
    pages = statement_pages(journal)
    first = first or min((page.first for _seq, page in pages), default=None)
    last = last or max((page.last for _seq, page in pages), default=None)
    low = date.min if first is None else first - AROUND
    high = date.max if last is None else last + AROUND
    told = _told(journal, ZoneInfo(zone), low, high)
    imported = [each for each in stated_of(pages) if low <= each.line.on <= high]
    files = [(page.first, page.last) for _seq, page in pages]
    wire = [line for lines in told.settled.values() for line in lines]
    batches = {(batch, on) for (batch, on, _page), lines in told.settled.items() if lines}

    def asked(day: date) -> bool:
        return (first or low) <= day <= (last or high)

    def in_a_file(row: Row) -> bool:
        return any(since <= row.day <= to for since, to in files)

    def in_a_settlement(row: Row) -> bool:
        return any((row.batch, row.day + timedelta(days=later)) in batches for later in range(-1, AROUND.days + 1))

    days = [row.day for row in told.rows]
    return Sides(
        first or min(days, default=None),
        last or max(days, default=None),
        _asked(match(imported, told.rows, told.fees), asked, in_a_file),
        _asked(match(wire, told.rows, told.fees), asked, in_a_settlement),
        told.fees,
    )


def _asked(found: Matched[Row], asked: Callable[[date], bool], covered: Callable[[Row], bool]) -> Matched[Row]:
    """What is of the days that were asked for, and of the rest of the transactions only what should have a line.

    A sale that was taken back, and what took it back, need none; where the sale has one, what took it back needs one too.
    """
    left = {row.reference: row for row in found.trades}
    undone = {
        row.original
        for row in found.trades
        if row.kind not in _MONEY and row.outcome is Outcome.APPROVED and row.original in left
    }

    def needs_a_line(row: Row) -> bool:
        if row.outcome is not Outcome.APPROVED or row.kind is TransactionKind.PRE_AUTH or row.reference in undone:
            return False
        return row.kind in _MONEY or (row.original is not None and row.original not in left)

    return Matched(
        tuple(pair for pair in found.pairs if asked(pair.trade.day)),
        tuple(stated for stated in found.lines if asked(stated.line.on)),
        tuple(row for row in found.trades if asked(row.day) and covered(row) and needs_a_line(row)),
        tuple(stated for stated in found.replaced if asked(stated.line.on)),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """settled: by batch, date and page, so that a page told again stands once."""

    rows: list[Row]
    fees: dict[int, Fees]
    settled: dict[tuple[str, date, int], list[Stated]]


def _told(journal: Reader, zone: ZoneInfo, low: date, high: date) -> _Told:
    """The wire's transactions, fees and settlements of some days, in one reading."""
    told = _Told([], {}, {})
    of_reference: dict[str, int] = {}
    for entry in journal.all_of(("terminal.transaction", "terminal.fee", "terminal.settlement")):
        if entry.kind == "terminal.transaction":
            said = msgspec.convert(entry.body, Trade)
            on = datetime.fromtimestamp(said.at // 1000, zone).date()
            if low <= on <= high:
                told.rows.append(_row(entry.seq, on, said))
                of_reference[said.reference] = entry.seq
        elif entry.kind == "terminal.fee":
            fee = msgspec.convert(entry.body, ToldFee)
            if (seq := of_reference.get(fee.transaction or "")) is not None:
                before = told.fees.get(seq, Fees(0, 0))
                mdr = fee.amount_minor if fee.type is FeeType.MDR else 0
                told.fees[seq] = Fees(before.mdr_minor + mdr, before.all_minor + fee.amount_minor)
        elif entry.kind == "terminal.settlement":
            page = msgspec.convert(entry.body, ToldSettlement)
            on = datetime.strptime(page.date, "%Y%m%d").date()
            if low <= on <= high:
                told.settled[page.batch, on, page.page] = list(_stated(entry.seq, page, on))
    return told


def _stated(seq: int, page: ToldSettlement, on: date) -> Iterator[Stated]:
    for place, line in enumerate(page.lines, 1):
        said = StatementLine(
            line=place,
            kind=line.kind,
            on=on,
            amount_minor=line.amount_minor,
            fee_minor=line.fee_minor,
            rrn=line.rrn,
            trace=line.trace,
            batch=page.batch,
            reference=line.reference,
        )
        yield Stated(seq, "", page.currency, said)


def _row(seq: int, on: date, said: Trade) -> Row:
    return Row(
        seq,
        said.at,
        on,
        said.reference,
        said.kind,
        said.outcome,
        said.amount_minor,
        said.currency,
        said.trace,
        said.batch,
        said.rrn,
        said.original,
    )
