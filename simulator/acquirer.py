"""The acquirer: what it charges, announces and settles, by its tariffs (docs/domain.md §3) and by the lies that are armed.

It is given each transaction once, in the log's order, at a start those that the log holds, too: so it says the same again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256

from protocol.messages import Fee, FeeType, Outcome, Product, TariffNotice, Transaction, TransactionKind
from protocol.money import CNY, Money
from simulator.clock import iso, local_date, opening
from simulator.deposits import Deposits
from simulator.errors import SimulatorError
from simulator.falsified import Falsified
from simulator.lies import Charge, Charges, Lie, Lies, Occasion, armed, joined, lying
from simulator.profile import Profile
from simulator.settlement import Clearing, Row, Settled
from simulator.tariffs import Notice, Tariff, returned_so_far, sale_fee, t0_fee


@dataclass(slots=True)
class _Sale:
    """What a later void or refund goes by."""

    amount: int
    tariff: Tariff
    charges: Charges
    refunded: int = 0
    returned: int = 0
    returned_should: int = 0


class Acquirer:
    """terminal: its name, which tickets are made of. seed: which occasions a lie's share takes. currency: ISO 4217."""

    def __init__(self, profile: Profile, *, terminal: str = "", seed: int = 0, currency: int = CNY) -> None:
        self._profile = profile
        self._currency = currency
        self._sales: dict[str, _Sale] = {}
        self._opened: date | None = None
        self._reversed: set[str] = set()
        self._announced: dict[str, date] = {}  # lies of SHORT_NOTICE, and from when they hold
        self._sim_early = False
        self._truth: Row = {}
        self.lies = Lies(f"{profile.name}/{seed}")
        self.falsified = Falsified(self.lies, terminal)
        self.clearing = Clearing(profile.settlement_mode, currency, self.lies)
        self.deposits = Deposits(terminal=terminal, deposit=profile.deposit, currency=currency, lies=self.lies)

    # -- fees ----------------------------------------------------------------------------------------------------------

    def charge(self, transaction: Transaction) -> Charges:
        """The fee lines of a transaction, its MDR line first, a zero included.

        Declined: 0. Void and reversal: what the sale was charged, taken back. Refund: by the profile's fee_return.
        `truth` then says what else of it is not what it should be.
        KeyError if a voided sale was never charged; SimulatorError where no tariff is in force.
        """
        charges = self._charges(transaction)
        self.clearing.take(transaction, sum(c.amount_minor for c in charges), sum(c.should_minor for c in charges))
        return charges

    @property
    def truth(self) -> Row:
        """Of the transaction that was charged last: the lie that it is, and what its amount should have been."""
        return self._truth

    def _charges(self, transaction: Transaction) -> Charges:
        day, original = local_date(transaction.at), transaction.original_reference or ""
        amount, reference = transaction.amount.minor, transaction.reference
        sold = transaction.kind is TransactionKind.SALE
        approved = transaction.outcome is Outcome.APPROVED
        self._truth = self._falsehood(transaction)
        if not approved and all(transaction.product not in t.products for t in self._profile.tariffs):
            return (self._line(0, "not taken, no fee"),)  # a foreign card at a terminal that takes none
        tariff = self._profile.tariff(transaction.product, day)
        if not approved:
            honest: Charges = (self._line(0, "not approved, no fee"),)
        elif transaction.kind is TransactionKind.VOID:
            honest = self._taken_back(self._sales[original].charges, "void, fee returned")
        elif transaction.kind is TransactionKind.REVERSAL:
            known = self._sales.get(original)
            self._reversed.add(original)
            honest = self._taken_back(known.charges if known else (), "reversal, fee returned")
        elif transaction.kind is TransactionKind.REFUND:
            honest = (self._on_refund(original, amount),)
        else:
            honest = self._on_sale(transaction.product, tariff, amount)
        occasion = Occasion(
            kind=transaction.kind,
            outcome=transaction.outcome,
            product=transaction.product,
            day=day,
            amount_minor=amount,
            tariff=tariff,
            tariff_of=lambda product: self._profile.tariff(product, day),
            settled_at_once=self._settled_at_once,
            announced=self._announced,
        )
        charges = lying(self.lies, reference, honest, occasion)
        if sold and self._truth.get("should_amount_minor") == 0:  # what should not be costs nothing
            lie = str(self._truth["lie"])
            charges = tuple(
                replace(c, should_minor=0, lie=joined(c.lie, lie)) if c.amount_minor else c for c in charges
            )
        elif sold and approved and charges == honest and self._corrected(reference):
            once = honest[0]
            back = replace(once, amount_minor=-once.amount_minor, should_minor=-once.should_minor)
            charges = (once, replace(back, rule=f"{self._profile.name}: correction"), *honest)
        if sold and approved:
            self._sales[reference] = _Sale(amount, tariff, charges)
        return charges

    def _falsehood(self, transaction: Transaction) -> Row:
        """How the transaction as such is not what it should be: `lie`, and `should_amount_minor` where that differs."""
        if transaction.outcome is not Outcome.APPROVED:
            return {}
        if transaction.kind is TransactionKind.REFUND:
            sale = self._sales[transaction.original_reference or ""]
            remains = sale.amount - sale.refunded
            if transaction.amount.minor <= remains:
                return {}
            return {"should_amount_minor": remains, "lie": self.falsified.over_refunded(transaction)}
        if transaction.kind is not TransactionKind.SALE:
            return {}
        late = transaction.reference in self._reversed
        lie = joined(self.falsified.found(transaction), Lie.LATE_APPROVAL if late else None)
        if late or self.falsified.made_up(transaction):
            return {"should_amount_minor": 0, "lie": lie}
        return {} if lie is None else {"lie": lie}

    def _corrected(self, reference: str) -> bool:
        """The acquirer charges some fees, takes them back and charges them again, as the profile has it."""
        share = self._profile.corrected_ppm
        ball = int.from_bytes(sha256(f"{reference}/corrected".encode()).digest()[:8]) % 1_000_000
        return ball < share

    @property
    def _settled_at_once(self) -> bool:
        return self._profile.settlement_mode in {"T0", "D0"}

    def _on_sale(self, product: Product, tariff: Tariff, amount: int) -> Charges:
        cap = "" if tariff.cap_minor is None else f" cap {tariff.cap_minor}"
        more = f" min {tariff.minimum_minor}" if tariff.minimum_minor else ""
        more += f" +{tariff.per_item_minor}" if tariff.per_item_minor else ""
        rule = f"{product} {tariff.rate_ppm} ppm{cap}{more}{' promo' if tariff.promo else ''}"
        line = self._line(sale_fee(tariff, amount), rule)
        if not (self._settled_at_once and (tariff.t0_fixed_minor or tariff.t0_ppm)):
            return (line,)
        t0 = t0_fee(tariff, amount)
        rate = f" {tariff.t0_ppm} ppm" if tariff.t0_ppm else ""
        return line, Charge(FeeType.T0, t0, t0, f"{self._profile.name}: T+0 {tariff.t0_fixed_minor}{rate}")

    def _on_refund(self, original: str, amount: int) -> Charge:
        sale, how = self._sales[original], self._profile.fee_return
        sale.refunded += amount
        fee, should = sale.charges[0].amount_minor, sale.charges[0].should_minor
        back = returned_so_far(how, sale.tariff, sale.amount, fee, sale.refunded) - sale.returned
        right = returned_so_far(how, sale.tariff, sale.amount, should, sale.refunded) - sale.returned_should
        sale.returned += back
        sale.returned_should += right
        rule = f"{self._profile.name}: refund, fee {'kept' if how == 'KEEP' else 'returned'}"
        return Charge(FeeType.MDR, -back, -right, rule, None if back == right else sale.charges[0].lie)

    def _taken_back(self, charges: Charges, rule: str) -> Charges:
        """The MDR line and the T+0 line, once each; what a lie added is kept."""
        said = f"{self._profile.name}: {rule}"
        lines = [*charges[:1], *(c for c in charges[1:] if c.type is FeeType.T0 and c.lie is None)]
        lines = lines or [Charge(FeeType.MDR, 0, 0, said)]
        return tuple(replace(c, amount_minor=-c.amount_minor, should_minor=-c.should_minor, rule=said) for c in lines)

    def _line(self, amount: int, rule: str) -> Charge:
        return Charge(FeeType.MDR, amount, amount, f"{self._profile.name}: {rule}")

    # -- of its own accord ---------------------------------------------------------------------------------------------

    def arm(self, lies: Iterable[str]) -> None:
        """Tell these lies from now on, and no others. Raises SimulatorError."""
        texts = tuple(lies)
        self.check(texts)
        self.lies.arm(texts)

    def check(self, lies: Iterable[str]) -> None:
        """SimulatorError for a lie that there is not, or that cannot be told of this profile."""
        for one in map(armed, lies):
            if one.lie is Lie.WRONG_CLASS and one.product not in {p for t in self._profile.tariffs for p in t.products}:
                raise SimulatorError(
                    f"The profile {self._profile.name} has no tariff for {one.product}, to charge it instead.",
                    "Give the lie wrong_class the product of one that it has.",
                )

    def morning(self, day: date) -> list[tuple[TariffNotice | Fee, Row]]:
        """What comes at the opening of a day: notices, then the SIM fee; numbers still 0. With each its ledger line."""
        since = self._opened or day - timedelta(days=1)
        self._opened = day
        said: list[tuple[TariffNotice | Fee, Row]] = []
        for notice in self._profile.notices:
            if since < notice.published <= day:
                said += self.announced(notice, opening(day))
        said += self._short_notices(day)
        said += [self._own_fee(day, charge, "流量费") for charge in self._sim_charges(since, day)]
        support = f"{self._profile.name}: support instalment"
        said += [
            self._own_fee(day, c, "技术支持押金")
            for c in self._lied(day, Lie.SUPPORT_INSTALMENT, FeeType.OTHER, support)
        ]
        return said

    @property
    def products(self) -> frozenset[Product]:
        """What it takes at all."""
        return self._profile.products

    def announced(self, notice: Notice, at: int) -> list[tuple[TariffNotice | Fee, Row]]:
        """A TARIFF_NOTICE for each product, numbers still 0, with its ledger line. at: ms UTC."""
        return [self._notice(notice, product, at) for product in notice.products]

    def settle(self, batch: str, day: date, at: int) -> Settled | None:
        """Close a batch; None if nothing was done in it. at: ms UTC."""
        return self.clearing.settle(batch, day, at)

    def _short_notices(self, day: date) -> list[tuple[TariffNotice | Fee, Row]]:
        """SHORT_NOTICE begins with a notice of every product's rate."""
        said: list[tuple[TariffNotice | Fee, Row]] = []
        for one in self.lies.holding(day, Lie.SHORT_NOTICE):
            if one.text in self._announced:
                continue
            self._announced[one.text] = from_ = day + timedelta(days=one.days)
            for product in sorted({p for tariff in self._profile.tariffs for p in tariff.products}):
                tariff = self._profile.tariff(product, day)
                rate = tariff.rate_ppm + one.ppm
                text = f"公告：自{from_.year}年{from_.month}月{from_.day}日起，手续费率调整为{rate}ppm。"
                notice = Notice(f"{day:%Y%m%d}", (product,), rate, tariff.cap_minor, day, from_, text)
                message, row = self._notice(notice, product, opening(day))
                said.append((message, {**row, "lie": Lie.SHORT_NOTICE}))
        return said

    def _notice(self, notice: Notice, product: Product, at: int) -> tuple[TariffNotice, Row]:
        message = TariffNotice(
            number=0,
            at=at,
            notice=notice.number,
            product=product,
            rate_ppm=notice.rate_ppm,
            effective_from=opening(notice.effective_from) - 9 * 3_600_000,
            published=opening(notice.published),
            text=notice.text,
            text_sha256=sha256(notice.text.encode()).digest(),
            cap=None if notice.cap_minor is None else Money(notice.cap_minor, self._currency),
        )
        row: Row = {
            "kind": "notice",
            "notice": notice.number,
            "product": product,
            "rate_ppm": notice.rate_ppm,
            "cap_minor": notice.cap_minor,
            "published": notice.published.isoformat(),
            "effective_from": notice.effective_from.isoformat(),
            "at": iso(at),
        }
        return message, row

    def _sim_charges(self, since: date, day: date) -> list[Charge]:
        sim = self._profile.sim
        rule = f"{self._profile.name}: SIM {sim.amount_minor} / {sim.period_days} d"
        charges = []
        if sim.due(since, day):
            if self._sim_early:
                self._sim_early = False
            else:
                charges.append(Charge(FeeType.SIM, sim.amount_minor, sim.amount_minor, rule))
        elif sim.is_free(day):
            charges += self._lied(day, Lie.SIM_EARLY, FeeType.SIM, rule) if not self._sim_early else []
            self._sim_early = self._sim_early or bool(charges)
        else:
            charges += self._lied(day, Lie.SIM_TWICE, FeeType.SIM, rule)
        return charges

    def _lied(self, day: date, lie: Lie, type_: FeeType, rule: str) -> list[Charge]:
        charges = []
        for one in self.lies.now(f"sim {day}", day, lie):
            self.lies.told(one)
            amount = self._profile.sim.amount_minor if type_ is FeeType.SIM else one.minor
            charges.append(Charge(type_, amount, 0, rule, lie))
        return charges

    def _own_fee(self, day: date, charge: Charge, description: str) -> tuple[Fee, Row]:
        self.clearing.deduct(charge.amount_minor, charge.should_minor)
        amount = Money(charge.amount_minor, self._currency)
        at = opening(day)
        fee = Fee(number=0, at=at, type=charge.type, amount=amount, rule=charge.rule, description=description)
        row: Row = {
            "kind": "fee",
            "type": charge.type,
            "fee_minor": charge.amount_minor,
            "should_minor": charge.should_minor,
            "at": iso(at),
            **({} if charge.lie is None else {"lie": charge.lie}),
        }
        return fee, row
