"""Months with mixed lies, by seed: python -m tests.dst.months FIRST COUNT [--honest] [--show]. One line for each that fails.

A seed chooses profile, dates, trade and lies; the simulator's own parts play it, the agent's own parts record and audit it, and
the ledger judges the audit (`month_truth`, `month_judge`). At the end stands what nobody could have seen, with the reason.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random

import agent.demo
from agent.fees.audit.audit import Audit
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff_file import read_contract
from agent.fees.facts import facts
from agent.fees.findings import Finding, Verdict
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact
from simulator.clock import closing
from simulator.profile import load_profile, profile_names
from tests.dst.month_judge import claimed_all_the_same, judge, told_by
from tests.dst.month_trade import ZONE, Month, entries, play
from tests.dst.month_truth import truth

_CONTRACTS = Path(agent.demo.__file__).parent / "contracts"
_EARLIEST, _SPAN = date(2026, 2, 20), 70
_ANNOUNCED, _RAISED = date(2026, 3, 11), date(2026, 4, 20)
"""Of the profile umi: who records it without the notice cannot know of the raise."""


@dataclass(slots=True)
class Outcome:
    """Of one month. wrong: what the audit got wrong; unseen: what nobody can see, (lies, reason) -> occasions, minor units."""

    seed: int
    month: Month
    wrong: list[str]
    sales: int = 0
    told: int = 0
    suspects: int = 0
    unseen: Counter[tuple[str, str]] = field(default_factory=Counter)
    unseen_minor: Counter[tuple[str, str]] = field(default_factory=Counter)
    all_the_same: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of these, how many were claimed all the same."""
    seen: Counter[str] = field(default_factory=Counter)


# -- by seed -----------------------------------------------------------------------------------------------------------


def honest_month(seed: int) -> Month:
    """Each profile in turn."""
    random, names = Random(f"months/{seed}"), profile_names()
    return _month(random, seed, names[seed % len(names)])


def lying_month(seed: int) -> Month:
    """One to four lies, of any profile."""
    random = Random(f"months/{seed}")
    month = _month(random, seed, random.choice(profile_names()))
    products = sorted(load_profile(month.profile).products)
    lies = []
    chosen = random.sample(sorted(LIES) + _OF_RATES, random.choice((1, 1, 2, 2, 3, 4)))
    if not _EARLY.isdisjoint(chosen):
        month = replace(month, first=_EARLIEST + timedelta(days=random.randrange(10)))
    if month.profile == "esign" and "short_notice" in chosen and month.first < _PROMO_END:
        month = replace(month, first=_PROMO_END)
    for name in dict.fromkeys(chosen):
        start = month.first + timedelta(days=random.randrange(month.days - 5))
        given = [f"{key}={random.choice(value)}" for key, value in LIES[name].items()]
        if name == "wrong_class":
            given.append(f"product={random.choice(products)}")
        if name not in _EARLY and (name == "short_notice" or random.randrange(3)):
            given.append(f"from={start}")
        if name in _SHARED:
            given.append(f"share={random.choice((100, 100, 60, 20, 5))}")
        elif random.randrange(2):
            given.append(f"count={random.choice((1, 2, 3))}")
        lies.append(f"{name}:{','.join(given)}" if given else name)
    return replace(month, lies=tuple(lies), returns="unreasoned_deduction" in " ".join(lies) or not random.randrange(4))


LIES: dict[str, dict[str, tuple[object, ...]]] = {
    "raised_rate": {"ppm": (50, 100, 300, 800, 3000)},
    "short_notice": {"ppm": (100, 300, 800), "days": (3, 7, 14)},
    "cap_forgotten": {},
    "wrong_class": {},
    "fee_twice": {},
    "declined_fee": {},
    "fee_kept": {},
    "sim_early": {},
    "sim_twice": {},
    "t0_unasked": {"minor": (1, 200, 300)},
    "refund_fee": {"minor": (1, 100, 500)},
    "unexplained_fee": {"minor": (1, 100, 990)},
    "rounded_up": {},
    "support_instalment": {"minor": (100, 5000)},
    "sale_twice": {},
    "over_refund": {"minor": (1, 2000)},
    "refund_as_sale": {},
    "night_sale": {},
    "other_merchant": {},
    "short_settlement": {"minor": (1, 1000, 50_000)},
    "short_credit": {"minor": (1, 1000, 50_000)},
    "late_credit": {"days": (1, 2, 5)},
    "missing_settlement": {},
    "refund_twice": {},
    "unreasoned_deduction": {"minor": (100, 2000)},
    "late_documents": {},
}
"""Every lie but LATE_APPROVAL, which takes a register at the counter, and SILENT_DEPOSIT and REST_KEPT, which are no fees."""
_PROMO_END = date(2026, 4, 1)
"""Of the profile esign: a notice in its promo announces less than the plain rate that follows, which then binds in its favour,
while the simulator reckons with the plain rate."""
_OF_RATES = ["raised_rate", "short_notice", "rounded_up", "wrong_class", "cap_forgotten"]
"""Twice as often."""
_EARLY = frozenset({"sim_early", "sim_twice"})
"""Told in months that begin before the first SIM fee is due, on 5 March."""
_SHARED = frozenset(
    {"raised_rate", "cap_forgotten", "wrong_class", "fee_twice", "declined_fee", "fee_kept", "t0_unasked", "refund_fee"}
    | {"unexplained_fee", "rounded_up"}
)


