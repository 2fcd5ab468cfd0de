"""The one command table: keys, palette, and the words that find a command."""

from __future__ import annotations

import pytest

from agent.views import choose_language
from tui.app import CounterfoilApp
from tui.commands import COMMANDS, find, listed


@pytest.mark.parametrize("speaking", ["en", "zh_CN"])
@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("jr", "today"),
        ("tc", "leave"),
        ("bz", "help"),
        ("zt", "theme"),
        ("yy", "language"),
        ("tb", "sync"),
        ("pd", "pair"),
        ("配对", "pair"),
        ("zj", "self_test"),
        ("xlcs", "echo"),
        ("今日", "today"),
        ("pz", "evidence"),
        ("凭证", "evidence"),
        ("ewm", "evidence"),
        ("qr", "evidence"),
        ("退", "leave"),
        ("today", "today"),
        ("SYNC", "sync"),
        ("ｊｒ", "today"),
        (" quit ", "leave"),
    ],
)
def test_the_palette_answers_english_chinese_and_pinyin_initials(speaking: str, query: str, name: str) -> None:
    choose_language(speaking)
    assert find(query)[0].name == name


def test_an_empty_query_lists_all_and_a_strange_one_nothing() -> None:
    assert find("") == list(listed())
    assert find("zzzz") == []


def test_a_chinese_label_finds_its_command_in_the_english_screens_too() -> None:
    choose_language("zh_CN")
    labels = {command.name: command.label for command in listed()}
    choose_language("en")
    for name, label in labels.items():
        assert name in [command.name for command in find(label.split()[0])]


def test_every_command_has_its_action_and_every_key_one_command() -> None:
    keys = [key for command in COMMANDS for key in command.keys + command.digits]
    assert len(keys) == len(set(keys))
    for command in COMMANDS:
        assert callable(getattr(CounterfoilApp, f"action_{command.name}")), command.name
    assert not set(keys) & {f"f{n}" for n in range(3, 9)}, "F3–F8 belong to screens that do not stand yet"
    assert {"f2", "f9", "f1", "question_mark", "f10", "q", "ctrl+q"} <= set(keys)
