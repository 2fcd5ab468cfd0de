"""Transactions that are not what was asked for, or that nobody asked for: lies that take a whole transaction to tell.

What is altered can be seen in the transaction itself, and what follows another one has a reference made of that one's: so a
log that is read at a start tells which lie it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time
from hashlib import sha256

from protocol.messages import Outcome, Transaction, TransactionKind
from protocol.money import Money
from simulator.clock import SHANGHAI, local_date
from simulator.identity import another_mid
from simulator.lies import Armed, Lie, Lies
from simulator.plan import FEE_DELAY_MS, MORE_FEES_MS, rrn_of

OTHER_MCC, OTHER_NAME = "5411", "演练超市"
"""Of the merchant that a lie of OTHER_MERCHANT names. FIXTURE."""
NIGHT = time(3, 12)
"""The terminal's time of a NIGHT_SALE. FIXTURE."""
NOT_DONE = "12"
"""ISO 8583: invalid transaction."""
_AFTER_MS = FEE_DELAY_MS + 2 * MORE_FEES_MS


@dataclass(slots=True)
class Falsified:
    """terminal: its name, which the other merchant's MID is made of."""

    lies: Lies
    terminal: str
    _made_up: dict[str, Lie] = field(default_factory=dict)

    def under_whom(self, transaction: Transaction) -> Transaction:
        """Before it is logged or begun: the merchant it goes under."""
        if transaction.kind is not TransactionKind.SALE or not self._turn(transaction, Lie.OTHER_MERCHANT):
            return transaction
        return replace(transaction, mid=another_mid(self.terminal), mcc=OTHER_MCC, merchant_name=OTHER_NAME)

    def refund(self, transaction: Transaction, remaining: int) -> Transaction:
        """An approved refund as it is really done. remaining: of its sale, before it."""
        if transaction.card_token is not None and self._turn(transaction, Lie.REFUND_AS_SALE):
            return replace(transaction, outcome=Outcome.DECLINED, response_code=NOT_DONE, auth_code=None)
        more = self.excess(transaction, remaining)
        return replace(transaction, amount=Money(transaction.amount.minor + more, transaction.amount.currency))

    def excess(self, transaction: Transaction, remaining: int) -> int:
        """What a refund, if it is approved, gives back beyond what was asked, in minor units."""
        if transaction.kind is not TransactionKind.REFUND or transaction.amount.minor != remaining:
            return 0
        turn = self._turn(transaction, Lie.OVER_REFUND)
        return turn[0].minor if turn else 0

    def follows(self, transaction: Transaction) -> Transaction | None:
        """What nobody asked for, right after a transaction that was charged; its number and trace still to come."""
        approved = transaction.outcome is Outcome.APPROVED
        if transaction.reference in self._made_up:
            return None
        lies: tuple[Lie, ...]
        match transaction.kind:
            case TransactionKind.SALE if approved:
                lies = (Lie.SALE_TWICE, Lie.NIGHT_SALE)
            case TransactionKind.REFUND if not approved and transaction.card_token is not None:
                lies = (Lie.REFUND_AS_SALE,)
            case _:
                return None
        turn = self._turn(transaction, *lies)
        if not turn:
            return None
        self.lies.told(turn[0])
        return self._made_of(transaction, turn[0].lie)

    def found(self, transaction: Transaction) -> Lie | None:
        """By which lie it is not what it should be; counted, once for each transaction of the log."""
        if (lie := self._made_up.get(transaction.reference)) is not None:
            return lie
        if transaction.mid != another_mid(self.terminal):
            return None
        return self._counted(transaction, Lie.OTHER_MERCHANT)

    def over_refunded(self, transaction: Transaction) -> Lie:
        """A refund was found that is above what remained; counted."""
        return self._counted(transaction, Lie.OVER_REFUND)

    def made_up(self, transaction: Transaction) -> bool:
        """Nobody asked for it."""
        return transaction.reference in self._made_up

    def traced(self, made: Transaction, *, number: int, trace: str) -> Transaction:
        """What `follows` made, as it is logged. A sale taken twice keeps the first one's RRN."""
        twice = self._made_up[made.reference] is Lie.SALE_TWICE
        return replace(made, number=number, trace=trace, rrn=made.rrn if twice else rrn_of(made.terminal_time, trace))

    def _turn(self, transaction: Transaction, *lies: Lie) -> list[Armed]:
        return self.lies.now(transaction.reference, local_date(transaction.at), *lies)

    def _counted(self, transaction: Transaction, lie: Lie) -> Lie:
        for one in self._turn(transaction, lie)[:1]:
            self.lies.told(one)
        return lie

    def _made_of(self, transaction: Transaction, lie: Lie) -> Transaction:
        digest = sha256(f"{transaction.reference}/{lie}".encode()).digest()
        reference, card = digest.hex()[:32], transaction.card_token is not None
        self._made_up[reference] = lie
        at = transaction.at + _AFTER_MS
        made = replace(
            transaction,
            number=0,
            at=at,
            terminal_time=at,
            reference=reference,
            kind=TransactionKind.SALE,
            outcome=Outcome.APPROVED,
            response_code="00",
            auth_code=f"{int.from_bytes(digest) % 1_000_000:06d}" if card else None,
            original_reference=None,
        )
        if lie is not Lie.NIGHT_SALE:
            return made
        moment = datetime.combine(local_date(at), NIGHT, SHANGHAI)
        token = digest[:16] if card else None  # of somebody else
        return replace(made, terminal_time=int(moment.timestamp()) * 1000, card_token=token)
