"""F9: the head and its code, read off the drawn cells by a reader that nobody here wrote."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from unicodedata import east_asian_width

import pytest
from rich.color import Color
from textual.pilot import Pilot

from agent.views import RememberedHead
from tests.codes import UPPER_LOWER, texts_in
from tui.app import CounterfoilApp
from tui.console import choose_console
from tui.screens.evidence import CodeScreen, EvidenceScreen, HeadCode
from tui.screens.today import TodayScreen

SIZES = [(40, 20), (80, 24), (120, 40)]
LANGUAGES = ["en", "zh_CN"]


def three_lines(note: str) -> str:
    return "".join(f"{line}\n" for line in note.split("\n")[:3])


def drawn(app: CounterfoilApp) -> list[list[int]]:
    """Modules of the topmost screen as they are coloured, two a cell, 1 where it is dark; a letter is ink all over."""
    rows: list[list[int]] = []
    for strip in app.screen._compositor.render_strips():
        upper: list[int] = []
        lower: list[int] = []
        for segment in strip:
            style = segment.style
            assert style is not None and style.bgcolor is not None
            ground = is_dark(style.bgcolor)
            for character in segment.text:
                ink = ground if character == " " or style.color is None else is_dark(style.color)
                above, below = (ink if inked else ground for inked in UPPER_LOWER.get(character, (1, 1)))
                cells = 2 if east_asian_width(character) in "WF" else 1
                upper += [above] * cells
                lower += [below] * cells
        rows += [upper, lower]
    assert len({len(row) for row in rows}) == 1
    return rows


def is_dark(colour: Color) -> int:
    return int(sum(colour.get_truecolor()) < 3 * 128)


async def answered(pilot: Pilot[None], desk: Any) -> None:
    """Until the remembered heads were asked for, and are on the screen."""
    for _ in range(200):
        await pilot.pause(0.01)
        if "remembered_heads" in desk.asked:
            break
    await pilot.pause(0.05)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
@pytest.mark.parametrize("simulated", [False, True])
@pytest.mark.parametrize("theme", ["counterfoil", "counterfoil-contrast"])
def test_the_code_alone_is_read_off_the_screen(
    opened: Any, desk: Any, text_of: Any, size: tuple[int, int], speaking: str, simulated: bool, theme: str
) -> None:
    """On 120×40 the whole signed note; below, the three lines. In a demo it says so, and the code is read all the same."""
    desk.publish(desk.day, simulated=simulated)
    note = desk.now.head.note

    async def go() -> None:
        async with opened(desk, size, speaking) as pilot:
            pilot.app.theme = theme
            await pilot.press("f9", "enter")
            await pilot.pause()
            assert isinstance(pilot.app.screen, CodeScreen)
            assert texts_in(drawn(pilot.app)) == [note if size == (120, 40) else three_lines(note)]
            mark = {"en": "DEMO", "zh_CN": "演练"}[speaking]
            assert (mark in text_of(pilot.app)) is simulated

    asyncio.run(go())


@pytest.mark.parametrize("size", [(80, 24), (84, 24), (110, 37), (120, 40)])
@pytest.mark.parametrize("simulated", [False, True])
def test_the_code_beside_the_words_is_read_too(opened: Any, desk: Any, size: tuple[int, int], simulated: bool) -> None:
    desk.publish(desk.day, simulated=simulated)
    note = desk.now.head.note

    async def go() -> None:
        async with opened(desk, size) as pilot:
            await pilot.press("f9")
            await answered(pilot, desk)
            assert texts_in(drawn(pilot.app)) == [note if size[0] >= 110 else three_lines(note)]
            code = pilot.app.screen.query_one(HeadCode).region
            assert code.size and pilot.app.screen.query_one("#evidence").region.contains_region(code), (
                "nothing is cut off"
            )

    asyncio.run(go())


def test_a_terminal_without_half_blocks_gets_cells_of_two_spaces(opened: Any, desk: Any, text_of: Any) -> None:
    async def go() -> None:
        async with opened(desk, (120, 40)) as pilot:
            choose_console("gbk", {}, "en")
            try:
                await pilot.press("f9", "space")
                await pilot.pause()
                assert text_of(pilot.app).isascii()
                rows = [row[: 2 * (len(row) // 2) : 2] for row in drawn(pilot.app)[::2]]
                assert texts_in(rows) == [three_lines(desk.now.head.note)]
            finally:
                choose_console("utf-8", {}, "en")

    asyncio.run(go())


def test_a_window_too_small_for_any_code_says_so(opened: Any, desk: Any, text_of: Any) -> None:
    async def go() -> None:
        async with opened(desk, (38, 18)) as pilot:
            await pilot.press("f9", "enter")
            await pilot.pause()
            assert "too small" in text_of(pilot.app) and "█" not in text_of(pilot.app)

    asyncio.run(go())


@pytest.mark.parametrize("key", ["enter", "escape", "f1", "f2", "q", "x", "ctrl+p"])
def test_any_key_leaves_the_code_and_does_nothing_else(opened: Any, desk: Any, key: str) -> None:
    async def go() -> None:
        async with opened(desk) as pilot:
            await pilot.press("f9", "enter", key)
            await pilot.pause()
            assert isinstance(pilot.app.screen, EvidenceScreen) and len(pilot.app.screen_stack) == 2
            await pilot.press("f2")
            assert isinstance(pilot.app.screen, TodayScreen)

    asyncio.run(go())


@pytest.mark.parametrize("size", SIZES)
def test_by_touch_alone(opened: Any, desk: Any, size: tuple[int, int]) -> None:
    async def go() -> None:
        async with opened(desk, size) as pilot:
            (item,) = (
                item
                for item in pilot.app.screen.query("MenuItem")
                if item.display and "9 Evidence" in str(item.render())
            )
            await pilot.click(item)
            await pilot.pause()
            assert isinstance(pilot.app.screen, EvidenceScreen)
            await pilot.click("#facts")
            await pilot.pause()
            assert isinstance(pilot.app.screen, CodeScreen)
            await pilot.click()
            await pilot.pause()
            assert isinstance(pilot.app.screen, EvidenceScreen)

    asyncio.run(go())


def test_the_code_stands_still_while_it_is_photographed_and_the_words_go_on(
    opened: Any, desk: Any, settled: Any
) -> None:
    old = desk.now.head
    new = replace(old, size=1240, note=old.note.replace("\n1234\n", "\n1240\n"))

    async def go() -> None:
        async with opened(desk, (120, 40)) as pilot:
            await pilot.press("f9", "enter")
            desk.publish(head=new)
            await pilot.pause(0.4)
            assert texts_in(drawn(pilot.app)) == [old.note]
            await pilot.press("x")
            await settled(pilot)
            assert texts_in(drawn(pilot.app)) == [new.note]

    asyncio.run(go())


@pytest.mark.parametrize("size", SIZES)
def test_the_words(opened: Any, desk: Any, words_of: Any, size: tuple[int, int]) -> None:
    desk.remembered = (
        RememberedHead("local", 1234, "same", True),
        RememberedHead("mismatch-1300-0badcafe", 1300, "cut", False),
        RememberedHead("copied", None, "bad_signature", False),
    )

    async def go() -> None:
        async with opened(desk, size) as pilot:
            await pilot.press("f9")
            await answered(pilot, desk)
            said = words_of(pilot.app, "#facts")
            for word in ("1,234", "2026-03-02 12:05:07", "1c8dca11", "n4bQgYhM"):
                assert word in said, word
            if size == (40, 20):
                await pilot.press("end")
                await pilot.pause(0.5)
                said = words_of(pilot.app, "#facts")
            for word in (
                "in the home",
                "fits",
                "! mismatch-1300-0badcafe",
                "entries are missing at its end",
                "! copied",
            ):
                assert word in said, word

    asyncio.run(go())


def test_heads_are_asked_for_once_until_the_record_grows(opened: Any, desk: Any, settled: Any) -> None:
    async def go() -> None:
        async with opened(desk) as pilot:
            await pilot.press("f9")
            await answered(pilot, desk)
            for _ in range(5):
                desk.publish()
                await settled(pilot)
            assert desk.asked.count("remembered_heads") == 1

    asyncio.run(go())


def test_a_desk_in_trouble_does_not_take_the_screen_away(opened: Any, desk: Any, words_of: Any, settled: Any) -> None:
    async def go() -> None:
        async with opened(desk) as pilot:
            desk.error = OSError("gone")
            await pilot.press("f9")
            while pilot.app.view.trouble is None:  # a second, at most
                await pilot.pause(0.02)
            await settled(pilot)
            assert isinstance(pilot.app.screen, EvidenceScreen)
            assert "n4bQgYhM" in words_of(pilot.app, "#facts") and "Not live" in words_of(pilot.app, "StatusLine")

    asyncio.run(go())


def test_the_language_changes_on_the_evidence_screen_too(opened: Any, desk: Any) -> None:
    async def go() -> None:
        async with opened(desk) as pilot:
            await pilot.press("f9", "ctrl+l")
            await pilot.pause()
            assert isinstance(pilot.app.screen, EvidenceScreen)
            assert pilot.app.focused is not None and pilot.app.focused.id == "facts"

    asyncio.run(go())


def test_the_code_follows_the_window(opened: Any, desk: Any) -> None:
    note = desk.now.head.note

    async def go() -> None:
        async with opened(desk, (80, 24)) as pilot:
            await pilot.press("f9")
            for size, text in (((120, 40), note), ((80, 24), three_lines(note))):
                await pilot.resize_terminal(*size)
                await pilot.pause(0.3)
                assert texts_in(drawn(pilot.app)) == [text]

    asyncio.run(go())
