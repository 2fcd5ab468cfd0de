"""The codes of a head, read back by a reader that nobody here wrote. Capacities and sizes: ISO/IEC 18004, tables 1 and 7."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from agent.custody import head_code
from agent.custody.head_code import LEAST_QUIET, QUIET, code_of, fitting, half_blocks, hashes, three_lines
from agent.views import Head
from tests.codes import modules, texts_in

HeadOf = Callable[..., Head]
SHORT, WHOLE = 37, 57
"""Modules of versions 5 and 10: 17 + 4 × version. In bytes, at correction L: version 5 holds 85 to 106, 10 holds 231 to 271."""


def test_the_whole_note_is_version_10_and_its_three_lines_version_5(head_of: HeadOf) -> None:
    for size in (1, 1234, 9_999_999_999):
        note = head_of(size).note
        assert len(code_of(note).rows) == WHOLE and 231 <= len(note.encode()) <= 271
        lines = three_lines(note)
        assert len(code_of(lines).rows) == SHORT and 85 <= len(lines) <= 106
        assert lines.count("\n") == 3 and note.startswith(lines + "\n")


@pytest.mark.parametrize("quiet", [LEAST_QUIET, QUIET])
@pytest.mark.parametrize("draw", [half_blocks, hashes], ids=["half blocks", "ascii"])
def test_a_reader_finds_exactly_what_the_code_says(head_of: HeadOf, quiet: int, draw: Callable[..., list[str]]) -> None:
    note = head_of().note
    for text in (note, three_lines(note)):
        lines = draw(code_of(text, quiet).drawn)
        if draw is half_blocks:
            rows = modules(lines)
        else:
            assert set("".join(lines)) == {"#", " "}
            rows = [[int(pair == "##") for pair in re.findall("..", line)] for line in lines]
        assert texts_in(rows) == [text]


@pytest.mark.parametrize(
    ("columns", "lines", "side", "quiet"),
    [
        (120, 40, WHOLE, 4),
        (65, 33, WHOLE, 4),
        (64, 33, SHORT, 4),
        (65, 32, SHORT, 4),
        (80, 24, SHORT, 4),
        (80, 22, SHORT, 3),
        (40, 20, SHORT, 1),
        (38, 20, None, None),
        (40, 19, None, None),
        (1, 1, None, None),
    ],
)
def test_the_best_code_for_the_room(
    head_of: HeadOf, columns: int, lines: int, side: int | None, quiet: int | None
) -> None:
    note = head_of().note
    found = fitting(note, columns, 2 * lines)
    if side is None:
        assert found is None
        return
    assert found is not None
    assert (len(found.rows), found.quiet) == (side, quiet)
    assert head_code.is_signed(found.text) is (side == WHOLE)
    drawn = half_blocks(found.drawn)
    assert len(drawn) <= lines and {len(line) for line in drawn} == {side + 2 * (quiet or 0)}
    assert texts_in(modules(drawn)) == [found.text]


def test_on_a_terminal_of_any_theme_dark_is_black_and_light_is_white(head_of: HeadOf) -> None:
    """ECMA-48 8.3.117: 30 and 40 are black, 47 is white; what no colour was named for may be anything."""
    code = code_of(three_lines(head_of().note), LEAST_QUIET)
    blocks = head_code.coloured(code.drawn, ascii_only=False)
    assert all(re.fullmatch("\x1b\\[30;47m[ ▀▄█]{39}\x1b\\[0m", line) for line in blocks)
    assert texts_in(modules([line[8:-4] for line in blocks])) == [code.text]
    plain = head_code.coloured(code.drawn, ascii_only=True)
    rows = [[int(ground == "40") for ground in re.findall("\x1b\\[(4[07])m  ", line)] for line in plain]
    assert "".join(plain).isascii() and {len(row) for row in rows} == {39}
    assert texts_in(rows) == [code.text]


def test_a_slips_codes_are_narrow_and_are_the_three_lines_one_after_the_other(head_of: HeadOf) -> None:
    for size in (1, 12_345, 123_456, 9_999_999_999):
        note = head_of(size).note
        codes = head_code.slip_codes(note)
        assert max(code.side for code in codes) <= 31 and len(codes) == (2 if size < 10_000_000 else 3)
        texts = [text for code in codes for text in texts_in(modules(half_blocks(code.drawn)))]
        assert "".join(texts) == three_lines(note)
        assert all(text.endswith("\n") for text in texts), "no line is cut"


@pytest.mark.parametrize(("encoding", "draws"), [("utf-8", True), ("gbk", False), ("ascii", False), (None, False)])
def test_who_draws_half_blocks(encoding: str | None, draws: bool) -> None:
    assert head_code.draws_blocks(encoding) is draws
