"""What of a month's ledger an audit can find, by docs/domain.md §4: reckoned from the ledger's lines and the profile alone.

A lie is detectable where it moved at least one minor unit on a line without cap and UNKNOWN and meets its detector's
minimum. Whatever else was told stands here with the reason why nobody can see it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from agent.fees.findings import Rule
from protocol.messages import Product
from simulator.clock import SHANGHAI
from simulator.profile import Profile, load_profile
from simulator.tariffs import CapScope, Tariff, TierMode, sale_fee
from tests.dst.month_trade import Month, Played, Row

RUN_LEAST = 3
ROUNDED_LEAST = 20
"""docs/domain.md §4: D01's run, D15's differences of one key in a month."""
ROUNDED_PER_CENT = 95

HOLIDAYS = frozenset(
    date.fromordinal(day)
    for first, last in (
        (date(2026, 2, 15), date(2026, 2, 23)),
        (date(2026, 4, 4), date(2026, 4, 6)),
        (date(2026, 5, 1), date(2026, 5, 5)),
    )
    for day in range(first.toordinal(), last.toordinal() + 1)
)
"""春节, 清明节 and 劳动节 of 2026 (国务院办公厅关于2026年部分节假日安排的通知): those that fall into these months."""

R = Rule
_RULES: dict[str, frozenset[Rule]] = {
    "fee_twice": frozenset({R.D05}),
    "unexplained_fee": frozenset({R.D08}),
    "t0_unasked": frozenset({R.D14}),
    "sale_twice": frozenset({R.D04}),
    "refund_as_sale": frozenset({R.D20}),
    "night_sale": frozenset({R.D17}),
    "sim_early": frozenset({R.D13}),
    "sim_twice": frozenset({R.D13}),
    "support_instalment": frozenset({R.D21}),
}


class Unseen(StrEnum):
    """Why nobody can see a lie."""

    FAVOUR = "it moved nothing, or in the merchant's favour"
    RUN = "fewer than three fees of one tariff are wrong at one rate (D01's minimum)"
    MIXED = "wrong fees of one tariff fit no one rate, or leave room for the agreed one (D01)"
    ROUNDING = "fewer than twenty of one tariff in a month, or fewer than 95 in a hundred one unit too high (D15)"
    ONE = "one unit: a rounding and another class look the same (D03 from two units on, D15 from twenty lines on)"
    CAPPED = "the fee that was charged lies at the cap or at the minimum, and says nothing of a rate (D01)"
    NEVER = "no settlement is ever told: whether this provider tells any is not known (D11: UNKNOWN)"
    INHERITED = "what comes back of a fee is less because less was taken, or more because more was"
    EARLY = "one fee was due, and two were taken: the one that came too early is claimed already (D13)"
    NO_BANK = "what the bank credited is not recorded (D11, D12: UNKNOWN)"
    NOT_DUE = "the record ends before the money is due (D11)"
    BEFORE = "the period's own SIM fee was taken before the record begins (D13)"
    CUSTOMERS = "the fee of a sale that should not be: it comes back with the sale (D04, D17, D20 tell of the sale)"
    NOT_FEES = "no fee: a deposit's case tells of it"


@dataclass(frozen=True, slots=True)
class Occasion:
    """One thing that was told. subject: a reference, `batch N`, `own N` or `deposit`; lies: all that had a part in it.

    minor: what it moved; rules: the detectors that may claim it; unseen: why nobody can, None where it must be claimed.
    valued: its finding carries that amount.
    """

    subject: str
    lies: frozenset[str]
    minor: int
    rules: frozenset[Rule]
    unseen: Unseen | None = None
    valued: bool = True


_ANY = frozenset({R.D01, R.D02, R.D03, R.D08, R.D15})
"""Of a rate: an audit may see more than it must."""


_OF_MDR = _ANY | {R.D05, R.D09}


@dataclass(frozen=True, slots=True)
class _Wrong:
    """An approved sale's MDR line that is not what it should be."""

    reference: str
    lies: frozenset[str]
    day: date
    product: Product
    tariff: Tariff
    amount: int
    fee: int
    should: int


def truth(played: Played) -> list[Occasion]:
    """Every occasion of the month."""
    month, profile = played.month, load_profile(played.month.profile)
    rows = played.ledger
    undone = {r["original_reference"]: r for r in rows if r["kind"] == "void" and r["outcome"] == "approved"}
    found: list[Occasion] = []
    wrong: list[_Wrong] = []
    for row in rows:
        match row["kind"]:
            case "sale" if row["reference"] in undone:
                found += _undone(row, undone[row["reference"]])
            case "sale":
                found += _sale(row)
                wrong += _rate(row, profile)
            case "refund":
                found += _refund(row)
    found += _rates(wrong, profile)
    found = _less_what_came_back(rows, found)
    found += _own(played)
    found += _settlements(rows, month)
    return found


