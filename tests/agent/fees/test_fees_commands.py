"""`counterfoil fees quote` and `fees tariff`, as a person or a script calls them."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent.commands.fees import _COMMANDS, fees
from agent.fees.contract.tariff import TariffAnswer, TariffVersion
from agent.fees.facts import facts
from agent.home import Home
from tests.conftest import entries_of, refused, run_counterfoil

HOUSE = Path(__file__).parents[3]
UMI = HOUSE / "agent" / "demo" / "contracts" / "umi.toml"


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_counterfoil("--home", str(home), "--lang", "en", "fees", *arguments, **environment)


def told(home: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    result = run(home, *arguments, "--json")
    assert result.returncode == code, result
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def quote(home: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    return told(home, "quote", *arguments, code=code)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day on which the terminal tells of a raise from 2026-04-20, credit 0.63%, published on 2026-03-11."""
    home = tmp_path_factory.mktemp("fees") / "H"
    arguments = ("--transactions", "12", "--seed", "4", "--profile", "umi", "--date", "2026-03-11", "--days", "2")
    result = run_counterfoil("--home", str(home), "demo", "--headless", *arguments)
    assert result.returncode == 0, result.stderr
    return home


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    home = tmp_path / "H"
    made = run_counterfoil("--home", str(home), "init", "--terminal", "T1", "--port", "/dev/null", "--simulated")
    assert made.returncode == 0, made.stderr
    return home


# -- quote -------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("4-09")
def test_the_quote_of_a_model_needs_no_home(tmp_path: Path) -> None:
    document = quote(tmp_path / "none", "--product", "debit", "--amount", "4001.00", "--model", "smart")
    assert document["fee_minor"] == document["fee_min_minor"] == document["fee_max_minor"] == 2000
    assert document["amount_minor"] == 400_100 and document["currency"] == 156
    assert document["basis"] == "ADVERTISED" and "智能POS" in document["source"]
    assert document["steps"][0] == {
        "code": "percentage",
        "amount_minor": 400_100,
        "ppm": 5000,
        "millionths": 400_100 * 5000,
        "words": "0.5% of ¥4,001.00 is ¥20.005",
    }
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("model", "product", "amount", "least", "most"),
    [
        ("classic", "debit", "3636.38", 2000, 2000),  # 5500: 1999.5 and a little
        ("classic", "qr_wallet", "99.99", 38, 38),
        ("esign", "credit", "123.45", 68, 74),
        ("smart", "credit", "5000.00", 2000, 3000),  # with the cap, at the lower rate; without it, at the upper
        ("umi", "credit", "123.45", 74, 74),
    ],
)
def test_what_the_models_cost(tmp_path: Path, model: str, product: str, amount: str, least: int, most: int) -> None:
    document = quote(tmp_path, "--product", product, "--amount", amount, "--model", model)
    assert (document["fee_min_minor"], document["fee_max_minor"]) == (least, most)
    assert document["fee_minor"] == (least if least == most else None)


def test_a_quote_in_words(tmp_path: Path) -> None:
    said = run(tmp_path, "quote", "--product", "DEBIT", "--amount", "４００１．００", "--model", "smart", "--explain")
    assert said.returncode == 0 and said.stderr == ""
    lines = said.stdout.splitlines()
    assert lines[0] == "Debit card, ¥4,001.00: the fee is ¥20.00"
    assert lines[1].strip() == "0.5% of ¥4,001.00 is ¥20.005"
    assert "at most ¥20.00" in lines[-1] and "advertised" in lines[-1]
    said = run(tmp_path, "quote", "--product", "credit", "--amount", "4001", "--model", "smart")
    assert said.stdout.splitlines()[0] == "Credit card, ¥4,001.00: the fee is between ¥20.00 and ¥24.01"


def test_what_no_article_states_is_not_known(tmp_path: Path) -> None:
    document = quote(tmp_path, "--product", "qr_wallet", "--amount", "1", "--model", "esign", code=1)
    assert (document["fee_minor"], document["unknown"], document["version"]) == (None, "no_tariff", None)
    before = quote(tmp_path, "--product", "debit", "--amount", "1", "--model", "smart", "--at", "2011-12-31", code=1)
    assert before["unknown"] == "no_tariff"


@pytest.mark.parametrize(
    ("amount", "words"),
    [("1.234", "two decimals"), ("-5", "not negative"), ("ten", "4001.00"), ("", "4001.00"), ("1,00", "4001.00")],
)
def test_bad_amounts_are_refused_in_words(tmp_path: Path, amount: str, words: str) -> None:
    said = run(tmp_path, "quote", "--product", "debit", f"--amount={amount}", "--model", "smart")
    assert said.returncode == 2 and words in said.stderr and "Traceback" not in said.stderr


