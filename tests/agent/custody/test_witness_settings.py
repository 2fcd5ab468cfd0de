"""The witnesses in settings.toml: read, refused where they are none, put in by a command without a loss to what a person wrote."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from agent.errors import HomeError
from agent.settings import Settings, WitnessAt, read_settings, write_settings, write_witnesses
from tests.agent.custody.hand_witness import HandWitness

ONE = WitnessAt(url="https://w.example/one", vkey=HandWitness("w.example/one").vkey)
TWO = WitnessAt(url="http://127.0.0.1:7380", vkey=HandWitness("w.example/二").vkey)
BY_HAND = """\
# 收银台旁边的那台
terminal = "T1"   # see the sticker
simulated = true

port = "/dev/ttyUSB0"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(BY_HAND, encoding="utf-8")
    return path


def test_a_home_has_none_until_it_is_given_some(file: Path) -> None:
    assert read_settings(file).witness == ()


def test_they_come_and_go_and_the_rest_stays_as_it_was(file: Path) -> None:
    write_witnesses(file, [ONE])
    assert read_settings(file).witness == (ONE,)
    write_witnesses(file, [ONE, TWO])
    assert read_settings(file).witness == (ONE, TWO)
    text = file.read_text(encoding="utf-8")
    assert text.startswith(BY_HAND)
    assert tomllib.loads(text)["witness"] == [{"url": each.url, "vkey": each.vkey} for each in (ONE, TWO)]
    write_witnesses(file, [TWO])
    assert read_settings(file).witness == (TWO,)
    write_witnesses(file, [])
    assert file.read_text(encoding="utf-8").strip() == BY_HAND.strip()
    assert list(file.parent.iterdir()) == [file]


def test_whole_settings_are_written_with_them(tmp_path: Path) -> None:
    settings = Settings(terminal="T1", simulated=False, port="p", witness=(TWO, ONE))
    write_settings(tmp_path / "s.toml", settings)
    assert read_settings(tmp_path / "s.toml") == settings


@pytest.mark.parametrize(
    "table",
    [
        '[[witness]]\nurl = "ftp://h"\nvkey = "{vkey}"',
        '[[witness]]\nurl = "http://user:word@h"\nvkey = "{vkey}"',
        '[[witness]]\nurl = "http://h"\nvkey = "{vkey}x"',
        '[[witness]]\nurl = "http://h"\nvkey = "{plain}"',
        '[[witness]]\nurl = "http://h"',
        '[[witness]]\nurl = "http://h"\nvkey = "{vkey}"\nname = "w"',
        '[witness]\nurl = "http://h"\nvkey = "{vkey}"',
        'witness = "http://h"',
    ],
)
def test_what_is_no_witness_is_refused_by_its_field(file: Path, table: str) -> None:
    told = table.format(vkey=ONE.vkey, plain=HandWitness(kind=b"\x01").vkey)
    file.write_text(f"{BY_HAND}{told}\n", encoding="utf-8")
    with pytest.raises(HomeError) as refused:
        read_settings(file)
    assert "witness" in refused.value.what


@pytest.mark.parametrize(
    "written",
    [
        'witness = [{{url = "{url}", vkey = "{vkey}"}}]\n',
        '[[witness]]\nurl = "{url}"\nvkey = "{vkey}"\n[[  "witness" ]]\nurl = "{url}"\nvkey = "{vkey}"\n',
        '[["witness"]]\nurl = "{url}"\nvkey = "{vkey}"\n',
    ],
)
def test_what_a_person_wrote_otherwise_is_left_to_that_person(file: Path, written: str) -> None:
    """Or taken over whole; never half."""
    text = BY_HAND + written.format(url=TWO.url, vkey=TWO.vkey)
    file.write_text(text, encoding="utf-8")
    read_settings(file)
    try:
        write_witnesses(file, [ONE])
    except HomeError:
        assert file.read_text(encoding="utf-8") == text
    else:
        assert read_settings(file).witness == (ONE,) and file.read_text(encoding="utf-8").startswith(BY_HAND)
