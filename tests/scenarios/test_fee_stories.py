"""The four stories of docs/domain.md §1 from wire to claim: a terminal that lies, the record, the audit, the claim, the money.

The amounts are those of its table of acceptance scenarios.
"""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import refused, run_counterfoil


class Shop:
    """The home of a story that was played; every answer is a command's own."""

    def __init__(self, home: Path, story: str) -> None:
        self.home = home
        said = self.ask("demo", "--headless", "--scenario", story)
        assert said["verdict"] == "held", [check for check in said["checks"] if not check["ok"]]

    def run(self, *arguments: str) -> Any:
        return run_counterfoil("--home", str(self.home), "--lang", "en", *arguments)

    def ask(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result
        return json.loads(result.stdout)

    def found(self) -> dict[str, dict[str, Any]]:
        """The audit's findings by rule; of each rule there is one."""
        found = self.ask("fees", "audit")["findings"]
        assert len({one["rule"] for one in found}) == len(found)
        return {one["rule"]: one for one in found}

    def event(self, claim: str, what: str, on: str, *more: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask(
            "fees", "claims", "event", claim, what, "--on", on, "--operator", "店主", *more
        )
        return answer

    def claim(self, minor: int, rule: str, on: str) -> str:
        """Have the findings signed, and claim them all: one claim of that rule alone."""
        assert self.ask("fees", "audit", "--record", "--operator", "店主")["claimed_minor"] == minor
        assert self.run("fees", "audit", "--strict").returncode == 1
        (opened,) = self.ask("fees", "claims", "open", "--all", "--on", on, "--operator", "店主")["claims"]
        assert (opened["state"], opened["claimed_minor"], opened["outstanding_minor"]) == ("open", minor, minor)
        assert [(one["rule"], one["claimed_minor"]) for one in opened["findings"]] == [(rule, minor)]
        assert self.ask("fees", "claims", "list")["unclaimed"] == []
        name: str = opened["claim"]
        return name

    def letter(self, claim: str, to: Path) -> str:
        """As the merchant sends it: read, confirmed, and that recorded with its fingerprint."""
        unread = self.run("fees", "claims", "letter", claim, "--to", str(to), "--operator", "店主")
        refused(unread, 1, "read and confirmed", "--draft")
        sent = self.run("fees", "claims", "letter", claim, "--to", str(to), "--operator", "店主", "--confirmed")
        assert sent.returncode == 0, sent
        fingerprint = sha256(to.read_bytes()).hexdigest()
        noted = self.ask("fees", "claims", "show", claim)["events"][-1]
        assert noted["event"] == "noted" and fingerprint in noted["note"].replace(":", "")
        return to.read_text(encoding="utf-8")

    def credited(self, claim: str, amount: str, on: str) -> dict[str, Any]:
        """The bank says that it came: first its credit, then the claim's event on that entry."""
        credit = self.ask("credits", "add", "--on", on, "--amount", amount, "--operator", "店主")
        return self.event(claim, "credited", on, "--entry", str(credit["entry"]))

    def verified(self) -> None:
        assert self.ask("journal", "verify")["ok"] is True


@pytest.mark.requirement("张先生", "D01", "D22", "4-01", "4-02", "4-08", "4-12")
def test_zhang_the_rate_went_up_and_six_yuan_came_back(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "H", "story_zhang")
    found = shop.found()
    assert set(found) == {"D01", "D22"}
    raised, month = found["D01"], found["D22"]
    # forty sales of 500.00 at 315 instead of 300; (315 - 1)/50000 is 6280 ppm at least
    assert (raised["verdict"], raised["expected_minor"], raised["charged_minor"]) == ("OVER", 40 * 300, 40 * 315)
    assert raised["difference_minor"] == raised["claimed_minor"] == 600
    assert (raised["first"], raised["last"]) == ("2026-04-01", "2026-04-20")
    assert raised["facts"]["agreed_ppm"] == "6000" and int(raised["facts"]["least_ppm"]) == 6280
    assert len(set(raised["entries"])) == 80, "each sale and its fee line"
    assert (month["facts"]["month"], month["difference_minor"], month["claimed_minor"]) == ("2026-04", 600, 0)
    (april,) = [row for row in shop.ask("fees", "report")["months"] if row["month"] == "2026-04"]
    assert (april["total"]["fees_minor"], april["total"]["expected_minor"]) == (12_600, 12_000)

    claim = shop.claim(600, "D01", "2026-04-27")
    letter = shop.letter(claim, tmp_path / "letter.txt")
    assert "6.00" in letter and "演练" in letter and "非法律意见" in letter and raised["tariff_version"] in letter
    assert shop.event(claim, "raised", "2026-05-02", "--channel", "phone", "--ticket", "95016-7")["state"] == "raised"
    early = shop.run("fees", "claims", "event", claim, "closed", "--operator", "店主")
    refused(early, 1)
    admitted = shop.event(
        claim, "admitted", "2026-05-04", "--outcome", "refund", "--cause", "system_error", "--due", "2026-05-10"
    )
    assert (admitted["state"], admitted["admitted_minor"], admitted["answer_days"]) == ("admitted", 600, 2)
    assert (admitted["cause"], admitted["outcome"], admitted["due"]) == ("system_error", "refund", "2026-05-10")
    word_alone = shop.run("fees", "claims", "event", claim, "credited", "--operator", "店主")
    assert word_alone.returncode == 2 and "--entry" in word_alone.stderr, "credited is what the bank says"
    paid = shop.credited(claim, "6.00", "2026-05-08")
    assert (paid["state"], paid["credited_minor"], paid["outstanding_minor"]) == ("credited", 600, 0)
    assert shop.event(claim, "closed", "2026-05-08")["state"] == "closed"
    stats = shop.ask("fees", "claims", "stats", "--on", "2026-05-08")
    assert (stats["first_answer"]["average_tenths"], stats["money"]["average_tenths"]) == (20, 60)
    assert [(sums["claimed_minor"], sums["credited_minor"], sums["outstanding_minor"]) for sums in stats["sums"]] == [
        (600, 600, 0)
    ]
    again = shop.run("fees", "claims", "open", "--all", "--operator", "店主")
    refused(again, 1, "nothing to claim")
    shop.verified()


@pytest.mark.requirement("李女士", "D07", "D20", "4-06", "4-07")
def test_li_twenty_yuan_too_much_went_back_and_twenty_more_were_taken(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "H", "story_li")
    found = shop.found()
    assert set(found) == {"D07", "D20"}
    back, again = found["D07"], found["D20"]
    assert (back["verdict"], back["expected_minor"], back["charged_minor"]) == ("OVER", 36_800, 38_800)
    assert (back["difference_minor"], back["claimed_minor"], back["owed_by_customer_minor"]) == (2_000, 0, 2_000)
    assert (again["verdict"], again["difference_minor"], again["claimed_minor"]) == ("NEEDS_EVIDENCE", 2_000, 0)
    assert (again["first"], again["settled_by"]) == ("2026-03-12", "customer")
    kinds = [shop.ask("journal", "show", str(seq))["kind"] for seq in again["entries"]]
    assert kinds == ["terminal.transaction"] * 2, "the refund that failed, and the sale that was keyed instead"

    audit = shop.ask("fees", "audit", "--record", "--operator", "店主")
    assert (audit["claimed_minor"], audit["owed_by_customers_minor"]) == (0, 2_000), "the customer owes it"
    refused(shop.run("fees", "claims", "open", back["finding"], "--operator", "店主"), 1, "customer")
    assert shop.ask("fees", "claims", "list")["unclaimed"] == []
    shop.verified()


@pytest.mark.requirement("李女士", "D20", "4-07")
def test_a_refund_keyed_as_a_sale_becomes_a_case_that_the_customer_is_owed(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "H", "refund_as_sale")
    finding = shop.found()["D20"]
    (sale,) = [shop.ask("journal", "show", str(seq))["body"] for seq in finding["entries"][1:]]
    command = [sys.executable, "-m", "agent", "--home", str(shop.home), "--lang", "zh_CN"]

    def run(*given: str) -> str:
        return subprocess.run(
            [*command, *given, "--pin-fd", "0"], input="271828\n", check=True, capture_output=True, text=True
        ).stdout

    run("operator", "add", "01", "--role", "manager")
    why = ("--why", "refund_as_sale", "--finding", finding["finding"], "--operator", "01")
    assert "¥2631.22" in (told := run("refund", "owe", sale["reference"], *why).replace(",", "")) and "待退" in told
    (case,) = shop.ask("refund", "owed", "--open")["owed"]
    assert (case["state"], case["amount_minor"], case["sale"]) == ("open", 263_122, sale["reference"])
    assert case["finding"] == finding["finding"] and shop.ask("refund", "list")["refunds"] == []
    shop.verified()


@pytest.mark.requirement("王女士", "D05", "4-01", "4-06", "4-08")
def test_wang_the_fee_was_taken_twice_and_she_is_content_in_the_end(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "H", "story_wang")
    found = shop.found()
    assert set(found) == {"D05", "D22"}
    twice = found["D05"]
    assert (twice["verdict"], twice["expected_minor"], twice["charged_minor"]) == ("OVER", 1_000, 2_000)
    assert twice["difference_minor"] == twice["claimed_minor"] == 1_000
    lines = [shop.ask("journal", "show", str(seq)) for seq in twice["entries"]]
    fees = [line["body"] for line in lines if line["kind"] == "terminal.fee"]
    assert [fee["amount_minor"] for fee in fees] == [1_000, 1_000] and len(
        {fee["event"]["number"] for fee in fees}
    ) == 2

    claim = shop.claim(1_000, "D05", "2026-03-11")
    assert "10.00" in shop.letter(claim, tmp_path / "letter.txt")
    unasked = shop.run("fees", "claims", "event", claim, "rated", "--satisfaction", "5", "--operator", "店主")
    refused(unasked, 1)  # nothing to be satisfied with yet
    shop.event(claim, "raised", "2026-03-11", "--channel", "chat")
    shop.event(claim, "admitted", "2026-03-12", "--outcome", "refund", "--cause", "system_error")
    part = shop.credited(claim, "4.00", "2026-03-13")
    assert (part["state"], part["outstanding_minor"]) == ("part_credited", 600)
    assert shop.credited(claim, "6.00", "2026-03-14")["state"] == "credited"
    rated = shop.event(claim, "rated", "2026-03-14", "--satisfaction", "5")
    assert (rated["state"], rated["satisfaction"], rated["credited_minor"]) == ("credited", 5, 1_000)
    assert shop.event(claim, "closed", "2026-03-14")["state"] == "closed"
    assert shop.ask("fees", "claims", "stats", "--on", "2026-03-14")["satisfaction_tenths"] == 50
    shop.verified()


OFFERS = """
[[offer]]
provider = "乙支付"
source = "their price list"
date = 2026-03-31
[offer.rates.credit]
rate = "0.6%"
"""


@pytest.mark.requirement("赵先生", "D01", "D22", "3-21", "4-09", "4-10", "4-12")
def test_zhao_a_month_costs_320_yuan_too_much(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "H", "story_zhao")
    found = shop.found()
    raised = found["D01"]
    assert (raised["verdict"], raised["expected_minor"], raised["charged_minor"]) == ("OVER", 48_000, 80_000)
    assert raised["claimed_minor"] == 32_000 and raised["facts"]["agreed_ppm"] == "6000"
    assert found["D22"]["facts"]["month"] == "2026-03" and found["D22"]["difference_minor"] == 32_000

    (tmp_path / "offers.toml").write_text(OFFERS, encoding="utf-8")
    compare = ("fees", "compare", "--offers", str(tmp_path / "offers.toml"))
    recorded = shop.ask(*compare, "--month", "2026-03")
    given = shop.ask(*compare, "--volume", "80000.00", "--product", "credit", "--now-ppm", "10000")
    for told in (recorded, given):
        assert (told["now"]["fees_minor"], told["now"]["effective_ppm"]) == (80_000, 10_000)
        offers = {row["kind"]: row for row in told["offers"]}
        there = offers["provider"]
        assert (there["month_minor"], there["saving_month_minor"]) == (48_000, 32_000), "¥320 a month"
        assert there["saving_year_minor"] == 12 * 32_000 and there["licence_checked"] is False
        assert set(offers) == {"provider", "cash", "light"} and offers["cash"]["lacks"] and offers["light"]["lacks"]
        assert offers["cash"]["saving_month_minor"] == 80_000
        assert len(told["licence_check"]) >= 3 and all(point["where"] for point in told["licence_check"])
        assert len(told["security_check"]) >= 3 and all(point["what"] for point in told["security_check"])
    assert recorded["volume"] == [{"product": "credit", "count": 16, "sales_minor": 8_000_000}]
    april = shop.ask(*compare, "--month", "2026-04")
    assert april["now"]["fees_minor"] == 48_000
    # what the shop's own contract of "market" says: 0.6%, a fen more where it is broken
    quote = shop.ask("fees", "quote", "--product", "credit", "--amount", "5000.00", "--at", "2026-03-09")
    assert quote["fee_minor"] == 3_000

    claim = shop.claim(32_000, "D01", "2026-04-30")
    assert "320.00" in shop.letter(claim, tmp_path / "letter.txt")
    shop.event(claim, "raised", "2026-04-30", "--channel", "visit")
    half = shop.event(claim, "part_admitted", "2026-05-06", "--amount", "200.00", "--outcome", "refund")
    assert (half["state"], half["admitted_minor"]) == ("part_admitted", 20_000)
    assert shop.credited(claim, "200.00", "2026-05-08")["outstanding_minor"] == 12_000
    given_up = shop.event(claim, "written_off", "2026-05-20", "--note", "the new contract is worth more")
    assert (given_up["written_off_minor"], given_up["outstanding_minor"]) == (12_000, 0)
    shop.verified()
