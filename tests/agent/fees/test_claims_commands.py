"""`counterfoil fees claims`, as a shopkeeper and a script call it, on a home with a real journal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from contextlib import closing, redirect_stderr, redirect_stdout
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent.cli import counterfoil
from agent.fees.claim_kinds import FindingSuperseded
from agent.fees.contract.terms import Registration
from agent.fees.findings import Confidence, Rule, Verdict
from agent.fees.noting import noted
from agent.home import Home
from agent.journal.fee_kinds import FeeFact
from agent.journal.keys import PassphraseSources, verifying_key
from agent.journal.reader import Head, open_reader
from agent.opening import make_home, open_desk
from agent.settings import Settings
from tests.agent.fees.claim_facts import credit, day, finding, name, version
from tests.conftest import refused

AT = 1_772_380_800_000
ON = ("--on", "2026-03-06")
STAFF = "Ouyang"


def record(home: Home, *facts: FeeFact) -> int:
    """The first of their entries."""
    with open_desk(home, record=True) as desk:
        return desk.note(noted(facts)).size - len(facts)


def made(path: Path, *, simulated: bool = True) -> Home:
    home = Home(path)
    make_home(home, Settings(terminal="T1", simulated=simulated, port="-"), PassphraseSources(), AT)
    registered = Registration(
        valid_from=day("01-01"),
        provider="示例支付有限公司",
        merchant_name="张记餐馆",
        mid="848290053110001",
        tid="10000001",
        contract_ref="LKL-2026-001",
        source="contract.toml",
    )
    record(home, registered, version(), finding(), finding("s2", 1_000, Rule.D05, version=None, expected_minor=1_000))
    record(home, finding("s3", 77, verdict=Verdict.NEEDS_EVIDENCE), finding("s4", 88, confidence=Confidence.SUSPECT))
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return made(tmp_path / "H")


def call(home: Home, *arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """In this process: a hundred of them would otherwise be a minute's work."""
    out, err, code = StringIO(), StringIO(), 0
    command = ["--home", str(home.path), "--lang", language, "fees", "claims", *arguments]
    with redirect_stdout(out), redirect_stderr(err):
        try:
            counterfoil.main(args=command, prog_name="counterfoil")
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def answer(home: Home, *arguments: str) -> Any:
    result = call(home, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def head(home: Home) -> Head:
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return journal.head


@pytest.fixture
def claim(home: Home) -> str:
    """One over both findings: 600 and 1000 分."""
    (opened,) = answer(home, "open", "--all", "--operator", STAFF, *ON)["claims"]
    return str(opened["claim"])


@pytest.mark.requirement("4-01", "4-02", "4-06", "4-08")
def test_from_the_findings_to_the_closed_claim(home: Home) -> None:
    listed = answer(home, "list")
    assert listed["claims"] == [] and set(listed["unclaimed"]) == {name(), name("s2", Rule.D05)}
    (opened,) = answer(home, "open", "--all", "--operator", STAFF, *ON)["claims"]
    assert (opened["claimed_minor"], opened["state"], opened["currency"]) == (1_600, "open", 156)
    assert {(f["rule"], f["claimed_minor"]) for f in opened["findings"]} == {("D01", 600), ("D05", 1_000)}
    assert opened["next"] == ["raised", "withdrawn", "written_off", "noted"]
    claim = opened["claim"]

    def event(*told: str) -> Any:
        return answer(home, "event", claim[:6], *told, "--operator", STAFF)

    event("raised", "--channel", "phone", "--ticket", "LKL-7", "--on", "2026-03-07")
    told = event(
        "part_admitted", "--amount", "10.00", "--outcome", "refund", "--cause", "system_error", "--on", "2026-03-09"
    )
    assert (told["admitted_minor"], told["cause"], told["answer_days"]) == (1_000, "system_error", 2)
    paid = record(home, credit(1_000, "03-12"))
    told = event("credited", "--entry", str(paid), "--on", "2026-03-12")
    assert (told["state"], told["outstanding_minor"], told["money_days"]) == ("part_credited", 600, 5)
    event("escalated", "--channel", "letter", "--on", "2026-03-13")
    event("admitted", "--on", "2026-03-14")
    more = record(home, credit(600, "03-15"))
    assert event("credited", "--entry", str(more), "--amount", "6.00", "--on", "2026-03-15")["state"] == "credited"
    event("closed", "--on", "2026-03-15")
    event("rated", "--satisfaction", "5", "--on", "2026-03-15")
    whole = answer(home, "show", claim)
    assert [e["event"] for e in whole["events"]] == (
        ["opened", "raised", "part_admitted", "credited", "escalated", "admitted", "credited", "closed", "rated"]
    )
    assert whole["credits"] == [
        {"entry": paid, "on": "2026-03-12", "amount_minor": 1_000},
        {"entry": more, "on": "2026-03-15", "amount_minor": 600},
    ]
    assert whole["open"] is False and answer(home, "list", "--open")["claims"] == []
    stats = answer(home, "stats", "--on", "2026-03-20")
    assert stats["sums"] == [
        {
            "currency": 156,
            "claims": 1,
            "claimed_minor": 1_600,
            "admitted_minor": 1_600,
            "credited_minor": 1_600,
            "written_off_minor": 0,
            "outstanding_minor": 0,
        }
    ]
    assert stats["first_answer"]["average_tenths"] == 20 and stats["money"]["average_tenths"] == 50
    assert stats["satisfaction"] == {"5": 1} and stats["causes"] == {"system_error": 1}
    for words in (("list",), ("show", claim), ("stats",)):
        for language in ("en", "zh_CN"):
            run = call(home, *words, language=language)
            assert run.returncode == 0 and "16.00" in run.stdout and "DEMO" in run.stderr, run


def test_bad_input_is_refused_with_a_reason_and_nothing_recorded(home: Home, claim: str) -> None:
    assert call(home, "event", claim, "raised", "--operator", STAFF, "--on", "2026-03-07").returncode == 0
    before = head(home)

    def event(*told: str) -> subprocess.CompletedProcess[str]:
        return call(home, "event", claim, *told, "--operator", STAFF, "--on", "2026-03-08")

    refused(event("closed"), 1, "cannot follow", "admitted")
    refused(event("part_admitted", "--amount", "16.01"), 1, "16.00")
    refused(call(home, "event", claim, "denied", "--operator", STAFF, "--on", "2026-03-06"), 1, "2026-03-07")
    refused(call(home, "event", "ffff", "denied", "--operator", STAFF), 1, "ffff")
    refused(call(home, "open", "ffff", "--operator", STAFF), 1, "ffff")
    refused(call(home, "open", "--all", "--operator", STAFF), 1, "nothing to claim")
    refused(call(home, "open", name(), "--operator", STAFF), 1, claim)
    refused(call(home, "open", name("s3"), "--operator", STAFF), 1, "claims no money")
    refused(call(home, "open", name("s4"), "--operator", STAFF), 1, "claims no money")
    refused(event("withdrawn"), 1, "reason")
    for amount in ("-1.00", "1.001", "0", "0.00", "1e2", "1,00", "１.00", ".5", "", "nan"):
        run = event("part_admitted", "--amount", amount)
        assert run.returncode == 2 and "--amount" in run.stderr, run
    for odd in (("forgiven",), ("credited",), ("denied", "--due", "2026-02-30"), ("denied", "--due", "1/2/2026")):
        assert event(*odd).returncode == 2
    assert call(home, "event", claim, "denied").returncode == 2  # nobody notes it
    assert call(home, "open", "--operator", STAFF).returncode == 2
    assert call(home, "open", "--all", name(), "--operator", STAFF).returncode == 2
    assert head(home) == before


def test_a_credit_that_is_none_or_used_up(home: Home, claim: str) -> None:
    for told in (("raised",), ("admitted",)):
        assert call(home, "event", claim, *told, "--operator", STAFF).returncode == 0
    paid = record(home, credit(1_600))
    named = call(home, "event", claim, "credited", "--operator", STAFF)
    assert named.returncode == 2 and f"{paid} (2026-03-12" in named.stderr
    before = head(home)
    refused(call(home, "event", claim, "credited", "--entry", "1", "--operator", STAFF), 1, "no credit")
    refused(
        call(home, "event", claim, "credited", "--entry", "999", "--amount", "1.00", "--operator", STAFF),
        1,
        "no credit",
    )
    assert head(home) == before
    assert answer(home, "event", claim, "credited", "--entry", str(paid), "--operator", STAFF)["state"] == "credited"
    assert answer(home, "show", claim)["outstanding_minor"] == 0


# -- the letter -----------------------------------------------------------------------------------------------------------


def test_the_letter_says_what_the_record_shows_and_no_more(home: Home, claim: str) -> None:
    noted_words = call(home, "event", claim, "noted", "--note", "rude Mr Li", "--operator", STAFF)
    assert noted_words.returncode == 0
    before = head(home)
    run = call(home, "letter", claim, "--confirmed", "--operator", STAFF)
    assert run.returncode == 0, run.stderr
    text = run.stdout
    for said in (
        *("示例支付有限公司", "张记餐馆", "848290053110001", "LKL-2026-001", claim, "记录显示", "非法律意见"),
        *(
            "应为 人民币 120.00 元，实际为 人民币 126.00 元，差额 人民币 6.00 元",
            "差额 人民币 10.00 元",
            "人民币 16.00 元",
        ),
        *("3–5, 9", "5a5a5a5a5a5a", "contract.toml", "D01", "D05"),
        *("《非银行支付机构监督管理条例》", "国务院令第768号", "2024-05-01", "第二十条", "第三十四条"),
        *(before.origin, before.root_base64, before.vkey, f"条目总数（size）：{before.size}\n"),
    ):
        assert said in text, said
    assert text.startswith("【演练 DEMO】") and text.rstrip().endswith("请勿发送。")
    for never in (
        STAFF,
        "Li",
        "rude",
        "举报",
        "曝光",
        "否则",
        "起诉",
        "赔偿",
        "草稿",
        "0.77",
        name("s3"),
        name("s4"),
        "{",
    ):
        assert never not in text, never
    last = answer(home, "show", claim)["events"][-1]
    told = sha256(text.encode()).hexdigest()
    assert last["event"] == "noted" and last["operator"] == STAFF and last["channel"] == "letter"
    assert last["note"].split()[-1].replace(":", "") == told
    assert head(home).size == before.size + 1


def test_the_letter_waits_for_a_confirmation(home: Home, claim: str, tmp_path: Path) -> None:
    before, target = head(home), tmp_path / "letter.txt"
    refused(call(home, "letter", claim, "--operator", STAFF, "--to", str(target)), 1, "read and confirmed")
    assert call(home, "letter", claim, "--confirmed").returncode == 2
    draft = call(home, "letter", claim, "--draft")
    assert draft.returncode == 0 and "【草稿】" in draft.stdout and head(home) == before and not target.exists()
    copy = call(home, "letter", claim, "--lang", "en", "--confirmed", "--operator", STAFF)
    assert copy.returncode == 0 and "READING COPY" in copy.stdout and "DRAFT" in copy.stdout and head(home) == before
    for said in ("Not legal advice", "CNY 126.00", "article 34", "3–5, 9"):
        assert said in copy.stdout
    assert "{" not in copy.stdout
    given = call(home, "letter", claim, "--confirmed", "--operator", STAFF, "--to", str(target))
    assert (
        given.returncode == 0 and given.stdout == "" and target.read_text(encoding="utf-8").startswith("【演练 DEMO】")
    )
    size = head(home).size
    refused(call(home, "letter", claim, "--confirmed", "--operator", STAFF, "--to", str(target)), 3, str(target))
    nowhere = call(home, "letter", claim, "--confirmed", "--operator", STAFF, "--to", str(tmp_path / "no" / "f"))
    assert nowhere.returncode == 3 and head(home).size == size


def test_on_a_terminal_a_person_reads_it_and_says_yes(home: Home, claim: str, tmp_path: Path) -> None:
    before = head(home).size
    no = _at_terminal(home, claim, tmp_path / "no.txt", b"n\n")
    assert no[0] == 1 and "记录显示" in no[1] and "草稿" in no[1] and not (tmp_path / "no.txt").exists()
    assert head(home).size == before
    yes = _at_terminal(home, claim, tmp_path / "yes.txt", b"y\n")
    assert yes[0] == 0, yes
    assert "草稿" not in (tmp_path / "yes.txt").read_text(encoding="utf-8") and head(home).size == before + 1


def _at_terminal(home: Home, claim: str, target: Path, typed: bytes) -> tuple[int, str]:
    """Exit code and what stood on the screen."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "agent", "--home", str(home.path), "fees", "claims", "letter", claim]
    process = subprocess.Popen(
        [*command, "--operator", STAFF, "--to", str(target)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    os.close(slave)
    screen, asked, end = b"", False, time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            try:
                more = os.read(master, 65_536)
            except OSError:  # the terminal's other end is closed
                break
            if not more:
                break
            screen += more
        if not asked and b"is it true?" in screen:
            os.write(master, typed)
            asked = True
        if process.poll() is not None and not select.select([master], [], [], 0)[0]:
            break
    code = process.wait(timeout=30)
    os.close(master)
    assert asked, screen.decode()
    return code, screen.decode()


def test_a_real_homes_letter_is_marked_as_nothing(tmp_path: Path) -> None:
    home = made(tmp_path / "real", simulated=False)
    (opened,) = answer(home, "open", "--all", "--operator", STAFF)["claims"]
    text = call(home, "letter", opened["claim"], "--confirmed", "--operator", STAFF).stdout
    assert text.startswith("关于手续费及结算差额的投诉函") and "演练" not in text and "DEMO" not in text
    late = call(home, "event", opened["claim"], "raised", "--operator", STAFF, "--on", "2962-01-01")
    refused(late, 1, "still to come")


def test_no_letter_about_what_does_not_stand_any_more(home: Home, claim: str) -> None:
    record(home, FindingSuperseded(finding=name()))
    before = head(home)
    refused(call(home, "letter", claim, "--confirmed", "--operator", STAFF), 1, name())
    refused(call(home, "letter", claim, "--draft"), 1, name())
    shown = call(home, "show", claim)
    assert "removed by facts that came later" in shown.stdout and head(home) == before
    assert answer(home, "show", claim)["findings"][0]["superseded"] is True


def test_no_letter_about_nothing(home: Home, claim: str) -> None:
    assert call(home, "event", claim, "withdrawn", "--note", "n", "--operator", STAFF).returncode == 0
    refused(call(home, "letter", claim, "--draft"), 1, "outstanding")