def _lies(*named: object) -> frozenset[str]:
    return frozenset(one for name in named if name for one in str(name).split("+"))


def _lines(row: Row) -> list[Row]:
    return row.get("fees") or [{"type": "mdr", "fee_minor": row["fee_minor"], "should_minor": row["should_minor"]}]


def _day(row: Row) -> date:
    return datetime.fromisoformat(row["at"]).astimezone(SHANGHAI).date()


# -- transactions ------------------------------------------------------------------------------------------------------


def _undone(sale: Row, void: Row) -> Iterator[Occasion]:
    """Of a sale that was voided nothing may be left, whoever took it."""
    lies = _lies(sale.get("lie"), void.get("lie"))
    if left := sale["fee_minor"] + void["fee_minor"]:
        yield Occasion(sale["reference"], lies, left, frozenset({R.D10, R.D05, R.D08, R.D14}))
    yield from _as_such(sale)
    if lies & {"other_merchant"}:
        yield Occasion(sale["reference"], frozenset({"other_merchant"}), 0, frozenset({R.D16}), valued=False)


def _sale(row: Row) -> Iterator[Occasion]:
    """Everything but the rate of its first line."""
    reference = row["reference"]
    if row["outcome"] != "approved":
        if row["fee_minor"]:
            yield Occasion(reference, _lies(row.get("lie")), row["fee_minor"], frozenset({R.D10}))
        return
    yield from _as_such(row)
    if "other_merchant" in _lies(row.get("lie")):
        yield Occasion(reference, frozenset({"other_merchant"}), 0, frozenset({R.D16}), valued=False)
    made_up = row.get("should_amount_minor") == 0
    for place, line in enumerate(_lines(row)):
        moved = line["fee_minor"] - line["should_minor"]
        if not moved or (place == 0 and not made_up):
            continue
        lies = _lies(line.get("lie"))
        if made_up and not lies & set(_FEE_RULES):
            yield Occasion(reference, lies, moved, _ANY, Unseen.CUSTOMERS)
            continue
        rules = frozenset(rule for lie in lies for rule in _FEE_RULES.get(lie, ()))
        yield Occasion(reference, lies, moved, rules)


_FEE_RULES = {lie: _RULES[lie] for lie in ("fee_twice", "unexplained_fee", "t0_unasked")}


def _as_such(row: Row) -> Iterator[Occasion]:
    """A sale that nobody asked for: the amount is the customer's."""
    if row.get("should_amount_minor") == 0:
        for lie in _lies(row["lie"]) & {"sale_twice", "refund_as_sale", "night_sale"}:
            valued = lie != "night_sale"
            yield Occasion(row["reference"], frozenset({lie}), row["amount_minor"], _RULES[lie], valued=valued)


def _refund(row: Row) -> Iterator[Occasion]:
    if row["outcome"] != "approved":
        return
    reference = row["reference"]
    if "should_amount_minor" in row:
        excess = row["amount_minor"] - row["should_amount_minor"]
        yield Occasion(reference, frozenset({"over_refund"}), excess, frozenset({R.D07}))
    for line in _lines(row):
        moved, told = line["fee_minor"] - line["should_minor"], _lies(line.get("lie"))
        if not moved:
            continue
        if told & {"refund_fee"} or told == {"fee_kept"}:
            yield Occasion(reference, told, moved, frozenset({R.D09}), None if moved > 0 else Unseen.FAVOUR)
        else:  # with "fee_kept" the fee of a sale that was charged wrongly is kept: how much of it is wrong twice?
            yield Occasion(reference, told, moved, frozenset({R.D09}), Unseen.INHERITED)


def _less_what_came_back(rows: tuple[Row, ...], found: list[Occasion]) -> list[Occasion]:
    """A sale's overcharge is none as far as a refund gave it back with the rest (docs/domain.md §4: once per line)."""
    sale_of = {row["reference"]: row["original_reference"] for row in rows if row["kind"] == "refund"}
    back: dict[str, int] = defaultdict(int)
    for one in found:
        if one.unseen is Unseen.INHERITED and one.minor < 0:
            back[sale_of[one.subject]] -= one.minor
    left = []
    for one in found:
        if one.rules & _OF_MDR and (less := max(0, min(one.minor, back[one.subject]))):
            back[one.subject] -= less
            one = replace(one, minor=one.minor - less)
        left.append(one)
    over = {sale: more for sale, more in back.items() if more}  # what came back although nothing was overcharged
    kept = []
    for one in left:
        if one.unseen is Unseen.INHERITED and one.minor < 0:
            more = min(over.get(sale_of[one.subject], 0), -one.minor)
            over[sale_of[one.subject]] = over.get(sale_of[one.subject], 0) - more
            one = replace(one, minor=-more)
        kept.append(one)
    return [one for one in kept if one.minor or not one.rules & _OF_MDR]