def test_no_home_and_no_model(tmp_path: Path) -> None:
    refused(run(tmp_path / "none", "quote", "--product", "debit", "--amount", "1"), 3, "no counterfoil home", "--model")
    said = run(tmp_path, "quote", "--product", "debit", "--amount", "1", "--model", "smart", "--at", "02.03.2026")
    assert said.returncode == 2 and "2026-03-02" in said.stderr


def test_a_home_without_a_tariff_knows_no_fee(empty: Path) -> None:
    document = quote(empty, "--product", "debit", "--amount", "1", code=1)
    assert (document["simulated"], document["unknown"]) == (True, "no_tariff")
    said = run(empty, "quote", "--product", "debit", "--amount", "1")
    assert said.returncode == 1 and said.stdout.startswith("Not known: ") and "tariff add" in said.stderr
    assert "DEMO" in said.stderr


# -- tariff ------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("4-09")
def test_from_the_contract_to_the_answer(shop: Path, tmp_path: Path) -> None:
    """The whole way on one record: nothing known, the contract added, the notice agreed to, taken back, refused."""
    assert [(row["id"], row["state"]) for row in told(shop, "tariff", "list")["tariffs"]] == [
        ("2026-07/credit", "waiting")
    ]
    assert quote(shop, "--product", "credit", "--amount", "500", code=1)["unknown"] == "no_tariff"

    size = len(entries_of(Home(shop)))
    nobody = run(shop, "tariff", "add", str(UMI))
    refused(nobody, 1, "umi.toml:", "contract.nothing_else_agreed", "--operator")
    tried = told(shop, "tariff", "add", str(UMI), "--operator", "王", "--dry-run")
    assert (tried["added"], tried["facts"], len(tried["versions"])) == (False, 9, 4)
    assert len(entries_of(Home(shop))) == size, "neither added anything"

    added = told(shop, "tariff", "add", str(UMI), "--operator", "王")
    assert (added["added"], added["facts"], added["days_judged"], added["days_in_record"]) == (True, 9, 2, 2)
    assert added["file_sha256"] == sha256(UMI.read_bytes()).hexdigest()
    new = entries_of(Home(shop))[size:]
    versions = [fact for _entry, fact in facts(new) if isinstance(fact, TariffVersion)]
    assert len({entry.at for entry in new}) == 1 and len(new) == 9
    assert {v.product for v in versions} == {"credit", "debit", "qr_wallet", "qr_credit"}
    assert {(v.operator, v.file_sha256) for v in versions} == {("王", sha256(UMI.read_bytes()).digest())}

    again = run(shop, "tariff", "add", str(UMI), "--operator", "王")
    assert again.returncode == 0 and "already: nothing was added" in again.stdout
    assert len(entries_of(Home(shop))) == size + 9
    assert quote(shop, "--product", "credit", "--amount", "500", "--at", "2026-05-01")["fee_minor"] == 300

    proof = tmp_path / "letter.txt"
    proof.write_bytes(b"agreed")
    agreed = told(shop, "tariff", "consent", "2026", "--operator", "王", "--evidence", str(proof), "--note", "ok")
    assert (agreed["id"], agreed["recorded"], agreed["state"]) == ("2026-07/credit", True, "later")
    assert (agreed["binds_from"], agreed["binds_to"]) == ("2026-04-20", None), "its first day; published 40 days before"
    (answer,) = [fact for _entry, fact in facts(entries_of(Home(shop))) if isinstance(fact, TariffAnswer)]
    assert answer == TariffAnswer(
        target="2026-07/credit", accepted=True, operator="王", evidence_sha256=sha256(b"agreed").digest(), note="ok"
    )
    assert quote(shop, "--product", "credit", "--amount", "500", "--at", "2026-04-19")["fee_minor"] == 300
    assert quote(shop, "--product", "credit", "--amount", "500", "--at", "2026-04-20")["fee_minor"] == 315
    assert told(shop, "tariff", "consent", "2026-07/credit", "--operator", "王")["recorded"] is False

    no = told(shop, "tariff", "refuse", "2026-07/credit", "--operator", "王")
    assert (no["state"], no["recorded"], no["binds_from"]) == ("refused", True, None)
    assert quote(shop, "--product", "credit", "--amount", "500", "--at", "2026-05-01")["fee_minor"] == 300
    assert told(shop, "tariff", "refuse", "2026-07/credit", "--operator", "王")["recorded"] is False
    shown = [row["id"] for row in told(shop, "tariff", "list")["tariffs"]]
    assert len(shown) == 4 and "2026-07/credit" not in shown
    assert "2026-07/credit" in [row["id"] for row in told(shop, "tariff", "list", "--all")["tariffs"]]

    stated = told(shop, "tariff", "add", "--example", "classic")
    assert (stated["added"], stated["days_judged"]) == (True, 0), "what is signed goes before it"
    states = {row["id"]: row["state"] for row in told(shop, "tariff", "list")["tariffs"]}
    assert [states[version["version"]] for version in stated["versions"]] == ["gives_way"] * 4
    in_words = run(shop, "tariff", "list")
    assert "DEMO" in in_words.stderr and "gives way to another; advertised, not signed" in in_words.stdout


