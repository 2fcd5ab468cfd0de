"""Contrast as drawn: every cell with a character, in both themes, at least 4.5:1 (WCAG 2.2, success criterion 1.4.3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.app import App
from textual.color import Color

from agent.views import Capability, LinkState, PairingStage
from tui.theme import THEMES


def luminance(colour: tuple[int, int, int]) -> float:
    """WCAG 2.2, "relative luminance"."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula_gives_the_figures_of_the_standard() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)  # #777, the well-known near miss


def faint(app: App[None]) -> list[tuple[float, str]]:
    """What is drawn too faintly. Of a screen under a dialog nothing counts: it cannot be worked (WCAG's "inactive").

    Block characters are no text: the end of a scrollbar, the edge of a toast. For those 3:1 (success criterion 1.4.11).
    """
    found = []
    seen = 0
    dialog = app.screen.query("#dialog")
    region = dialog.first().region if dialog else app.screen.region
    strips = app.screen._compositor.render_strips()
    for strip in strips[region.y : region.bottom]:
        for segment in strip.crop(region.x, region.right):
            text = segment.text.strip()
            if not text:
                continue
            seen += 1
            style = segment.style
            assert style is not None and style.color is not None and style.bgcolor is not None and not style.dim
            ratio = contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor())
            if ratio < (3 if all("\u2580" <= c <= "\u259f" for c in text) else 4.5):
                found.append((round(ratio, 2), text))
    assert seen > 3
    return found


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
@pytest.mark.parametrize(
    "keys", [(), ("f1",), ("ctrl+p",), ("ctrl+p", "z", "z", "z"), ("ctrl+c",), ("ctrl+k",), ("f9",), ("f9", "enter")]
)
@pytest.mark.parametrize("trouble", [False, True])
def test_every_character_can_be_read(opened: Any, desk: Any, theme: str, keys: tuple[str, ...], trouble: bool) -> None:
    if trouble:
        desk.publish(
            replace(desk.day, simulated=True), simulated=True, link=replace(desk.now.link, state=LinkState.PORT_LOST)
        )

    async def look() -> None:
        async with opened(desk) as pilot:
            pilot.app.theme = theme
            await pilot.press(*keys)
            await pilot.pause(0.1)
            assert faint(pilot.app) == []

    asyncio.run(look())


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
@pytest.mark.parametrize("changed", [False, True])
def test_a_number_to_compare_can_be_read_and_what_cannot_be_said_too(
    opened: Any, desk: Any, theme: str, changed: bool
) -> None:
    desk.publish(link=replace(desk.now.link, speaks=(Capability.PAIRING,)))

    async def look() -> None:
        async with opened(desk) as pilot:
            pilot.app.theme = theme
            await pilot.pause(0.1)
            assert faint(pilot.app) == []
            await pilot.press("f1")
            await pilot.pause(0.1)
            assert faint(pilot.app) == []
            await pilot.press("escape", "ctrl+k")
            desk.publish_pairing(PairingStage.COMPARE, "042917", changed=changed)
            await pilot.pause(0.3)
            assert faint(pilot.app) == []
            grounds = {
                segment.style.bgcolor.get_truecolor()
                for strip in pilot.app.screen._compositor.render_strips()
                for segment in strip.crop(20, 60)
                if segment.style is not None and segment.style.bgcolor is not None
            }
            ink = Color.parse(pilot.app.theme_variables["key"]).rgb
            panel = Color.parse(pilot.app.theme_variables["panel"]).rgb
            assert ink in grounds and contrast(ink, panel) >= 4.5

    asyncio.run(look())


def test_the_themes_go_round(opened: Any, desk: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            seen = [pilot.app.theme]
            for _ in THEMES:
                await pilot.press("ctrl+t")
                seen.append(pilot.app.theme)
            assert seen == ["counterfoil", "counterfoil-contrast", "counterfoil"]

    asyncio.run(look())
