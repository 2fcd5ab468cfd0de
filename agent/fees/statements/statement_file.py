"""A provider's statement, as it exports it, into lines and pages for one commit; or a refusal that names every trouble.

In a line `amount_minor` is a size, what it is says `kind`: a kind of transaction, or `declined` for one that failed and
bears a fee nevertheless. `fee_minor` is what was taken, negative what came back; `net_minor` what the merchant got,
negative what was taken from it. For sales net = amount − fee, for refunds, voids and reversals net = −amount − fee.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from agent.fees.contract.terms import StatementLine, StatementPage
from agent.fees.statements.cells import plain
from agent.fees.statements.columns import LEFT_OUT, Header, Mapping, take_rows, word_of
from agent.fees.statements.row_fields import RowFields
from agent.fees.troubles import Code, Trouble, Troubles, Unread
from protocol.masking import mask_text
from protocol.messages import TransactionKind

PAGE_LINES = 100
_PAGE_BYTES = 56_000
_LINE_BYTES = 270
"""Of a line's JSON without its texts, at most; an entry is under 64 KiB."""
DECLINED = "declined"
GIVING_BACK = frozenset({TransactionKind.REFUND, TransactionKind.VOID, TransactionKind.REVERSAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One file. first, last: of the dates in it. failed, left_out, elsewhere: rows that are no lines here, because they
    failed without a fee, moved no money, or belong to another terminal. unknown_products: words that the mapping lacks."""

    provider: str
    file: str
    file_sha256: bytes
    currency: int
    lines: tuple[StatementLine, ...]
    first: date
    last: date
    failed: int = 0
    left_out: int = 0
    elsewhere: int = 0
    unknown_products: tuple[str, ...] = ()


def identity(line: StatementLine) -> tuple[object, ...] | None:
    """Which transaction a line is about, the same in every file of that provider; None where nothing in it names one."""
    if line.rrn is None and line.trace is None and line.reference is None:
        return None
    return (line.kind, line.on, line.time, line.amount_minor, line.rrn, line.trace, line.batch, line.reference)


def content(line: StatementLine) -> tuple[object, ...]:
    """All that a line says but its place in the file."""
    named = (line.kind, line.on, line.time, line.amount_minor, line.rrn, line.trace, line.batch, line.reference)
    return (*named, line.fee_minor, line.net_minor)


def read_statement(
    raw: bytes, file: str, mapping: Mapping, *, tid: str | None = None, as_it_stands: bool = False
) -> Statement:
    """Raises StatementRefused. tid: only the rows of this terminal. as_it_stands: lines that stand twice, or whose amounts
    do not add up, are taken as they are: what is wrong may be the provider's."""
    reading = _Reading(mapping, tid, as_it_stands=as_it_stands)
    name = mask_text(plain(file))[:100]
    take_rows(raw, mapping, reading.lines, reading.troubles, reading.take)
    lines = tuple(reading.lines)
    if not lines and not reading.troubles:
        reading.troubles.add(Trouble(1, "", Code.NO_LINES))
    if reading.troubles:
        raise reading.troubles.refusal(name)
    return Statement(
        provider=mapping.provider,
        file=name,
        file_sha256=sha256(raw).digest(),
        currency=mapping.currency,
        lines=lines,
        first=min(line.on for line in lines),
        last=max(line.on for line in lines),
        failed=reading.failed,
        left_out=reading.left_out,
        elsewhere=reading.elsewhere,
        unknown_products=tuple(sorted(reading.unknown_products)),
    )


def pages_of(statement: Statement, lines: Sequence[StatementLine], operator: str | None) -> tuple[StatementPage, ...]:
    """Some of its lines as pages of at most 100, each of which fits into an entry."""
    chunks: list[list[StatementLine]] = []
    size = 0
    for line in lines:
        texts = (line.rrn, line.trace, line.batch, line.reference)
        bytes_of_it = _LINE_BYTES + 2 * sum(len(text.encode()) for text in texts if text)  # a quote is two in JSON
        if not chunks or len(chunks[-1]) >= PAGE_LINES or size + bytes_of_it > _PAGE_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(line)
        size += bytes_of_it
    return tuple(
        StatementPage(
            provider=statement.provider,
            file=statement.file,
            file_sha256=statement.file_sha256,
            page=page,
            pages=len(chunks),
            first=statement.first,
            last=statement.last,
            currency=statement.currency,
            lines=tuple(chunk),
            operator=operator,
        )
        for page, chunk in enumerate(chunks, 1)
    )


class _Reading:
    """The lines of a file so far, and its troubles."""

    def __init__(self, mapping: Mapping, tid: str | None, *, as_it_stands: bool) -> None:
        self.mapping, self.as_it_stands = mapping, as_it_stands
        self.tid = None if tid is None else word_of(tid)
        self.lines: list[StatementLine] = []
        self.troubles = Troubles()
        self.failed = self.left_out = self.elsewhere = 0
        self.unknown_products: Counter[str] = Counter()
        self._stood: dict[tuple[object, ...], int] = {}

    def take(self, header: Header, line: int, cells: Sequence[str]) -> None:
        if self.mapping.is_skipped(cells):
            return
        if self.tid is not None:
            if not header.has("tid"):
                raise Unread(Trouble(line, "/".join(self.mapping.columns.tid) or "tid", Code.NO_COLUMN))
            if word_of(plain(header.cell("tid", cells))) != self.tid:
                self.elsewhere += 1
                return
        row = RowFields(self.mapping, header, line, cells, self.troubles)
        told = row.word("kind", self.mapping.kind_words)
        if told == LEFT_OUT:
            self.left_out += 1
            return
        done = row.word("status", self.mapping.outcomes)
        amount = row.amount("amount", needed=True)
        on, at = row.moment()
        fee, net = row.amount("fee"), row.amount("net")
        if row.sound and done is False and not fee:
            self.failed += 1
            return
        kind = told or ("refund" if amount is not None and amount < 0 else "sale")
        if amount is not None:
            fee = self._signed_fee(row, kind, amount, fee)
            net = self._signed_net(row, kind, amount, fee, net, done=done is not False)
        texts = {field: row.text(field) for field in ("rrn", "trace", "batch", "reference")}
        if not row.sound or amount is None or on is None:
            return
        taken = StatementLine(
            line=line,
            kind=DECLINED if done is False else kind,
            on=on,
            amount_minor=abs(amount),
            fee_minor=fee,
            net_minor=net,
            time=at,
            product=self._product(header.cell("product", cells)),
            **texts,
        )
        self._once(row, taken)
        if row.sound:
            self.lines.append(taken)

    def _product(self, cell: str) -> str | None:
        """A product that the mapping does not know is none: nothing is guessed, and no line is lost for it."""
        word = word_of(plain(cell))
        found = self.mapping.product_words.get(word)
        if word and found is None:
            self.unknown_products[mask_text(word)[:40]] += 1
        return found

    def _signed_fee(self, row: RowFields, kind: str, amount: int, fee: int | None) -> int | None:
        """The fee, positive where it was taken; troubles for signs that cannot be."""
        giving_back = kind in GIVING_BACK
        convention = self.mapping.refunds if giving_back else "positive"
        if convention == "positive" and amount < 0:
            row.trouble("amount", Code.NEGATIVE, row.cell("amount"))
        elif convention == "negative" and amount > 0:
            row.trouble("amount", Code.POSITIVE, row.cell("amount"))
        if fee is None:
            return None
        if giving_back and self.mapping.refund_fees != "signed":
            fee = -abs(fee) if self.mapping.refund_fees == "returned" else abs(fee)
        elif self.mapping.fees == "taken_negative":
            fee = -fee
        if fee < 0 and not giving_back:
            row.trouble("fee", Code.NEGATIVE, row.cell("fee"))
        return fee

    def _signed_net(
        self, row: RowFields, kind: str, amount: int, fee: int | None, net: int | None, *, done: bool
    ) -> int | None:
        """The net, negative where the merchant gave; a trouble where amount and fee do not make it."""
        if net is None or not row.sound:
            return net
        giving_back = kind in GIVING_BACK
        sized = giving_back and self.mapping.refunds != "negative"  # such files may show a size there too
        if fee is None:
            return -abs(net) if sized else net
        right = (-abs(amount) if giving_back else amount) - fee
        if net == right or (sized and net == -right):
            return right
        if done and kind != TransactionKind.PRE_AUTH and not self.as_it_stands:
            cells = (row.cell("amount"), row.cell("fee"), row.cell("net"))
            row.trouble("net", Code.NOT_ADDING_UP, " / ".join(map(plain, cells)))
        return net

    def _once(self, row: RowFields, line: StatementLine) -> None:
        """The same line twice in one file, where its numbers say that it is the same."""
        if identity(line) is None or self.as_it_stands:
            return
        before = self._stood.setdefault(content(line), line.line)
        if before != line.line:
            row.trouble("", Code.DUPLICATE, str(before))
