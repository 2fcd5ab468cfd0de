"""A bank's own file into what came in, line by line; and which of it the record holds already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from agent.fees.contract.terms import BankCredit
from agent.fees.statements.cells import note_of, plain
from agent.fees.statements.columns import Header, Mapping, take_rows
from agent.fees.statements.row_fields import RowFields
from agent.fees.troubles import Code, Trouble, Troubles
from protocol.masking import mask_text
from protocol.money import Money

TYPED = "typed"
"""The source of a credit that a person entered."""


@dataclass(frozen=True, slots=True)
class BankFile:
    """credits: what came in. outgoing: lines that went out. others: incoming ones that were not asked for."""

    file: str
    file_sha256: bytes
    credits: tuple[BankCredit, ...]
    outgoing: int
    others: int


def read_bank_file(
    raw: bytes, file: str, mapping: Mapping, *, operator: str | None, containing: Sequence[str] = ()
) -> BankFile:
    """Raises StatementRefused. containing: only lines whose text has one of these, whatever their case: the rest of an
    account is nobody's business."""
    reading = _Reading(mapping, mask_text(plain(file))[:100], sha256(raw).digest(), operator, containing)
    take_rows(raw, mapping, reading.credits, reading.troubles, reading.take)
    if not (reading.credits or reading.outgoing or reading.others or reading.troubles):
        reading.troubles.add(Trouble(1, "", Code.NO_LINES))
    if reading.troubles:
        raise reading.troubles.refusal(reading.file)
    return BankFile(reading.file, reading.sha, tuple(reading.credits), reading.outgoing, reading.others)


class _Reading:
    def __init__(
        self, mapping: Mapping, file: str, sha: bytes, operator: str | None, containing: Sequence[str]
    ) -> None:
        self.mapping, self.file, self.sha, self.operator = mapping, file, sha, operator
        self.wanted = tuple(plain(each).casefold() for each in containing)
        self.credits: list[BankCredit] = []
        self.troubles = Troubles()
        self.outgoing = self.others = 0

    def take(self, header: Header, line: int, cells: Sequence[str]) -> None:
        if self.mapping.is_skipped(cells):
            return
        row = RowFields(self.mapping, header, line, cells, self.troubles)
        incoming = row.word("direction", self.mapping.directions)
        amount = row.amount("amount")
        on, _at = row.moment()
        if row.sound and (incoming is False or not amount or (incoming is None and amount < 0)):
            self.outgoing += 1
            return
        if amount is not None and amount < 0:
            row.trouble("amount", Code.NEGATIVE, row.cell("amount"))
        batch = row.text("batch")
        account = last_four(row.cell("account"))
        if not row.sound or on is None or amount is None:
            return
        note = note_of(row.cell("note"))
        if self.wanted and not any(each in plain(note or "").casefold() for each in self.wanted):
            self.others += 1
            return
        self.credits.append(
            BankCredit(
                on=on,
                amount=Money(amount, self.mapping.currency),
                batch=batch,
                account=account,
                proof_sha256=self.sha,
                source=self.file,
                line=line,
                operator=self.operator,
                note=note,
            )
        )


def last_four(account: str) -> str | None:
    """The last four digits of an account number, however it is written; None where it has fewer."""
    digits = "".join(c for c in plain(account) if c in "0123456789")
    return digits[-4:] if len(digits) >= 4 else None


def unknown_credits(found: Iterable[BankCredit], recorded: Iterable[BankCredit]) -> list[BankCredit]:
    """Those that the record does not hold yet: each recorded one stands for one of the same day and amount at most.

    The same line of the same file is known. So is a line of another file, unless accounts or texts differ, and one that a
    person typed before, unless the account differs: files overlap, and the bank's line of a typed credit is the same money.
    """
    lines = set()
    others: dict[object, list[BankCredit]] = {}
    for one in recorded:
        lines.add((one.proof_sha256, one.line) if one.line is not None else None)
        others.setdefault((one.on, one.amount), []).append(one)
    new = []
    for one in found:
        if (one.proof_sha256, one.line) in lines:
            continue
        same = others.get((one.on, one.amount), [])
        known = next((each for each in same if each.proof_sha256 != one.proof_sha256 and _may_be(each, one)), None)
        if known is None:
            new.append(one)
        else:
            same.remove(known)
    return new


def _may_be(known: BankCredit, one: BankCredit) -> bool:
    accounts = {each for each in (known.account, one.account) if each is not None}
    notes = {each for each in (known.note, one.note) if each is not None} if known.source != TYPED else set()
    return len(accounts) < 2 and len(notes) < 2