def test_an_example_alone_is_what_fees_are_judged_by(empty: Path) -> None:
    assert run(empty, "tariff", "add", "--example", "smart").returncode == 0
    at = ("--at", "2026-03-02")
    assert quote(empty, "--product", "debit", "--amount", "4001.00", *at)["fee_minor"] == 2000
    document = quote(empty, "--product", "credit", "--amount", "1000.00", *at)
    assert (document["fee_minor"], document["fee_min_minor"], document["fee_max_minor"]) == (None, 550, 600)
    refusal = run(empty, "tariff", "add", "--example", "classic")
    assert refusal.returncode == 1 and "classic.toml:" in refusal.stderr, "two rates of one product, from one day"
    row = next(row for row in told(empty, "tariff", "list")["tariffs"] if row["product"] == "debit")
    assert (row["state"], row["binds_from"], row["cap_minor"]) == ("binds", "2012-01-01", 2000)


def test_a_file_is_refused_whole_and_in_json(empty: Path, tmp_path: Path) -> None:
    file = tmp_path / "deal.toml"
    file.write_text(
        '[contract]\nbasis = "SIGNED"\nvalid_from = 2025-01-01\n[[tariff]]\nproduct = "debit"\nrate = "0.5%"\n'
        '[[tariff]]\nproduct = "credit"\nrate = 0.6\n',
        encoding="utf-8",
    )
    size = len(entries_of(Home(empty)))
    document = told(empty, "tariff", "add", str(file), code=1)
    assert document["added"] is False and document["troubles"] == [
        {
            "line": 9,
            "field": "tariff.rate",
            "what": '0.6 has a decimal point: write it in quotes with its sign, did you mean "0.6%"?',
        }
    ]
    refused(run(empty, "tariff", "add", str(file)), 1, "deal.toml:9: tariff.rate: ", "Nothing of deal.toml was added")
    assert len(entries_of(Home(empty))) == size


def test_wrong_usage(empty: Path, tmp_path: Path) -> None:
    assert run(empty, "tariff", "add").returncode == 2
    assert run(empty, "tariff", "add", str(UMI), "--example", "smart").returncode == 2
    refused(run(empty, "tariff", "add", str(tmp_path / "none.toml")), 3, "none.toml")
    refused(run(empty, "tariff", "consent", "x", "--operator", "王"), 1, "0 tariffs begin with 'x'", "list --all")
    assert run(empty, "tariff", "refuse", "x").returncode == 2
    assert run(empty, "tariff", "refuse", "x", "--operator", " ").returncode == 2
    refused(run(tmp_path / "none", "tariff", "list"), 3, "no counterfoil home")


def test_a_tariff_added_by_mistake_is_refused(empty: Path) -> None:
    added = told(empty, "tariff", "add", "--example", "esign")
    debit = next(v["version"] for v in added["versions"] if v["product"] == "debit")
    assert told(empty, "tariff", "refuse", debit[:6], "--operator", "王")["state"] == "refused"
    assert quote(empty, "--product", "debit", "--amount", "1", "--at", "2026-03-02", code=1)["unknown"] == "no_tariff"
    assert told(empty, "tariff", "consent", debit, "--operator", "王")["recorded"] is True
    missing = run(empty, "tariff", "refuse", debit, "--operator", "王", "--evidence", str(empty / "none.png"))
    refused(missing, 3, "none.png", "--evidence")


def test_today_is_the_homes_own(shop: Path) -> None:
    """A simulated home's clock is its terminal's: the day that was played, not the wall's."""
    day = told(shop, "tariff", "list")["date"]
    last = max(entry.at for entry in entries_of(Home(shop)))
    assert (
        day in ("2026-03-12", "2026-03-13")
        and abs(last // 1000 - datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) < 172_800
    )
    assert date.fromisoformat(day) < date(2026, 4, 20)


def test_the_group_knows_its_commands_without_importing_them() -> None:
    code = "import sys; from agent.commands import fees; print([m for m in sys.modules if m.startswith('agent.fees')])"
    import sys

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
    assert list(fees.commands) == [] and list(_COMMANDS) == [
        *("quote", "tariff", "audit", "claims", "report", "compare", "tickets", "costs"),
    ]
    page = run_counterfoil("--lang", "en", "fees", "--help")
    assert page.returncode == 0 and all(f"  {name}" in page.stdout for name in _COMMANDS)
