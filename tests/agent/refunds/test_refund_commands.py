"""`counterfoil refund` and `void`, as processes beside the agent, on the simulator's own terminal: words, JSON, exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from agent.home import Home
from agent.journal.keys import verifying_key
from agent.journal.proof import Proof
from agent.papers.strip import cells
from tests.conftest import Agent, Simulator, entries_of, until

PIN = "271828\n"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(simulator: Callable[..., Simulator], home_for: Callable[..., Home], agent: Callable[..., Agent]) -> Home:
    """A shop of one manager, with an agent at work and twelve sales of a day whose batch is closed."""
    terminal = simulator("--seed", "7", "--transactions", "12", "--speed", "0", "--then", "stay")
    made = home_for(terminal)
    agent(made).await_session()
    until(lambda: (days := terminal.closed_days()) and len(rows(made)) == days[0]["transactions"])
    run(made, "operator", "add", "01", "--role", "manager", pins=PIN)
    return made


def run(home: Home, *given: str, pins: str = "", expect: int = 0, lang: str = "en") -> tuple[str, str]:
    ours, theirs = os.pipe()
    os.write(theirs, pins.encode())
    os.close(theirs)
    command = [sys.executable, "-m", "agent", "--home", str(home.path), "--lang", lang, *given]
    command += ["--pin-fd", str(ours)] if pins else []
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, pass_fds=(ours,), stdin=subprocess.DEVNULL
    )
    os.close(ours)
    assert ran.returncode == expect, ran.stdout + ran.stderr
    return ran.stdout, ran.stderr


def rows(home: Home) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(run(home, "transactions", "list", "--json")[0])["transactions"]
    return told


def sales(home: Home) -> list[dict[str, Any]]:
    return [row for row in rows(home) if row["kind"] == "sale" and row["outcome"] == "approved" and not row["voided"]]


def test_create_shows_its_rules_and_does_nothing_twice(home: Home) -> None:
    sale = max(sales(home), key=lambda row: row["amount_minor"])
    reference, part = "0192e5a0c1d27abc8def0123456789ab", ("--amount", "1.00", "--operator", "01")
    out, _err = run(home, "refund", "create", sale["reference"], "--amount", "1.00", "--dry-run")
    assert "a refund: only part of the sale" in out and not [
        e for e in entries_of(home) if e.kind == "refund.confirmed"
    ]
    first, _err = run(home, "refund", "create", sale["reference"], *part, "--reference", reference, "--json", pins=PIN)
    told = json.loads(first)
    assert (told["state"], told["amount_minor"], told["operator"], told["action"]) == ("succeeded", 100, "01", "refund")
    again, _err = run(home, "refund", "create", sale["reference"], *part, "--reference", reference, "--json", pins=PIN)
    assert json.loads(again) == told
    other = ("refund", "create", sale["reference"], "--amount", "2.00", "--operator", "01", "--reference", reference)
    refused = json.loads(run(home, *other, "--json", pins=PIN, expect=1)[0])
    assert refused["state"] == "refused" and refused["reasons"][0]["code"] == "other_order"
    listed = json.loads(run(home, "refund", "list", "--json")[0])["refunds"]
    assert [row["reference"] for row in listed] == [reference]
    shown = json.loads(run(home, "refund", "show", reference[:8], "--json")[0])
    assert shown["due"] == told["due"] and shown["late"] is False


def test_what_is_refused_is_told_in_the_readers_language_before_and_after(home: Home) -> None:
    sale = sales(home)[0]
    out, err = run(
        home,
        "refund",
        "create",
        sale["reference"],
        "--amount",
        "99999",
        "--operator",
        "01",
        pins=PIN,
        expect=1,
        lang="zh_CN",
    )
    assert "不能办理：超过了该笔消费剩余可退的金额" in out and "退回的手续费" not in out
    assert err.splitlines()[-2].startswith("超过了该笔消费剩余可退的金额")
    run(home, "refund", "create", "ffff", "--operator", "01", pins=PIN, expect=1)
    reasons = [entry.body["reasons"] for entry in entries_of(home) if entry.kind == "refund.refused"]
    assert reasons == [["over_remaining"], ["original_not_here"]]


def test_a_sale_of_a_closed_batch_is_no_void(home: Home) -> None:
    sale = sales(home)[0]
    out, _err = run(home, "void", sale["reference"], "--dry-run", "--json", expect=1)
    quote = json.loads(out)
    assert [reason["code"] for reason in quote["reasons"]] == ["no_void"] and quote["why"] == "batch_closed"


@pytest.mark.requirement("2-04", "2-06")
def test_what_became_of_it_is_noted(home: Home) -> None:
    sale = sales(home)[0]
    out, _err = run(
        home, "refund", "create", sale["reference"], "--amount", "1", "--operator", "01", "--json", pins=PIN
    )
    name = json.loads(out)["reference"]
    run(home, "refund", "note", name, "delayed", "--operator", "01", pins=PIN, expect=2)
    out, _err = run(
        home, "refund", "note", name, "delayed", "--delay", "holiday", "--operator", "01", "--json", pins=PIN
    )
    assert json.loads(out)["delay"] == "holiday"
    out, _err = run(home, "refund", "note", name, "arrived", "--operator", "01", "--note", "he called", pins=PIN)
    assert "arrived" in out
    run(home, "refund", "note", name, "arrived", "--operator", "01", pins="135790\n", expect=1)
    run(home, "refund", "note", "ffff", "arrived", "--operator", "01", pins=PIN, expect=1)


def test_nobody_or_nothing_is_wrong_usage(home: Home, tmp_path: Path) -> None:
    run(home, "refund", "create", "0192", expect=2)
    run(home, "refund", "create", "0192", "--amount", "1.005", "--operator", "01", pins=PIN, expect=2)


def test_refunds_from_a_file_are_judged_one_by_one_and_never_done_twice(home: Home, tmp_path: Path) -> None:
    one, other, *_rest = sorted(sales(home), key=lambda row: -row["amount_minor"])
    file = tmp_path / "recall.csv"
    lines = (
        f"{one['reference']},1.00,recall",
        f"{other['reference']},99999.00,recall",
        f"{'f' * 32},1.00,",
        f"{other['reference']},2.50,recall",
    )
    file.write_bytes("\n".join(("原交易,退货金额,原因", *lines)).encode("gb18030"))
    looked = json.loads(run(home, "refund", "batch", str(file), "--dry-run", "--json", expect=1)[0])["lines"]
    codes = [[reason["code"] for reason in line["reasons"]] for line in looked]
    assert codes == [[], ["over_remaining"], ["original_not_here"], []]
    given = ("refund", "batch", str(file), "--operator", "01")
    told = json.loads(run(home, *given, "--json", pins=PIN, expect=1)[0])["lines"]
    assert [line["state"] for line in told] == ["succeeded", "refused", "refused", "succeeded"]
    assert [line["line"] for line in told] == [2, 3, 4, 5]
    out, _err = run(home, *given, pins=PIN, expect=1)
    assert out.count("given back  01") == 2 and "Line 3: That is more than is left" in out
    assert len(json.loads(run(home, "refund", "list", "--json")[0])["refunds"]) == 2, "done once"


def test_a_file_that_cannot_be_read_is_refused_whole(home: Home, tmp_path: Path) -> None:
    sale, file = sales(home)[0]["reference"], tmp_path / "recall.csv"
    for lines, words in (
        ((f"{sale},1.005",), "line 2, amount"),
        ((f"{sale[:8]},1",), "line 2, sale"),
        ((f"{sale},1", f"{sale},1.00"), "line 3, reference"),
        ((), "no line"),
    ):
        file.write_text("\n".join(("sale,amount", *lines)))
        _out, err = run(home, "refund", "batch", str(file), "--operator", "01", pins=PIN, expect=1)
        assert words in err, err
    file.write_text("reference,amount\n")
    assert "sale" in run(home, "refund", "batch", str(file), "--operator", "01", pins=PIN, expect=1)[1]
    assert not [entry for entry in entries_of(home) if entry.kind.startswith("refund.")]


def test_parking_and_resolving_ask_for_a_managers_pin(home: Home) -> None:
    decided = ("--operator", "01", "--reason", "slip 000123")
    reference = "0192e5a0c1d27abc8def0123456789ab"
    for command in (("refund", "resolve", reference, "--as", "voided"), ("refund", "park", reference)):
        _out, err = run(home, *command, *decided, pins=PIN, expect=1)
        assert "money request" in err or "reference" in err


def test_the_customers_slip_on_paper_of_two_widths(home: Home) -> None:
    sale = sales(home)[0]
    given = ("refund", "create", sale["reference"], "--amount", "1.00", "--operator", "01", "--json")
    name = json.loads(run(home, *given, pins=PIN)[0])["reference"]
    for lang, word in (("en", "Amount given back"), ("zh_CN", "退款金额")):
        for columns in (32, 48):
            out, _err = run(home, "refund", "slip", name, "--columns", str(columns), lang=lang)
            assert word in out and "¥1.00" in out and sale["rrn"] in out and name in out
            assert max(cells(line) for line in out.splitlines()) <= columns


@pytest.mark.skipif(
    shutil.which("pdftoppm") is None and "CI" not in os.environ, reason="poppler-utils is not installed"
)
@pytest.mark.requirement("2-03")
def test_the_slips_code_proves_it_without_our_software(home: Home, tmp_path: Path) -> None:
    """Read off the page as a phone would, and checked with the steps of docs/verify.md."""
    sale = sales(home)[0]
    given = ("refund", "create", sale["reference"], "--amount", "1.00", "--operator", "01", "--json")
    name = json.loads(run(home, *given, pins=PIN)[0])["reference"]
    files = [tmp_path / "one.pdf", tmp_path / "two.pdf"]
    for file in files:
        _out, err = run(home, "refund", "slip", name, "-o", str(file), lang="zh_CN")
        assert "〓" not in err
    raw = files[0].read_bytes()
    assert raw == files[1].read_bytes() and raw.startswith(b"%PDF-") and b"/FontFile2" in raw
    assert len(raw) < 200_000, "only the signs that are used are embedded"
    picture = tmp_path / "slip"
    subprocess.run(["pdftoppm", "-r", "300", "-png", "-singlefile", str(files[0]), str(picture)], check=True)
    with Image.open(picture.with_suffix(".png")) as page:
        (code,) = zxingcpp.read_barcodes(page, formats=zxingcpp.BarcodeFormat.QRCode)
    (tmp_path / "scanned").write_bytes(code.text.rstrip("\n").replace("\n", "\r\n").encode())
    (commands,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "refunds.md").read_text(encoding="utf-8"), re.DOTALL)
    subprocess.run(["bash", "-eu", "-c", commands], cwd=tmp_path, check=True)
    entry = (tmp_path / "entry.json").read_bytes()
    Proof.parse((tmp_path / "entry.tlog-proof").read_text()).verify(entry, verifying_key(home.path))
    told = json.loads(entry)
    assert (told["kind"], told["body"]["reference"], told["body"]["amount_minor"]) == ("money.outcome", name, 100)
    words = subprocess.run(["pdftotext", str(files[0]), "-"], check=True, capture_output=True, text=True).stdout
    assert "退款金额" in words and "¥1.00" in words and sale["rrn"] in words


def test_the_days_report(home: Home) -> None:
    sale = max(sales(home), key=lambda row: row["amount_minor"])["reference"]
    for yuan in ("1.00", "2.50"):
        run(home, "refund", "create", sale, "--amount", yuan, "--operator", "01", pins=PIN)
    run(home, "refund", "create", sale, "--amount", "99999", "--operator", "01", pins=PIN, expect=1)
    told = json.loads(run(home, "refund", "report", "--json")[0])
    assert told["by_operator"] == [{"operator": "01", "currency": 156, "count": 2, "amount_minor": 350}]
    assert [one["reasons"] for one in told["refused"]] == [["over_remaining"]] and told["open"] == told["owed"] == []
    out, _err = run(home, "refund", "report", lang="zh_CN")
    assert "操作员 01：2 笔，共 ¥3.50" in out and "拒绝 1 次：超过了该笔消费剩余可退的金额" in out
    out, _err = run(home, "refund", "report", "--date", "2020-01-01")
    assert "2020-01-01" in out and "Operator" not in out