# -- rates -------------------------------------------------------------------------------------------------------------


def _rate(row: Row, profile: Profile) -> Iterator[_Wrong]:
    line = _lines(row)[0]
    if row["outcome"] != "approved" or row.get("should_amount_minor") == 0:
        return
    if line["fee_minor"] != line["should_minor"]:
        product, day = Product(row["product"]), _day(row)
        tariff, lies = profile.tariff(product, day), _lies(line.get("lie"))
        fee, should = line["fee_minor"], line["should_minor"]
        yield _Wrong(row["reference"], lies, day, product, tariff, row["amount_minor"], fee, should)


def _rates(wrong: list[_Wrong], profile: Profile) -> Iterator[Occasion]:
    """D02 and D03 take theirs first; D01 then the run of each tariff; D15 what is left of a month."""
    runs: dict[tuple[Product, date], list[_Wrong]] = defaultdict(list)
    for one in wrong:
        rules = frozenset({R.D02} if _above_cap(one) else ()) | frozenset({R.D03} if _of_another(one, profile) else ())
        if not rules:
            runs[one.product, one.tariff.effective_from].append(one)
        elif one.fee < one.should:
            yield _occasion(one, rules, Unseen.FAVOUR)
        else:
            alike = one.fee == one.should + 1 and rules == {R.D03}
            yield _occasion(one, _ANY if alike else rules | {R.D01, R.D15}, Unseen.ONE if alike else None)
    for run in runs.values():
        telling = [one for one in run if not _at_bound(one)]
        least, most = _room(telling)
        fires = len(telling) >= RUN_LEAST and 0 <= least < most
        for left in _by_month(run):
            ups = [one for one in left if one.fee == one.should + 1]
            rounded = len(left) >= ROUNDED_LEAST and len(ups) * 100 >= ROUNDED_PER_CENT * len(left)
            for one in left:
                yield _of_run(one, fires, rounded, len(telling))


def _of_run(one: _Wrong, fires: bool, rounded: bool, telling: int) -> Occasion:
    if one.fee < one.should:
        return _occasion(one, frozenset(), Unseen.FAVOUR)
    if fires:
        bound = _at_bound(one)
        return _occasion(one, _ANY if bound else frozenset({R.D01}), Unseen.CAPPED if bound else None)
    if rounded and one.fee == one.should + 1:
        return _occasion(one, frozenset({R.D15}))
    if one.lies == {"rounded_up"}:
        return _occasion(one, _ANY, Unseen.ROUNDING)
    return _occasion(one, _ANY, Unseen.RUN if telling < RUN_LEAST else Unseen.MIXED)


def _occasion(one: _Wrong, rules: frozenset[Rule], unseen: Unseen | None = None) -> Occasion:
    return Occasion(one.reference, one.lies, one.fee - one.should, rules, unseen)


def _above_cap(one: _Wrong) -> bool:
    cap = one.tariff.cap_minor
    if cap is None:
        return False
    return one.fee > (cap if one.tariff.cap_scope is CapScope.TOTAL else cap + one.tariff.per_item_minor)


def _of_another(one: _Wrong, profile: Profile) -> bool:
    others = profile.products - {one.product}
    return any(one.fee == sale_fee(profile.tariff(other, one.day), one.amount) for other in others)


def _at_bound(one: _Wrong) -> bool:
    tariff, fee = one.tariff, one.fee - one.tariff.per_item_minor
    capped = tariff.cap_minor is not None and (
        one.fee >= tariff.cap_minor if tariff.cap_scope is CapScope.TOTAL else fee >= tariff.cap_minor
    )
    return capped or fee <= max(tariff.minimum_minor, 0)


def _room(run: Iterable[_Wrong]) -> tuple[Fraction, Fraction]:
    """By how much, in ppm, one rate that explains every fee of a run is above the agreed one, at least and at most."""
    ends = [(1_000_000 * (one.fee - one.tariff.per_item_minor) - _agreed(one), one.amount) for one in run]
    return (
        max((Fraction(above - 1_000_000, amount) for above, amount in ends), default=Fraction(0)),
        min((Fraction(above + 1_000_000, amount) for above, amount in ends), default=Fraction(0)),
    )


def _agreed(one: _Wrong) -> int:
    """The percentage that is agreed of an amount, in millionths of a minor unit, before anything is rounded."""
    if not one.tariff.tiers:
        return one.amount * one.tariff.rate_ppm
    below, whole = 0, 0
    for tier in one.tariff.tiers:
        end = one.amount if tier.up_to_minor is None else min(one.amount, tier.up_to_minor)
        if one.tariff.tier_mode is TierMode.SLAB and end == one.amount:
            return one.amount * tier.rate_ppm
        whole, below = whole + max(0, end - below) * tier.rate_ppm, max(below, end)
    return whole


