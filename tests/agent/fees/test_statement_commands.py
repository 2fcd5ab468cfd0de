"""`counterfoil statement` against the record of a simulated day: the file is written here from the terminal's own log."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from agent.home import Home
from agent.journal.entries import Entry
from agent.opening import agent_at_work
from tests.conftest import Simulator, entries_of, refused, run_counterfoil

HEAD = "交易日期,交易时间,交易类型,卡类型,交易金额,手续费,结算金额,系统参考号,凭证号,批次号"
DAY = "2026-03-02"
WORDS = {"sale": "消费", "refund": "退货", "void": "消费撤销"}


def yuan(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def honest_rows(entries: list[Entry]) -> list[dict[str, Any]]:
    """What an honest provider would list: approved sales that were not voided, and refunds, with their fees."""
    fees: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.kind == "terminal.fee" and entry.body.get("transaction"):
            fees[entry.body["transaction"]] += entry.body["amount_minor"]
    told = [e.body for e in entries if e.kind == "terminal.transaction" and e.body["outcome"] == "approved"]
    undone = {body.get("original_reference") for body in told if body["kind"] in ("void", "reversal")}
    rows = []
    for body in told:
        if body["kind"] not in ("sale", "refund") or body["reference"] in undone:
            continue
        sign = -1 if body["kind"] == "refund" else 1
        rows.append({"body": body, "amount": sign * body["amount_minor"], "fee": fees[body["reference"]]})
    return rows


def text_of(rows: list[dict[str, Any]]) -> str:
    lines = ["商户对账单", HEAD]
    for row in rows:
        body = row["body"]
        cells = [DAY, "12:00:00", WORDS[body["kind"]], "贷记卡", yuan(row["amount"]), yuan(row["fee"])]
        cells += [yuan(row["amount"] - row["fee"]), body.get("rrn", ""), body["trace"], body["batch"]]
        lines.append(",".join(cells))
    return "\n".join([*lines, "合计,,,,,,,,,"]) + "\n"


@pytest.fixture
def home(recorded: tuple[Home, Simulator]) -> Home:
    return recorded[0]


def run(home: Home, *arguments: str) -> dict[str, Any]:
    done = run_counterfoil("--home", str(home.path), "statement", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_an_honest_statement_fits_and_a_lying_one_shows(home: Home, tmp_path: Path) -> None:
    rows = honest_rows(entries_of(home))
    assert len(rows) >= 15 and any(row["body"]["kind"] == "refund" for row in rows)
    before = len(entries_of(home))
    file = tmp_path / "march.csv"
    file.write_text(text_of(rows), encoding="gb18030")
    dry = run(home, "import", str(file), "--mapping", "lakala-like", "--dry-run")
    assert (dry["imported"], dry["new"], len(entries_of(home))) == (False, len(rows), before)
    told = run(home, "import", str(file), "--mapping", "lakala-like", "--operator", "Wang")
    assert (told["imported"], told["lines"], told["new"], told["pages"]) == (True, len(rows), len(rows), 1)
    assert told["sales_minor"] == sum(row["amount"] for row in rows if row["amount"] > 0)
    assert told["fees_minor"] == sum(row["fee"] for row in rows)
    (page,) = [entry for entry in entries_of(home) if entry.kind == "statement.page"]
    assert len(page.body["lines"]) == len(rows) and page.body["operator"] == "Wang"

    shown = run(home, "show")
    side = shown["statement"]
    assert (side["matched"], side["differing"]) == (len(rows), [])
    assert (side["lines_without_transaction"], side["transactions_without_line"]) == ([], [])
    assert {pair["reference"] for pair in side["pairs"]} == {row["body"]["reference"] for row in rows}
    wire = shown["settlements"]
    assert (wire["matched"], wire["differing"]) == (len(rows), [])
    assert (wire["lines_without_transaction"], wire["transactions_without_line"]) == ([], [])

    again = run(home, "import", str(file), "--mapping", "lakala-like")
    assert (again["imported"], again["imported_before"], again["new"]) == (False, True, 0)

    # A later file: one fee is another, one sale is missing, one line is of nobody.
    later = [dict(row) for row in rows[:-1]]
    later[0]["fee"] += 7
    later.append({"body": {**rows[-1]["body"], "rrn": "999999999999", "trace": "999999"}, "amount": 777, "fee": 5})
    later[-1]["body"]["kind"] = "sale"
    file.write_text(text_of(later), encoding="gb18030")
    told = run(home, "import", str(file), "--mapping", "lakala-like")
    assert (told["new"], told["known"], len(told["changed"])) == (2, len(rows) - 2, 1)
    assert told["changed"][0]["before"]["fee_minor"] == rows[0]["fee"]
    side = run(home, "show", "--unmatched")["statement"]
    assert [(one["reference"], one["fee_minor"], one["stated"]["fee_minor"]) for one in side["differing"]] == [
        (rows[0]["body"]["reference"], rows[0]["fee"], rows[0]["fee"] + 7)
    ]
    assert [one["amount_minor"] for one in side["lines_without_transaction"]] == [777]
    assert side["transactions_without_line"] == [] and side["replaced"] == 1 and "pairs" not in side
    assert len([entry for entry in entries_of(home) if entry.kind == "statement.page"]) == 2

    words = run_counterfoil("--home", str(home.path), "statement", "show")
    assert words.returncode == 0 and "DEMO" in words.stderr
    assert "Lines without a transaction: 1" in words.stdout and "7.77" in words.stdout
    chinese = run_counterfoil("--home", str(home.path), "--lang", "zh_CN", "statement", "show", "--unmatched")
    assert chinese.returncode == 0, chinese.stderr


def test_a_transaction_that_the_file_lacks_shows(home: Home, tmp_path: Path) -> None:
    rows = honest_rows(entries_of(home))
    file = tmp_path / "march.csv"
    file.write_text(text_of(rows[1:]), encoding="gb18030")
    run(home, "import", str(file), "--mapping", "lakala-like")
    side = run(home, "show", "--from", DAY, "--to", DAY)["statement"]
    assert [one["reference"] for one in side["transactions_without_line"]] == [rows[0]["body"]["reference"]]
    assert side["lines_without_transaction"] == []
    nothing = run(home, "show", "--from", "2026-03-05")["statement"]
    assert (nothing["matched"], nothing["transactions_without_line"], nothing["lines_without_transaction"]) == (
        0,
        [],
        [],
    )


def test_nothing_of_a_wrong_file_gets_in(home: Home, tmp_path: Path) -> None:
    rows = honest_rows(entries_of(home))
    before = len(entries_of(home))
    file = tmp_path / "march.csv"
    file.write_text(text_of(rows).replace(",消费,", ",赊账,", 1), encoding="gb18030")
    done = run_counterfoil(
        "--home", str(home.path), "statement", "import", str(file), "--mapping", "lakala-like", "--json"
    )
    assert done.returncode == 1 and "march.csv, line" in done.stderr and "赊账" in done.stderr
    told = json.loads(done.stdout)
    assert not told["imported"] and [(one["field"], one["code"]) for one in told["troubles"]] == [
        ("交易类型", "unknown_word")
    ]
    assert len(entries_of(home)) == before
    refused(
        run_counterfoil("--home", str(home.path), "statement", "import", str(file), "--mapping", "nobody"),
        1,
        "There is no mapping nobody.",
    )
    assert run_counterfoil("--home", str(home.path), "statement", "import", "nowhere.csv").returncode == 2


def test_many_lines_go_in_at_once_beside_the_agent(recorded: tuple[Home, Simulator], tmp_path: Path) -> None:
    """Through the socket of the agent that owns the home: 1,234 lines are 13 pages in one commit."""
    home, _terminal = recorded
    lines = [f"{DAY},12:00:00,消费,贷记卡,5.00,0.03,4.97,{i:012d},{i % 10**6:06d},000009" for i in range(1, 1235)]
    file = tmp_path / "big.csv"
    file.write_text("\n".join([HEAD, *lines]) + "\n", encoding="gb18030")
    from agent.journal.keys import PassphraseSources

    with agent_at_work(home, home.settings(), PassphraseSources()):
        told = run(home, "import", str(file), "--mapping", "lakala-like")
    assert (told["new"], told["pages"]) == (1234, 13)
    pages = [entry for entry in entries_of(home) if entry.kind == "statement.page"]
    assert [len(page.body["lines"]) for page in pages] == [100] * 12 + [34]
    assert len({page.at for page in pages}) == 1
