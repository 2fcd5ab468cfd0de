"""The table [fees] of a home's settings: every field has a range, and reaches the detectors."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from agent.errors import HomeError
from agent.fees.audit.thresholds import RANGES, FeeSettings, thresholds_of
from agent.settings import Settings, read_settings, write_settings, write_witnesses

HOUSE = Path(__file__).parents[3]
PLAIN = 'terminal = "T1"\nsimulated = true\nport = "-"\n'
NUMBERS = [f.name for f in msgspec.structs.fields(FeeSettings) if f.name != "ask_for_credits"]


def read(path: Path, fees: str) -> Settings:
    file = path / "settings.toml"
    file.write_text(f"{PLAIN}\n[fees]\n{fees}\n", encoding="utf-8")
    return read_settings(file)


def test_the_defaults_are_those_of_domain() -> None:
    """docs/domain.md §4: D01 a run of 3; D04 10 min; D06 5 min; D15 20 and 95 %; D20 30 min; settings name no others."""
    told = FeeSettings()
    assert (told.run_least, told.same_sale_ms, told.same_refund_ms) == (3, 10 * 60_000, 5 * 60_000)
    assert (told.rounding_least, told.rounding_percent, told.refund_as_sale_ms) == (20, 95, 30 * 60_000)
    assert set(NUMBERS) == set(RANGES)


@pytest.mark.parametrize("name", NUMBERS)
def test_each_is_read_within_its_range_and_reaches_the_audit(name: str, tmp_path: Path) -> None:
    least, most = RANGES[name].least, RANGES[name].most
    assert least <= getattr(FeeSettings(), name) <= most
    for value in (least, most):
        settings = read(tmp_path, f"{name} = {value}")
        assert getattr(thresholds_of(settings), name) == value
        write_settings(tmp_path / "again.toml", settings)
        assert read_settings(tmp_path / "again.toml") == settings
    for value in (least - 1, most + 1):
        with pytest.raises(HomeError) as error:
            read(tmp_path, f"{name} = {value}")
        assert re.search(rf"\b{name} is {value}; it may be {least} to {most}\b", error.value.what)


@pytest.mark.parametrize("wrong", ["run_leest = 3", "run_least = 3.5", 'run_least = "3"', "ask_for_credits = 1"])
def test_what_is_no_such_setting_is_named(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=wrong.split(maxsplit=1)[0]):
        read(tmp_path, wrong)


def test_the_zone_is_the_homes_and_not_the_tables(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="time_zone"):
        read(tmp_path, 'time_zone = "Asia/Tokyo"')
    settings = read(tmp_path, "ask_for_credits = true")
    assert thresholds_of(settings).time_zone == settings.time_zone == "Asia/Shanghai"
    assert thresholds_of(settings).ask_for_credits


def test_a_new_home_says_nothing_of_it_and_witnesses_leave_it_alone(tmp_path: Path) -> None:
    write_settings(tmp_path / "plain.toml", Settings(terminal="T1", simulated=True, port="-"))
    assert "[fees]" not in (tmp_path / "plain.toml").read_text(encoding="utf-8")
    before = read(tmp_path, "month_percent = 5")
    write_witnesses(tmp_path / "settings.toml", before.witness)
    assert read_settings(tmp_path / "settings.toml") == before


def test_every_one_is_told_in_the_manual() -> None:
    page = (HOUSE / "docs" / "fees.md").read_text(encoding="utf-8")
    for name in (*NUMBERS, "ask_for_credits"):
        assert f"`{name}` " in page
