"""Whether money may be given back, and how: every rule in one place, with a code for each that is not met. No I/O.

The sale and what was given back of it come from the journal; what is under way and what nobody knows the outcome of count as
given back (docs/refunds.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from agent.fees import calculation
from agent.fees.contract.tariff import TariffVersion
from agent.orders import MoneyAction
from agent.refunds.refund_types import Reason, RefundAsked, RefundQuote
from agent.refunds.rules import RefundSettings
from protocol.messages import SettlementMode

_QR = ("qr_wallet", "qr_credit", "qr_unionpay")
ARRIVES_CARD, ARRIVES_QR, ARRIVES_VOID = (1, 7), (0, 3), (0, 1)
"""Working days until the customer usually has the money: what banks and wallets state, no promise."""


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """The sale, as the journal has it. day: the local date. mdr_minor: its MDR lines so far."""

    reference: str
    kind: str
    outcome: str
    product: str
    amount_minor: int
    currency: int
    day: date
    batch: str
    settlement_mode: str
    voided: bool
    mdr_minor: int | None = None

    @property
    def at_once(self) -> bool:
        """Its money was credited on the same day: a refund comes out of the day's takings."""
        return self.settlement_mode in {SettlementMode.T0, SettlementMode.D0}


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Of one sale. spent_minor: what succeeded, is under way, or of unknown outcome; refunded_minor: what succeeded alone.

    times: how many such.
    """

    spent_minor: int = 0
    refunded_minor: int = 0
    times: int = 0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """today: the local date. open_batch: the batch that is not closed, if one is known; wanted for the whole
    of a sale. takings_minor: of today, in the
    sale's currency, less what went back; wanted of a sale that was settled at once alone. refunds, voids: the terminal's
    protocol has words for them."""

    today: date
    open_batch: str | None
    takings_minor: int
    tariff: TariffVersion | None = None
    refunds: bool = True
    voids: bool = True


def judge(
    asked: RefundAsked, sale: SaleFacts, back: GivenBack, now: Circumstances, rules: RefundSettings
) -> RefundQuote:
    """What would be done. Persons and their limits are `agent.refunds.limits`."""
    remaining = max(0, sale.amount_minor - back.spent_minor)
    minor = remaining if asked.amount is None else asked.amount.minor
    reasons = list(_of_the_sale(asked, sale, back, now, rules))
    if not reasons:
        reasons += _of_the_amount(asked, sale, minor, remaining)
    action, why = _way(asked, sale, back, now, whole=minor == sale.amount_minor)
    if asked.action is MoneyAction.VOID and action is not MoneyAction.VOID:
        action = MoneyAction.VOID
        reasons.append(Reason.NO_VOID)
    if not (now.voids if action is MoneyAction.VOID else now.refunds):
        reasons.append(Reason.NOT_SPOKEN)
    fee_back, fee = _fees(action, sale, back, minor, now)
    if not reasons and sale.at_once and minor - (fee_back or 0) > now.takings_minor:
        reasons.append(Reason.FUNDING)
    manager = bool(rules.cashier_minor) and minor > rules.cashier_minor
    two = bool(rules.manager_minor) and minor > rules.manager_minor
    return RefundQuote(
        reference=asked.reference,
        sale=sale.reference,
        action=action,
        amount_minor=minor,
        currency=sale.currency,
        sale_minor=sale.amount_minor,
        remaining_minor=remaining,
        reasons=tuple(reasons),
        why=why,
        fee_back_minor=fee_back,
        refund_fee_minor=fee,
        persons=2 if two else 1,
        manager=manager or two,
        window_days=_window(sale, rules) - (now.today - sale.day).days,
        arrives_days=arrives(action, sale.product),
        same_day_funds=sale.at_once,
    )


def _of_the_sale(
    asked: RefundAsked, sale: SaleFacts, back: GivenBack, now: Circumstances, rules: RefundSettings
) -> list[Reason]:
    if sale.kind not in {"sale", "pre_auth_completion"}:
        return [Reason.NOT_A_SALE]
    if sale.outcome != "approved":
        return [Reason.NOT_APPROVED]
    if sale.voided:
        return [Reason.VOIDED]
    found = []
    if back.spent_minor >= sale.amount_minor:
        found.append(Reason.NOTHING_LEFT)
    if (now.today - sale.day).days > _window(sale, rules):
        found.append(Reason.WINDOW_CLOSED)
    if back.times >= rules.times:
        found.append(Reason.TIMES)
    return found


def _of_the_amount(asked: RefundAsked, sale: SaleFacts, minor: int, remaining: int) -> list[Reason]:
    if asked.amount is not None and asked.amount.currency != sale.currency:
        return [Reason.CURRENCY]
    if minor <= 0:
        return [Reason.AMOUNT]
    return [Reason.OVER_REMAINING] if minor > remaining else []


def _window(sale: SaleFacts, rules: RefundSettings) -> int:
    return rules.qr_days if sale.product in _QR else rules.card_days


def _way(
    asked: RefundAsked, sale: SaleFacts, back: GivenBack, now: Circumstances, *, whole: bool
) -> tuple[MoneyAction, str]:
    """A void takes the sale itself back: of the whole, on its day, in its batch, and before any refund. Else a refund."""
    if back.times or back.spent_minor:
        return MoneyAction.REFUND, "spent_before"
    if not whole:
        return MoneyAction.REFUND, "part"
    if sale.day != now.today:
        return MoneyAction.REFUND, "other_day"
    if sale.batch != now.open_batch:
        return MoneyAction.REFUND, "batch_closed"
    if not now.voids or asked.action is MoneyAction.REFUND:
        return MoneyAction.REFUND, "terminal" if not now.voids else "asked"
    return MoneyAction.VOID, "same_batch_whole"


def _fees(
    action: MoneyAction, sale: SaleFacts, back: GivenBack, minor: int, now: Circumstances
) -> tuple[int | None, int | None]:
    """What of the sale's MDR comes back by it, and what it costs. Cumulative: what all refunds together bring back, less
    what those before brought. A void undoes the sale, its fee with it."""
    if action is MoneyAction.VOID:
        return sale.mdr_minor, 0
    version = now.tariff
    if version is None:
        return None, None
    fee = calculation.refund_fee(version, sale.amount_minor, minor, (now.today - sale.day).days)
    if sale.mdr_minor is None:
        return None, fee
    before, after = (
        calculation.returned_so_far(version, sale.amount_minor, sale.mdr_minor, refunded)
        for refunded in (back.refunded_minor, back.refunded_minor + minor)
    )
    return None if before is None or after is None else after - before, fee


def arrives(action: str, product: str) -> tuple[int, int]:
    """Working days, from and to."""
    if action == MoneyAction.VOID:
        return ARRIVES_VOID
    return ARRIVES_QR if product in _QR else ARRIVES_CARD