def _by_month(run: list[_Wrong]) -> Iterable[list[_Wrong]]:
    months: dict[tuple[int, int], list[_Wrong]] = defaultdict(list)
    for one in run:
        months[one.day.year, one.day.month].append(one)
    return months.values()


# -- what is of no sale ------------------------------------------------------------------------------------------------


def _own(played: Played) -> Iterator[Occasion]:
    month, sim = played.month, load_profile(played.month.profile).sim
    free_until = sim.activated + timedelta(days=sim.free_days)
    excuse = Unseen.BEFORE if month.first > free_until else None
    for place, row in enumerate((row for row in played.ledger if row["kind"] == "fee"), 1):
        lies, unseen = _lies(row.get("lie")), None
        if lies == {"sim_twice"}:  # the first of them may pass for the period's own fee
            unseen, excuse = excuse, None
        elif lies == {"sim_early"}:
            excuse = Unseen.EARLY
        if moved := row["fee_minor"] - row["should_minor"]:
            yield Occasion(f"own {place}", lies, moved, _RULES[min(lies)], unseen)
    kept = {row.get("lie") for row in played.ledger if row["kind"] == "deposit"} - {None}
    for lie in sorted(_lies(*kept)):
        if lie == "unreasoned_deduction":
            taken = [row for row in played.ledger if row["kind"] == "deposit" and lie in _lies(row.get("lie"))]
            minor = max(row.get("should_minor", 0) - row.get("amount_minor", 0) for row in taken)
            if minor:  # else nothing is deducted yet
                yield Occasion("deposit", frozenset({lie}), minor, frozenset({R.D19}))
        else:
            yield Occasion("deposit", frozenset({lie}), 0, frozenset(), Unseen.NOT_FEES, valued=False)


def instant_paid(played: Played) -> dict[str, int]:
    """What the T+0 lines of each batch come to, without those of voided sales: what is left of these D10 claims."""
    paid: dict[str, int] = defaultdict(int)
    undone = {row["original_reference"] for row in played.ledger if row["kind"] == "void"}
    for row in played.ledger:
        if row["kind"] == "sale" and row["reference"] not in undone:
            paid[row["batch"]] += sum(line["fee_minor"] for line in row.get("fees", ()) if line["type"] == "t0")
    return paid


def _settlements(rows: tuple[Row, ...], month: Month) -> Iterator[Occasion]:
    last = month.first + timedelta(days=month.days - 1)
    told = {row["batch"]: row for row in rows if row["kind"] == "settlement"}
    never = not any(row["told"] for row in told.values())
    refunds: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["kind"] == "refund" and row["outcome"] == "approved":
            refunds[row["batch"]] += row["amount_minor"]
    for batch, row in told.items():
        lies = _lies(row.get("lie"))
        net = row["gross_minor"] - row["refunds_minor"] - row["fees_minor"] - row["deductions_minor"]
        net += row["carried_minor"] + row["adjustments_minor"]
        if "missing_settlement" in lies:
            due = _with_holidays(date.fromisoformat(row["due_date"]))
            unseen = Unseen.NEVER if never else Unseen.NOT_DUE if due > last else None
            yield Occasion(f"batch {batch}", frozenset({"missing_settlement"}), net, frozenset({R.D11}), unseen)
            continue
        if short := net - row["credited_minor"]:
            yield Occasion(f"batch {batch}", frozenset({"short_settlement"}), short, frozenset({R.D12}))
        if twice := row["refunds_minor"] - refunds[batch]:
            yield Occasion(f"batch {batch}", frozenset({"refund_twice"}), twice, frozenset({R.D06}))
    for row in rows:
        if row["kind"] == "credit" and "batch" in row:  # else it is a deposit's
            yield from _credited(row, told[row["batch"]], month)


def _with_holidays(due: date) -> date:
    """The simulator's world has none: an auditor with the real table waits for the first working day after them."""
    while due in HOLIDAYS or (due - timedelta(days=1) in HOLIDAYS and due.weekday() >= 5):
        due += timedelta(days=1)
    return due


def _credited(row: Row, told: Row, month: Month) -> Iterator[Occasion]:
    subject, unseen = f"batch {row['batch']}", None if month.credits else Unseen.NO_BANK
    if told["told"] and (short := told["credited_minor"] - row["credited_minor"]):
        yield Occasion(subject, frozenset({"short_credit"}), short, frozenset({R.D12}), unseen)
    if row["date"] > told["due_date"]:
        late = frozenset({"late_credit"})
        yield Occasion(subject, late, 0, frozenset({R.D11}), unseen, valued=False)
