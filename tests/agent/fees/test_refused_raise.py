"""D01 and the merchant's word (docs/domain.md §3): a raise is in need of evidence until M says "I did not agree"."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.fees.audit.detectors.rates import Rates
from agent.fees.audit.moments import Now, RateLine
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import Basis, TariffAnswer
from agent.fees.contract.terms import NothingElseAgreed
from agent.fees.facts import facts
from agent.fees.findings import Confidence, Finding, SettledBy, Verdict
from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work
from protocol.messages import Product
from tests.agent.fees.contracts import answer, notice, tariff, terms_of
from tests.conftest import Simulator, entries_of, run_counterfoil, until

BEFORE, SINCE = date(2026, 3, 12), date(2026, 3, 16)
NOTICE = notice("N1", 6300, published=date(2026, 3, 9), from_=SINCE)
LINES = ((50_000, 300, 315), (33_300, 200, 210), (12_345, 74, 78))
"""Amount, fee at 6000 ppm, fee at 6300: 15 + 10 + 4 = 29 too much."""
LIKELY = (Verdict.NEEDS_EVIDENCE, Confidence.LIKELY, SettledBy.CONSENT_RECORD)
CERTAIN = (Verdict.OVER, Confidence.CERTAIN, SettledBy.NOTHING)


def line(number: int, amount: int, right: int, taken: int, day: date = SINCE, **version: Any) -> RateLine:
    return RateLine(
        seq=2 * number, fee_seq=2 * number + 1, day=day, product=Product.CREDIT, amount_minor=amount,
        expected_minor=right, charged_minor=taken, currency=156, version=replace(tariff(), **version),
    )  # fmt: skip


def raised(terms: Terms, *lines: RateLine) -> list[Finding]:
    detector = Rates(terms, Thresholds())
    for one in lines or [line(n, *figures) for n, figures in enumerate(LINES, 1)]:
        assert list(detector.judge(one)) == []
    return list(detector.judge(Now(date(2026, 3, 17), 0)))


def said(findings: list[Finding]) -> list[tuple[object, ...]]:
    return [(one.verdict, one.confidence, one.settled_by, one.difference_minor, one.claimed_minor) for one in findings]


NO, YES = (answer("N1/credit", accepted=False), SINCE), (answer("N1/credit"), SINCE)


@pytest.mark.requirement("D01")
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((NOTICE,), (*LIKELY, 29, 0)),
        ((NOTICE, NO), (*CERTAIN, 29, 29)),
        ((NOTICE, NO, YES), (*LIKELY, 29, 0)),  # agreed to in the end; too soon all the same
        ((NOTICE, YES, NO), (*CERTAIN, 29, 29)),
        ((NOTICE, (answer("N1/debit", accepted=False), SINCE)), (*LIKELY, 29, 0)),
        ((notice("N1", 6400, date(2026, 3, 9), SINCE), NO), (*LIKELY, 29, 0)),  # that was not charged
        ((notice("N1", 6300, date(2026, 3, 9), date(2026, 3, 17)), NO), (*LIKELY, 29, 0)),  # not of that day
        ((tariff("raise", rate_ppm=6300, effective_from=SINCE, published=date(2026, 3, 9)),), (*LIKELY, 29, 0)),
        (
            (
                tariff("raise", rate_ppm=6300, effective_from=SINCE, published=date(2026, 3, 9)),
                (answer("raise", accepted=False), SINCE),
            ),
            (*CERTAIN, 29, 29),
        ),
        ((NothingElseAgreed(valid_from=SINCE, operator="zhang"),), (*CERTAIN, 29, 29)),
        ((NothingElseAgreed(valid_from=SINCE + timedelta(days=1), operator="zhang"),), (*LIKELY, 29, 0)),
    ],
)
def test_what_the_merchant_says_of_a_raise(told: tuple[Any, ...], expected: tuple[object, ...]) -> None:
    assert said(raised(terms_of(tariff(), *told))) == [expected]


@pytest.mark.requirement("D01")
def test_the_word_is_of_the_days_that_the_change_was_for() -> None:
    """The rate was taken before the notice said it would be: of that line nobody has said anything."""
    early = line(9, 50_000, 300, 315, BEFORE)
    lines = [early, *(line(n, *figures) for n, figures in enumerate(LINES, 1))]
    unsaid = raised(terms_of(tariff(), NOTICE), *lines)
    assert said(unsaid) == [(*LIKELY, 44, 0)]
    denied, rest = raised(terms_of(tariff(), NOTICE, NO), *lines)
    assert said([denied, rest]) == [(*CERTAIN, 29, 29), (*LIKELY, 15, 0)]
    assert (denied.name == unsaid[0].name) and denied.name != rest.name
    assert (denied.entries, rest.entries) == ((2, 3, 4, 5, 6, 7), (18, 19))
    assert (denied.facts["count"], rest.facts["count"]) == ("3", "1")
    assert (denied.first, rest.first) == (SINCE, BEFORE)


@pytest.mark.requirement("D01")
def test_what_nobody_signed_no_word_makes_a_claim() -> None:
    stated: dict[str, Any] = {"basis": Basis.ADVERTISED}
    lines = [line(n, *figures, **stated) for n, figures in enumerate(LINES, 1)]
    assert said(raised(terms_of(tariff(**stated), NOTICE, NO), *lines)) == [(*LIKELY, 29, 0)]


# -- from the wire -----------------------------------------------------------------------------------------------------

CONTRACT = """
[contract]
basis = "SIGNED"
valid_from = 2025-08-15
fee_return = "KEEP"
rounding = "HALF_UP"
[[tariff]]
product = "credit"
rate = "0.6%"
cap = "20.00"
[[tariff]]
product = "debit"
rate = "0.55%"
cap = "20.00"
[[tariff]]
products = ["qr_wallet", "qr_credit"]
rate = "0.38%"
"""
"""What the simulator's `classic` charges when it tells the truth; and no word of what else was agreed."""


