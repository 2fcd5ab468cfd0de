"""The catalogue is complete, has no leftovers, and the compiled file is the one that was written."""

from __future__ import annotations

import pytest

from agent.views import choose_language
from tests.catalogues import faults
from tui.console import choose_console
from tui.figures import amount


def test_the_catalogue_is_whole_and_compiled() -> None:
    assert faults("tui") == []


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
