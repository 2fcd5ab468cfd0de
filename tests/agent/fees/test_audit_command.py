"""`counterfoil fees audit`, as a shopkeeper and a script call it, on a home with a real journal."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent.cli import counterfoil
from agent.fees.audit.recording import recorded_findings
from agent.fees.claim_kinds import Audited, FindingRecorded, FindingSuperseded
from agent.fees.facts import facts
from agent.home import Home
from agent.journal import keys
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.reader import open_reader
from agent.journal.store import Journal
from agent.opening import make_home
from agent.settings import Settings
from tests.agent.fees.shop import NO_OTHER, P, Shop, ms, signed
from tests.conftest import refused

RECORD = ("--record", "--operator", "zhang")
FIGURES = ("rule", "expected_minor", "charged_minor", "difference_minor", "entries")


def into(home: Home, shop: Shop, at: str, first: int = 0) -> None:
    """What the shop has recorded, from one of its entries on."""
    signer = keys.unlock(home.path, PassphraseSources())
    with closing(Journal.open(home.journal, signer)) as journal:
        journal.append(shop.drafts[first:], ms(at))


@pytest.fixture
def shop() -> Shop:
    """王女士's double fee in March (DOMAIN: 1000 of 200000 at 5000), and a sale in April that has no tariff."""
    shop = Shop(signed(5000, P.DEBIT, cap_minor=2000), NO_OTHER)
    shop.trade(200_000, 1000, 1000, product=P.DEBIT, on="2026-03-02 12:00")
    shop.trade(50_000, 300, on="2026-04-02 12:00")
    return shop


@pytest.fixture
def home(tmp_path: Path, shop: Shop) -> Home:
    """Entry 0 is the journal's own: the shop's are one further on."""
    home = Home(tmp_path / "H")
    make_home(home, Settings(terminal="T1", simulated=True, port="-"), PassphraseSources(), ms("2026-01-01 08:00"))
    into(home, shop, "2026-04-10 12:00")
    return home


def call(path: Path, *arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """In this process."""
    out, err, code = StringIO(), StringIO(), 0
    command = ["--home", str(path), "--lang", language, "fees", "audit", *arguments]
    with redirect_stdout(out), redirect_stderr(err):
        try:
            counterfoil.main(args=command, prog_name="counterfoil")
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def answer(home: Home, *arguments: str) -> Any:
    result = call(home.path, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def noted(home: Home) -> list[object]:
    """What audits have signed."""
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return [fact for _entry, fact in facts(journal.all_of(("fees.",)))]


@pytest.mark.requirement("D05", "D01", "4-03")
def test_the_document(home: Home) -> None:
    told = answer(home)
    assert (told["simulated"], told["transactions"], told["unknown"], told["claimed_minor"]) == (True, 2, 1, 1000)
    by_rule = {(one["rule"], one["verdict"]): one for one in told["findings"] if one["rule"] in {"D01", "D05"}}
    assert set(by_rule) == {("D05", "OVER"), ("D01", "UNKNOWN")}
    double, unknown = by_rule["D05", "OVER"], by_rule["D01", "UNKNOWN"]
    assert [double[name] for name in FIGURES] == ["D05", 1000, 2000, 1000, [3, 4, 5]]
    assert [unknown[name] for name in FIGURES] == ["D01", None, 300, 0, [6, 7]]
    assert (double["first"], double["tariff_version"], double["currency"]) == ("2026-03-02", "debit-v1", 156)
    assert (unknown["settled_by"], double["settled_by"]) == ("contract", "nothing")


@pytest.mark.requirement("4-03")
@pytest.mark.parametrize(
    ("span", "rules"),
    [
        (("--from", "2026-03-02", "--to", "2026-03-02"), {"D05"}),
        (("--from", "2026-03-03"), {"D01"}),
        (("--to", "2026-04-01"), {"D05"}),
        (("--to", "2026-03-01"), set()),
    ],
)
def test_a_span_of_days(home: Home, span: tuple[str, ...], rules: set[str]) -> None:
    """Of the whole record, what touches the days: the same findings by the same names."""
    told = answer(home, *span)
    found = {one["finding"]: one for one in told["findings"] if one["rule"] in {"D01", "D05"}}
    assert {one["rule"] for one in found.values()} == rules
    assert told["claimed_minor"] == (1000 if "D05" in rules else 0)
    assert found.items() <= {one["finding"]: one for one in answer(home)["findings"]}.items()


@pytest.mark.requirement("4-03")
def test_strict_for_a_script(home: Home) -> None:
    assert call(home.path, "--strict").returncode == 1
    assert call(home.path).returncode == 0
    assert call(home.path, "--strict", "--to", "2026-03-01").returncode == 0, "nothing stands in those days"


def test_words_and_wrong_usage(home: Home, tmp_path: Path) -> None:
    result = call(home.path)
    told = result.stdout
    assert "DEMO: simulated" in result.stderr
    assert all(word in told for word in ("D05", "10.00", "20.00", "3, 4, 5"))
    assert "1 sales could not be judged" in told
    chinese = call(home.path, language="zh_CN").stdout
    assert "D05" in chinese
    assert "charged" not in chinese
    assert call(home.path, "--record").returncode == 2
    assert call(home.path, "--from", "2026-02-30").returncode == 2
    nowhere = call(tmp_path / "nothing", "--json")
    assert nowhere.stdout == ""
    refused(nowhere, 3)


@pytest.mark.requirement("4-03", "4-11")
def test_recorded_once_and_superseded_visibly(home: Home, shop: Shop) -> None:
    answer(home, *RECORD)
    first = noted(home)
    double = next(one for one in first if isinstance(one, FindingRecorded) and one.rule == "D05")
    assert (double.expected_minor, double.charged_minor, double.difference_minor) == (1000, 2000, 1000)
    assert double.entries == (3, 4, 5)
    assert not [one for one in first if isinstance(one, FindingRecorded) and one.verdict == "UNKNOWN"]
    (looked,) = [one for one in first if isinstance(one, Audited)]
    assert (looked.claimed_minor, looked.transactions, looked.unknown, looked.operator) == (1000, 2, 1, "zhang")

    answer(home, *RECORD)
    again = noted(home)[len(first) :]
    assert [type(one) for one in again] == [Audited], "what is signed is not signed again, only that somebody looked"

    known = len(shop.drafts)
    shop.fee(-1000, shop.entries[2].body["reference"], on="2026-04-11 09:00")
    into(home, shop, "2026-04-12 12:00", known)
    answer(home, *RECORD)
    last = noted(home)[len(first) + 1 :]
    assert FindingSuperseded(finding=double.finding) in last
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        assert double.finding not in recorded_findings(journal)
    assert double in noted(home), "what was signed stays to be seen"


@pytest.mark.requirement("4-03")
def test_a_part_of_the_record_supersedes_nothing_of_the_rest(home: Home) -> None:
    """--from and --to choose what is shown; what is signed is the whole."""
    answer(home, *RECORD)
    answer(home, *RECORD, "--from", "2026-04-01")
    assert not [one for one in noted(home) if isinstance(one, FindingSuperseded)]