def ask(home: Home, *arguments: str) -> Any:
    result = run_counterfoil("--home", str(home.path), "--lang", "en", "fees", *arguments, "--json")
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def rates(home: Home) -> dict[str, tuple[str, int]]:
    """D01 by product: verdict and what it claims."""
    found = [one for one in ask(home, "audit")["findings"] if one["rule"] == "D01"]
    assert len({one["facts"]["product"] for one in found}) == len(found)
    return {one["facts"]["product"]: (one["verdict"], one["claimed_minor"]) for one in found}


@pytest.mark.requirement("D01", "4-02", "4-09")
def test_a_notice_too_short_is_refused_and_what_was_taken_by_it_claimed(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], tmp_path: Path
) -> None:
    """Published on 9 March, taken from the 11th on: at the earliest a raise could bind on 9 April, and with consent."""
    terminal = simulator(
        *("--seed", "5", "--date", "2026-03-09", "--days", "3", "--transactions", "60", "--speed", "0"),
        *("--lie", "short_notice:from=2026-03-09,ppm=300,days=2"),
    )
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        until(lambda: len(terminal.closed_days()) == 3 and desk.today("2026-03-11").events >= 60)
        last = terminal.last_event()
        until(lambda: desk.sync().last_event >= last)
    ledger = [json.loads(row) for row in terminal.ledger.read_text(encoding="utf-8").splitlines()]
    undone = {row["original_reference"] for row in ledger if row["kind"] == "void" and row["outcome"] == "approved"}
    taken: dict[str, int] = {}
    for row in ledger:  # what a void gave back was not taken
        if row["kind"] == "sale" and row.get("lie") == "short_notice" and row["reference"] not in undone:
            taken[row["product"]] = taken.get(row["product"], 0) + row["fee_minor"] - row["should_minor"]
    assert taken["credit"] > 0 and taken["qr_wallet"] > 0
    contract = tmp_path / "contract.toml"
    contract.write_text(CONTRACT, encoding="utf-8")
    ask(home, "tariff", "add", str(contract), "--operator", "王")
    before = rates(home)
    assert before["credit"] == before["qr_wallet"] == ("NEEDS_EVIDENCE", 0)

    assert ask(home, "tariff", "refuse", "20260309/credit", "--operator", "王")["state"] == "refused"
    after = rates(home)
    assert after["credit"] == ("OVER", taken["credit"]) and after["qr_wallet"] == ("NEEDS_EVIDENCE", 0)

    size = len(entries_of(home))
    all_ = ask(home, "tariff", "refuse", "--all", "--operator", "王")
    waited = {"20260309/debit", "20260309/qr_wallet", "20260309/qr_credit"}
    assert (all_["recorded"], all_["since"], set(all_["refused"])) == (True, "2025-08-15", waited)
    new = [fact for _entry, fact in facts(entries_of(home)[size:])]
    assert [fact for fact in new if isinstance(fact, NothingElseAgreed)] == [
        NothingElseAgreed(valid_from=date(2025, 8, 15), operator="王")
    ]
    answers = [fact for fact in new if isinstance(fact, TariffAnswer)]
    assert {fact.target for fact in answers} == waited and not any(fact.accepted for fact in answers)
    assert len(new) == 4
    final = rates(home)
    assert final == {product: ("OVER", taken[product]) for product in final} and final.keys() == before.keys()
    again = ask(home, "tariff", "refuse", "--all", "--operator", "王")
    assert (again["recorded"], again["refused"], len(entries_of(home))) == (False, [], size + 4)


def test_how_refuse_is_to_be_called(tmp_path: Path) -> None:
    home = tmp_path / "H"
    made = run_counterfoil("--home", str(home), "init", "--terminal", "T1", "--port", "/dev/null", "--simulated")
    assert made.returncode == 0, made

    def refuse(*arguments: str) -> Any:
        return run_counterfoil("--home", str(home), "--lang", "en", "fees", "tariff", "refuse", *arguments)

    for wrong in ((), ("x", "--all"), ("x", "--since", "2026-01-01"), ("--all", "--note", "no")):
        result = refuse(*wrong, "--operator", "王")
        assert result.returncode == 2 and "--all" in result.stderr, result
    assert refuse("--all", "--operator", " ").returncode == 2
    nothing = refuse("--all", "--operator", "王")
    assert nothing.returncode == 2 and "--since" in nothing.stderr, "there is no contract to count from"
    assert refuse("--all", "--operator", "王", "--since", "2999-01-01").returncode == 2
    assert len(entries_of(Home(home))) == 1, "none of them wrote anything"
    today = entries_of(Home(home))[0].at // 1000
    since = (date(1970, 1, 1) + timedelta(seconds=today)).isoformat()
    assert refuse("--all", "--operator", "王", "--since", since).returncode == 0
    assert len(entries_of(Home(home))) == 2