def _month(random: Random, seed: int, profile: str) -> Month:
    first, days = _EARLIEST + timedelta(days=random.randrange(_SPAN)), random.choice((15, 22, 30, 30, 30, 45))
    if profile == "umi" and first > _ANNOUNCED and first + timedelta(days=days) > _RAISED:
        first = _ANNOUNCED - timedelta(days=random.randrange(10))
    transactions = random.choice((8, 20, 30, 40))
    return Month(
        seed=seed, profile=profile, first=first, days=days, transactions=transactions, credits=random.randrange(8) > 0
    )


# -- recorded and audited ----------------------------------------------------------------------------------------------


@cache
def contract(profile: str) -> tuple[FeeFact, ...]:
    """The practice contract of a profile."""
    return read_contract(_CONTRACTS / f"{profile}.toml", operator="01").facts


def audited(recorded: Sequence[Entry], now: int) -> list[Finding]:
    """What an audit of these entries finds at that time (ms UTC)."""
    notices = [entry for entry in recorded if entry.kind == "terminal.tariff_notice"]
    terms = Terms.of(facts(recorded), notices, time_zone=ZONE)
    auditor = Audit(terms, Thresholds(time_zone=ZONE))
    for entry in recorded:
        auditor.take(entry)
    return list(auditor.findings(now))


def end_of(month: Month) -> int:
    """The evening after its last day, ms UTC: all that was traded is judged."""
    return closing(month.first + timedelta(days=month.days))


def outcome(seed: int, *, honest: bool = False) -> Outcome:
    """Play, record, audit and judge one month."""
    month = honest_month(seed) if honest else lying_month(seed)
    played = play(month)
    recorded = entries(played, contract(month.profile))
    findings = audited(recorded, end_of(month))
    made = Outcome(seed, month, judge(played, recorded, findings))
    made.sales = sum(row["kind"] == "sale" and row["outcome"] == "approved" for row in played.ledger)
    said = told_by(findings)
    made.suspects = len(said)
    if honest:
        made.wrong += [f"{f.rule} {f.verdict} in an honest month: {f}" for f in findings if f.verdict is Verdict.OVER]
        made.wrong += [f"UNKNOWN in an honest month: {f}" for f in findings if f.verdict is Verdict.UNKNOWN]
    told = truth(played)
    for one in told:
        lies = "+".join(sorted(one.lies))
        if one.unseen is None:
            made.seen[lies] += 1
        else:
            made.unseen[lies, one.unseen] += 1
            made.unseen_minor[lies, one.unseen] += one.minor
    unseen = [one for one in told if one.unseen is not None]
    for one in claimed_all_the_same(played, recorded, findings, unseen):
        made.all_the_same["+".join(sorted(one.lies)), one.unseen or ""] += 1
    return made


def _one(job: tuple[int, bool]) -> Outcome:
    seed, honest = job
    try:
        return outcome(seed, honest=honest)
    except Exception:  # one month's crash is that month's failure
        return Outcome(seed, honest_month(seed) if honest else lying_month(seed), [traceback.format_exc()])


def campaign(seeds: Iterable[int], *, honest: bool, jobs: int) -> list[Outcome]:
    """All of them, on so many processes."""
    work = [(seed, honest) for seed in seeds]
    with get_context("spawn").Pool(jobs) as pool:
        return pool.map(_one, work, chunksize=4)


def main() -> int:
    """1 if any month failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.dst.months", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--honest", action="store_true", help="months without a lie")
    parser.add_argument("--show", action="store_true", help="print each month's findings")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    given = parser.parse_args()
    began = time.monotonic()
    seeds = range(given.first, given.first + given.count)
    if given.show:
        for seed in seeds:
            show(honest_month(seed) if given.honest else lying_month(seed))
    done = campaign(seeds, honest=given.honest, jobs=given.jobs)
    failed = [one for one in done if one.wrong]
    for one in failed:
        print(f"seed {one.seed}: {one.month}\n  {one.month.again}")
        print("".join(f"  {line}\n" for line in one.wrong[:12]), end="")
        print(f"  again: python -m tests.dst.months {one.seed} 1{' --honest' if given.honest else ''} --show")
    report(done, honest=given.honest)
    print(f"{len(done)} months, {len(failed)} failures, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


def report(done: Sequence[Outcome], *, honest: bool) -> None:
    """What was told and what nobody could see."""
    sales = sum(one.sales for one in done)
    print(f"{sales} sales")
    if honest:
        print(f"{sum(one.suspects for one in done)} suspects")
        return
    seen: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for one in done:
        seen += one.seen
        for (lies, reason), count in one.unseen.items():
            reasons[reason] += Counter(
                {
                    "occasions": count,
                    "minor": one.unseen_minor[lies, reason],
                    "claimed": one.all_the_same[lies, reason],
                    **{f"lie {each}": count for each in lies.split("+")},
                }
            )
    print(f"{sum(seen.values())} occasions that must be found; of each lie: {dict(seen.most_common())}")
    print("| why nobody must see it | lies | occasions | minor units | claimed all the same |\n|---|---|---|---|---|")
    for reason, sums in sorted(reasons.items()):
        lies = ", ".join(sorted(name.removeprefix("lie ") for name in sums if name.startswith("lie ")))
        print(f"| {reason} | {lies} | {sums['occasions']} | {sums['minor']} | {sums['claimed']} |")


def show(month: Month) -> None:
    """What the audit says of a month."""
    played = play(month)
    recorded = entries(played, contract(month.profile))
    print(month)
    for one in audited(recorded, end_of(month)):
        print(f"  {one.rule} {one.verdict} {one.confidence} {one.subject}: {one.difference_minor}, {dict(one.facts)}")


if __name__ == "__main__":
    sys.exit(main())
