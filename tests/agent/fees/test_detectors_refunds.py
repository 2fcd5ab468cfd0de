"""D07 and D20, 李女士's two troubles (docs/domain.md, acceptance scenarios)."""

from __future__ import annotations

import pytest

from agent.fees.audit.detectors.refunds import OverRefund, RefundAsSale
from agent.fees.audit.moments import Seen, Settling
from agent.fees.audit.thresholds import Thresholds
from agent.fees.findings import Confidence, Verdict
from protocol.messages import Outcome
from tests.agent.fees.moment_parts import MINUTE, NOON, K, back, found, terms, trade


def over() -> OverRefund:
    return OverRefund(terms(), Thresholds())


def instead() -> RefundAsSale:
    return RefundAsSale(terms(), Thresholds())


def settled(moment: Seen) -> Settling:
    return Settling(moment.trade, [], {}, None, None, None, moment.original)


@pytest.mark.requirement("D07", "4-07", "李女士")
def test_twenty_yuan_too_much() -> None:
    """A coat of 368.00; 388.00 go back: 2000."""
    coat = trade(36_800)
    gone = back(coat, 38_800)
    (finding,) = found(over(), [gone])
    assert (finding.verdict, finding.confidence, finding.difference_minor) == (Verdict.OVER, Confidence.CERTAIN, 2_000)
    assert (finding.expected_minor, finding.charged_minor) == (36_800, 38_800)
    assert (finding.subject, finding.entries) == (coat.reference, (coat.seq, gone.trade.seq))


@pytest.mark.requirement("D07", "4-07", "李女士")
def test_parts_are_summed_before_and_after_their_batch_is_judged() -> None:
    """10000 and 15000 of 20000: 5000; whether the book has added the first one to the sale, or not yet."""
    sale = trade(20_000)
    one, two = back(sale, 10_000), back(sale, 15_000)
    assert [finding.difference_minor for finding in found(over(), [one, two])] == [5_000]
    later = back(sale, 15_000, refunded_before=10_000)
    assert [finding.difference_minor for finding in found(over(), [one, settled(one), later])] == [5_000]


@pytest.mark.requirement("D07", "4-07", "李女士")
def test_all_of_it_in_parts_is_no_fen_too_much() -> None:
    """honest_*.toml: 333.33, 333.33, 333.34 of 1000.00."""
    sale = trade(100_000)
    parts = [back(sale, minor) for minor in (33_333, 33_333, 33_334)]
    assert found(over(), parts) == []
    assert len(found(over(), [*parts, back(sale, 1)])) == 1


@pytest.mark.requirement("D07", "4-07", "李女士")
def test_the_excess_grows_and_shrinks() -> None:
    sale = trade(10_000)
    whole, more, still = back(sale), back(sale, 300), back(sale, 40)
    assert [f.difference_minor for f in found(over(), [whole, more, still])] == [340]
    void = back(more.trade, kind=K.REVERSAL)
    assert [f.difference_minor for f in found(over(), [whole, more, still, void])] == [40]


@pytest.mark.requirement("D07", "4-07", "李女士")
def test_a_declined_refund_gives_nothing_back() -> None:
    sale = trade(36_800)
    assert found(over(), [back(sale, 38_800, outcome=Outcome.DECLINED), back(sale)]) == []


@pytest.mark.requirement("D07", "4-07", "李女士")
def test_a_sale_of_which_nothing_is_known_is_not_judged() -> None:
    refund = back(trade(100), 200).trade
    assert found(over(), [Seen(refund, None)]) == []


@pytest.mark.requirement("D07", "4-07", "李女士")
def test_memory_is_that_of_open_batches() -> None:
    detector = over()
    for _ in range(500):
        one = back(trade(100), 100)
        list(detector.judge(one))
        list(detector.judge(settled(one)))
    assert not detector._open and not detector._over


@pytest.mark.requirement("D20", "4-06", "李女士")
@pytest.mark.parametrize(("after", "count"), [(5 * MINUTE, 1), (30 * MINUTE, 1), (30 * MINUTE + 1, 0), (-1, 0)])
def test_a_failed_refund_and_then_a_sale(after: int, count: int) -> None:
    """story_li: a scarf of 20.00; the refund fails, five minutes later the same card pays 20.00 again."""
    clothes = trade(12_000, NOON - 86_400_000)
    failed = back(clothes, 2_000, NOON, outcome=Outcome.DECLINED)
    wrong = trade(2_000, NOON + after, card_token=clothes.card_token)
    findings = found(instead(), [Seen(clothes), failed, Seen(wrong)])
    assert [(one.verdict, one.difference_minor, one.entries) for one in findings] == [
        (Verdict.NEEDS_EVIDENCE, 2_000, (failed.trade.seq, wrong.seq))
    ] * count
    assert sum(one.claimed_minor for one in findings) == 0, "the clerk's own slip is no claim on the provider"


@pytest.mark.requirement("D20", "4-06", "李女士")
def test_a_refund_that_went_through_and_then_a_sale_is_an_exchange() -> None:
    coat = trade(36_800)
    assert found(instead(), [back(coat), Seen(trade(36_800, NOON + MINUTE, card_token=coat.card_token))]) == []


@pytest.mark.requirement("D20", "4-06", "李女士")
@pytest.mark.parametrize("other", [{"card_token": "another"}, {"card_token": None}, {"outcome": Outcome.DECLINED}])
def test_another_card_no_card_or_no_sale(other: dict[str, object]) -> None:
    coat = trade(36_800)
    values = {"card_token": coat.card_token} | other
    failed = back(coat, outcome=Outcome.DECLINED)
    assert found(instead(), [failed, Seen(trade(36_800, NOON + MINUTE, **values))]) == []


@pytest.mark.requirement("D20", "4-06", "李女士")
def test_no_tokens_are_never_compared() -> None:
    code = trade(36_800, card_token=None)
    assert (
        found(instead(), [back(code, outcome=Outcome.DECLINED), Seen(trade(36_800, NOON + 5, card_token=None))]) == []
    )


@pytest.mark.requirement("D20", "4-06", "李女士")
def test_one_attempt_answers_for_one_sale_and_a_void_settles_it() -> None:
    coat = trade(36_800)
    failed = back(coat, outcome=Outcome.DECLINED)
    wrong, more = (trade(36_800, NOON + n * MINUTE, card_token=coat.card_token) for n in (1, 2))
    assert [one.subject for one in found(instead(), [failed, Seen(wrong), Seen(more)])] == [wrong.reference]
    assert found(instead(), [failed, Seen(wrong), back(wrong, kind=K.VOID)]) == []
