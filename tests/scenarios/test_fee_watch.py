"""An agent at work tells by itself that the rate went up: a real terminal's process, `serve`, and who asks them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.home import Home
from tests.conftest import Agent, Simulator, entries_of, run_counterfoil, until

CONTRACT = """
[contract]
basis = "SIGNED"
valid_from = 2025-08-15
fee_return = "KEEP"
rounding = "HALF_UP"
nothing_else_agreed = true
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
FIRST_S = 20
"""How long an agent is at work before it looks at the fees; the rest is the machine's."""


@pytest.mark.requirement("4-03", "4-11", "4-12", "D01")
def test_an_agent_tells_of_a_raised_rate_until_it_is_claimed(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent], tmp_path: Path
) -> None:
    terminal = simulator("--seed", "6", "--transactions", "40", "--speed", "0", "--lie", "raised_rate:ppm=300")
    home = home_for(terminal)

    def ask(*arguments: str) -> Any:
        result = run_counterfoil("--home", str(home.path), "--lang", "en", *arguments, "--json")
        assert result.returncode == 0, result
        return json.loads(result.stdout)

    def notice() -> dict[str, Any] | None:
        return next((one for one in ask("terminal", "status")["notices"] if one["code"] == "fees_over"), None)

    (tmp_path / "contract.toml").write_text(CONTRACT, encoding="utf-8")
    ask("fees", "tariff", "add", str(tmp_path / "contract.toml"), "--operator", "王")
    agent(home).await_session()
    until(lambda: ask("transactions", "list")["total"] >= 40)
    assert notice() is None, "nobody has looked yet"
    told = until(notice, seconds=FIRST_S + 15)
    found = ask("fees", "audit")["findings"]
    over = [one for one in found if one["claimed_minor"]]
    ledger = [json.loads(row) for row in terminal.ledger.read_text(encoding="utf-8").splitlines()]
    undone = {row["original_reference"] for row in ledger if row["kind"] == "void" and row["outcome"] == "approved"}
    taken = [
        row["fee_minor"] - row["should_minor"]
        for row in ledger
        if row["kind"] == "sale" and row["product"] == "credit" and row.get("lie") and row["reference"] not in undone
    ]
    of_credit = [one for one in over if one["rule"] == "D01" and one["facts"]["product"] == "credit"]
    assert [one["difference_minor"] for one in of_credit] == [sum(taken)] and len(taken) >= 3
    assert told["facts"] == {
        "count": str(len(over)), "minor": str(sum(one["claimed_minor"] for one in over)), "currency": "156",
    }  # fmt: skip
    signed = {entry.body["finding"]: entry.body for entry in entries_of(home) if entry.kind == "fees.finding"}
    assert {one["finding"] for one in over} <= signed.keys()
    assert all(signed[one["finding"]]["difference_minor"] == one["difference_minor"] for one in over)
    assert [entry for entry in entries_of(home) if entry.kind == "fees.audited"], "and that it looked"
    # commands reach the agent that owns the home: the same findings again are no new entries
    before = len([entry for entry in entries_of(home) if entry.kind == "fees.finding"])
    ask("fees", "audit", "--record", "--operator", "王")
    assert len([entry for entry in entries_of(home) if entry.kind == "fees.finding"]) == before
    (claim,) = ask("fees", "claims", "open", "--all", "--operator", "王")["claims"]
    assert claim["claimed_minor"] == sum(one["claimed_minor"] for one in over)
    until(lambda: notice() is None, seconds=15)
