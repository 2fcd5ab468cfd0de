"""What refunds give back of a sale's MDR: what the contract says should come back, and what came back beyond that.

An overcharge remains as far as Σ charged − Σ returned exceeds what is right of both (docs/domain.md §4: once per line). What
came back too little is D09's alone; what came back too much lessens what the sale's own line is claimed for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.fees import calculation
from agent.fees.audit.moments import Sold
from agent.fees.contract.tariff import TariffVersion
from agent.fees.findings import Finding, Rule
from protocol.messages import FeeType


def right_mdr(version: TariffVersion, sale: Sold) -> int:
    """What of the sale's MDR is right, minor units: of a band the next to what was charged; where nobody knows, all."""
    if sale.right_minor is not None:
        return sale.right_minor
    band = calculation.mdr_band(version, sale.amount_minor)
    return sale.mdr_minor if band is None else min(max(sale.mdr_minor, band[0]), band[1])


def target(version: TariffVersion, sale: Sold, refunded_minor: int) -> int | None:
    """How much of the right MDR is to be back once so much of the sale is; None where the contract does not say."""
    refunded = min(sale.amount_minor, refunded_minor)
    return calculation.returned_so_far(version, sale.amount_minor, right_mdr(version, sale), refunded)


def too_much(version: TariffVersion, sale: Sold, refunded_minor: int, returned_minor: int) -> int:
    """What came back beyond the target; where the contract does not say what should, all of it: no more is certain."""
    due = target(version, sale, refunded_minor)
    return max(0, returned_minor - (due or 0))


def lessened(found: Iterable[Finding], back_minor: int) -> tuple[dict[str, Finding], int]:
    """A sale's findings by name, less what came back too much; and how much of that is left for its rate (D01, D15, D08).

    What has come back whole is found no more.
    """
    kept = {}
    for one in found:
        back = min(back_minor, one.difference_minor) if _is_of_mdr(one) else 0
        back_minor -= back
        if not back:
            kept[one.name] = one
        elif back < one.difference_minor:
            kept[one.name] = replace(
                one,
                charged_minor=None if one.charged_minor is None else one.charged_minor - back,
                difference_minor=one.difference_minor - back,
                facts={**one.facts, "came_back_minor": str(back)},
            )
    return kept, back_minor


def _is_of_mdr(one: Finding) -> bool:
    return one.rule in {Rule.D02, Rule.D03} or (one.rule is Rule.D05 and one.facts.get("type") == FeeType.MDR)
