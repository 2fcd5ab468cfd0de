"""Every row of the fault matrix (docs/protocol.md §5), every detector and every acceptance story has a scenario of its own.

The rows stand here once, as the design has them: a scenario's `tests` names the one that it is.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.lies import Lie
from simulator.profile import profile_names
from simulator.scenario import Scenario
from simulator.scenario_files import load, scenario_names

ROWS = (
    *(f"agent killed: {when}" for when in ("before intent", "intent saved", "sent without ack", "cardholder acting")),
    *(f"agent killed: {when}" for when in ("result in but not committed", "committed without CONFIRM")),
    "agent killed: inside recovery",
    "second agent on the port",
    "loop stalled 2 s",
    *(f"terminal crash: {when}" for when in ("before BEGIN", "between BEGIN and host", "approved but unlogged")),
    "terminal crash: logged but reply lost",
    "reboot (session reset)",
    "replaced or log lost",
    "in progress for ever",
    *(f"reply with another {what}" for what in ("reference", "amount", "currency")),
    "a stale not found crossing a fence",
    "late approval after time-out",
    "host time-out",
    "partial approval",
    "cable cut mid-request",
    "cable cut mid-response",
    "device node renumbered",
    "wrong terminal",
    "a buffer held and released",
    "EIO",
    *("bit flip", "byte lost", "byte inserted", "burst", "delimiter flip"),
    *("wrong baud", "wrong parity", "garbage at line rate"),
    *("duplicate request", "replay from an old session", "forged frame", "valid CRC with a malformed body"),
    "an event that cannot be understood",
    *("refund repeated", "refund over the sale"),
    *("power cut at a write", "disk full before an intent", "disk full before an outcome", "fsync error"),
    *("row edited", "journal rolled back", "terminal's log rolled back"),
    *("clock a day ahead", "clock a day behind", "suspend of 8 h"),
)
"""A row that names several things is several rows here: one goes wrong without the others."""
ELSEWHERE = {"fsync error": ("tests/dst/test_money_schedules.py", "test_and_on_the_real_disk")}
"""What nobody can provoke from outside a process, and the test that does."""
DETECTORS = tuple(f"D{number:02d}" for number in range(1, 23))
STORIES = ("张先生", "李女士", "王女士", "赵先生")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return [load(name) for name in scenario_names()]


def tagged(scenarios: list[Scenario], prefix: str) -> set[str]:
    tags = {tag for scenario in scenarios for tag in scenario.tests}
    return {tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)}


@pytest.mark.requirement("4-11")
def test_every_row_of_the_fault_matrix_has_a_scenario(scenarios: list[Scenario]) -> None:
    found = tagged(scenarios, "fault-matrix: ")
    assert sorted(set(ROWS) - ELSEWHERE.keys() - found) == []
    assert sorted(found - set(ROWS)) == [], "a tag of no row"
    assert len(set(ROWS)) == len(ROWS) == 54


@pytest.mark.parametrize("row", ELSEWHERE)
def test_what_is_tested_elsewhere_is_tested(row: str) -> None:
    file, name = ELSEWHERE[row]
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
    assert row in ROWS


def test_every_detector_and_every_story_has_a_scenario(scenarios: list[Scenario]) -> None:
    tags = {tag for scenario in scenarios for tag in scenario.tests}
    assert [detector for detector in DETECTORS if detector not in tags] == []
    assert [story for story in STORIES if f"story: {story}" not in tags] == []


def test_every_row_asserts_what_was_charged_and_what_is_recorded(scenarios: list[Scenario]) -> None:
    """Money in the ledger, whole or by label, and the record's outcome of each request that was sent, or its damage."""
    for scenario in scenarios:
        if any(tag.startswith("fault-matrix: ") for tag in scenario.tests):
            money = [entry.label for entry in scenario.entries if entry.is_money and entry.turn]
            charged = scenario.expect["ledger"].get("charged", {})
            assert set(money) <= set(charged), scenario.name
            record = scenario.expect["journal"]
            if not scenario_damages(scenario):
                assert set(money) <= set(record.get("outcomes", {})), scenario.name


def scenario_damages(scenario: Scenario) -> bool:
    return any(entry.do in {"edit_row", "roll_back_journal"} for entry in scenario.entries)


def test_every_scenario_is_told_in_both_languages(scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        for words in (scenario.title, scenario.story or scenario.title):
            assert any("\u4e00" <= letter <= "\u9fff" for letter in words["zh"]), scenario.name
            assert words["en"].isascii() or "“" in words["en"] or "¥" in words["en"], scenario.name


# -- the acquirer's lies -----------------------------------------------------------------------------------------------

ACCEPTANCE = {"张先生": ("D01", 600), "李女士": ("D07", 2000), "王女士": ("D05", 1000), "赵先生": ("D01", 32000)}
"""docs/domain.md §1: what each of them is owed, in fen; 赵先生's is a month's saving of ¥320."""


def findings(scenario: Scenario) -> list[dict[str, object]]:
    return list(scenario.expect.get("finding", ()))


def test_every_lie_has_a_scenario(scenarios: list[Scenario]) -> None:
    assert sorted(set(Lie) - tagged(scenarios, "lie: ")) == []
    for scenario in scenarios:
        expected = scenario.expect["ledger"].get("lies", {}) | scenario.expect["ledger"].get("lies_minor", {})
        mine = {tag.removeprefix("lie: ") for tag in scenario.tests if tag.startswith("lie: ")}
        assert mine <= expected.keys(), scenario.name


def test_every_detectors_scenario_expects_its_finding(scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        expected = {one["detector"] for one in findings(scenario) if one.get("count") != 0}
        assert {tag for tag in scenario.tests if tag in DETECTORS} == expected, scenario.name


def test_what_is_claimed_is_what_the_lies_took(scenarios: list[Scenario]) -> None:
    """The audit that is still to come and the ledger of today are held to the same money."""
    claims = 0
    for scenario in scenarios:
        if findings(scenario):
            claimed = sum(one.get("difference_minor", 0) for one in findings(scenario))  # type: ignore[misc]
            assert claimed == sum(scenario.expect["ledger"].get("lies_minor", {}).values()) or (
                scenario.name == "night_sale" and claimed == 0  # what it is worth a person has to find out
            ), scenario.name
            claims += claimed > 0
    assert claims >= 20


@pytest.mark.parametrize(("who", "finding"), ACCEPTANCE.items())
def test_each_story_ends_with_the_money_of_its_acceptance_row(
    who: str, finding: tuple[str, int], scenarios: list[Scenario]
) -> None:
    (story,) = [scenario for scenario in scenarios if f"story: {who}" in scenario.tests]
    assert finding in {(one["detector"], one.get("difference_minor")) for one in findings(story)}
    assert story.story is not None and len(story.story["zh"]) > 150


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_has_an_honest_month_without_a_finding(profile: str, scenarios: list[Scenario]) -> None:
    (month,) = [one for one in scenarios if f"profile: {profile}" in one.tests]
    assert (month.options["profile"], month.options.get("lies"), month.options["days"]) == (profile, None, 31)
    assert month.expect["ledger"]["wrong_count"] == 0
    assert {"detector": "any", "verdict": "OVER", "count": 0} in findings(month)
