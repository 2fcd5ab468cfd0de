"""The catalogue is complete, has no leftovers, and the compiled file is the one that was written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import tui
from agent.views import choose_language
from tui.console import choose_console
from tui.figures import amount

ROOM = Path(tui.__file__).parent
CATALOGUE = ROOM / "locales" / "zh_CN" / "LC_MESSAGES" / "tui.po"


def said_in_source() -> set[str]:
    """The constant first arguments of `_` and `N_` in every module, also inside f-strings; nothing else may be passed but a
    table's own field."""
    found = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "N_"}:
                (argument,) = node.args
                if isinstance(argument, ast.Constant):
                    found.add(argument.value)
                else:
                    assert path.name == "commands.py", f"{path}:{node.lineno}: only a literal can be translated"
    return found


def catalogue() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        read = read_po(file, locale="zh_CN", abort_invalid=True)
    assert not [message.id for message in read if message.fuzzy and message.id]
    return {str(message.id): str(message.string) for message in read if message.id}


def test_every_text_is_translated_and_no_translation_is_left_over() -> None:
    told = catalogue()
    assert set(told) == said_in_source()
    assert [text for text, chinese in told.items() if not chinese.strip()] == []


def test_placeholders_are_the_same_in_both_languages() -> None:
    for english, chinese in catalogue().items():
        assert set(re.findall(r"{\w*}", english)) == set(re.findall(r"{\w*}", chinese)), english


def test_the_compiled_catalogue_is_up_to_date() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = {str(message.id): str(message.string) for message in read_mo(file) if message.id}
    assert compiled == catalogue()


@pytest.mark.parametrize(
    ("wanted", "term", "encoding", "spoken", "shown"),
    [
        ("zh_CN", "xterm-256color", "UTF-8", "zh_CN", "¥1.00"),
        ("zh_CN", "xterm", "GBK", "zh_CN", "￥1.00"),
        ("zh_CN", "xterm", "GB18030", "zh_CN", "¥1.00"),
        ("zh_CN", "linux", "UTF-8", "en", "¥1.00"),
        ("zh_CN", "xterm", "ANSI_X3.4-1968", "en", "1.00"),
        ("en", "xterm", "ISO-8859-1", "en", "¥1.00"),
        ("en", "xterm", "no-such-encoding", "en", "1.00"),
    ],
)
def test_only_what_the_terminal_can_draw_is_drawn(
    wanted: str, term: str, encoding: str, spoken: str, shown: str
) -> None:
    try:
        assert choose_console(encoding, {"TERM": term}, wanted) == spoken
        assert amount(100) == shown
    finally:
        choose_console("utf-8", {}, "en")


def test_a_label_follows_the_language_in_force() -> None:
    from tui.words import outcome

    assert outcome("declined") == "Declined"
    choose_language("zh_CN")
    assert outcome("declined") == "拒绝"
    assert outcome("a_later_code") == "a_later_code"
