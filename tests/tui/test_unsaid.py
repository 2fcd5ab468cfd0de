"""What a terminal's protocol has no words for: greyed with the reason wherever it stands, never hidden, never asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agent.errors import LinkError
from agent.views import Capability, LinkState, Notice, NoticeCode, SelfTestItem, SelfTestReport
from tests.tui.test_pairing import until
from tui.app import CounterfoilApp
from tui.commands import COMMANDS, listed
from tui.feed import View
from tui.screens.today import TodayScreen
from tui.widgets.menu import MenuItem

ASKED = {"sync": "sync", "self_test": "self_test", "echo": "echo", "pair": "pair"}
"""command -> what the desk is asked by it; `pair` only after Start."""


def say_only(desk: Any, *speaks: Capability) -> None:
    desk.publish(link=replace(desk.now.link, dialect="transbank", speaks=speaks))


def said(pilot: Any, words_of: Any) -> str:
    return words_of(pilot.app, "#dialog") or words_of(pilot.app, "Screen")


async def toasted(pilot: Any, words_of: Any, text: str) -> str:
    """A passing message with that text, once it is there; its edge is no text."""
    for _ in range(1_000):  # 20 s
        await pilot.pause(0.02)
        seen = " ".join(str(words_of(pilot.app, "Toast")).replace("▌", " ").split())
        if text in seen:
            return seen
    raise AssertionError(seen)


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("sync", Capability.EVENTS),
        ("pair", Capability.PAIRING),
        ("self_test", Capability.SELF_TEST),
        ("echo", Capability.ECHO),
    ],
)
def test_a_command_can_be_said_exactly_where_the_protocol_has_its_word(desk: Any, name: str, needs: Capability) -> None:
    (command,) = (command for command in COMMANDS if command.name == name)
    for word in Capability:
        link = replace(desk.now.link, speaks=(word,))
        reason = command.unsaid(View(status=replace(desk.now, link=link)))
        assert (reason is None) == (word is needs)


STANDING = {
    "en": ("tells nothing", "Nothing needs you now", "No transaction yet today"),
    "zh_CN": ("不会主动上报", "现在没有要处理的事", "今天还没有交易"),
}


@pytest.mark.parametrize("size", [(40, 20), (80, 24), (120, 40)])
@pytest.mark.parametrize("speaking", STANDING)
def test_today_says_all_the_time_that_a_line_without_events_tells_nothing_and_shows_no_zero(
    opened: Any, desk: Any, empty_day: Any, words_of: Any, settled: Any, size: Any, speaking: str
) -> None:
    tells_nothing, calm, none = STANDING[speaking]

    async def look() -> None:
        desk.publish(empty_day)
        async with opened(desk, size, speaking) as pilot:
            seen = said(pilot, words_of)
            assert calm in seen and none in seen and "0.00" in seen and tells_nothing not in seen
            say_only(desk, Capability.SALE)
            await settled(pilot)
            seen = " ".join(said(pilot, words_of).split())
            assert tells_nothing in seen
            assert calm not in seen and none not in seen and "0.00" not in seen
            desk.publish(notices=(Notice(NoticeCode.TERMINAL_SILENT, desk.now.now),))
            await settled(pilot)
            assert tells_nothing in " ".join(said(pilot, words_of).split()), "beside what needs a person"

    asyncio.run(look())


def test_before_the_first_view_nothing_is_greyed_and_what_needs_no_word_never_is(desk: Any) -> None:
    mute = View(status=replace(desk.now, link=replace(desk.now.link, speaks=())))
    assert not [command.name for command in listed() if command.unsaid(View())]
    assert {command.name for command in listed() if command.unsaid(mute)} == set(ASKED)


@pytest.mark.parametrize("size", [(40, 20), (80, 24), (120, 40)])
def test_the_menu_shows_it_greyed_in_brackets_and_says_why_at_a_touch(
    opened: Any, desk: Any, words_of: Any, settled: Any, size: Any
) -> None:
    async def look() -> None:
        async with opened(desk, size) as pilot:
            assert "(Sync)" not in said(pilot, words_of)
            say_only(desk, Capability.SALE)
            await settled(pilot)
            assert "(Sync)" in said(pilot, words_of)
            item = next(item for item in pilot.app.query(MenuItem) if item.action == "sync" and item.display)
            quiet = pilot.app.theme_variables["quiet"].lower()
            drawn = [
                segment
                for strip in item.render_lines(item.region.reset_offset)
                for segment in strip
                if "Sync" in segment.text
            ]
            assert drawn and all(s.style.color.get_truecolor().hex.lower() == quiet for s in drawn)
            await pilot.click(item)
            await toasted(pilot, words_of, "cannot say it: keep its paper slips.")
            say_only(desk, *Capability)
            await settled(pilot)
            assert "(Sync)" not in said(pilot, words_of)
            assert "sync" not in desk.asked

    asyncio.run(look())


def test_no_label_is_cut_off_in_the_widest_menu(opened: Any, desk: Any, words_of: Any) -> None:
    """80 columns, everything greyed: brackets take two cells more."""
    say_only(desk)

    async def look() -> None:
        for speaking in ("en", "zh_CN"):
            async with opened(desk, (80, 24), speaking) as pilot:
                shown = [item for item in pilot.app.query(MenuItem) if item.display]
                assert max(item.region.right for item in shown) <= 80

    asyncio.run(look())


@pytest.mark.parametrize("name", sorted(ASKED))
def test_the_palette_lists_it_with_the_reason_and_does_not_do_it(
    opened: Any, desk: Any, words_of: Any, name: str
) -> None:
    say_only(desk)
    (command,) = (command for command in listed() if command.name == name)

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+p", *command.english.replace("-", " ").split()[0].lower())
            await until(pilot, lambda: f"({command.english})" in said(pilot, words_of))
            assert f"cannot say it: {command.instead}" in said(pilot, words_of)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, TodayScreen))
            await toasted(pilot, words_of, f"cannot say it: {command.instead}.")
            assert ASKED[name] not in desk.asked

    asyncio.run(look())


def test_help_says_it_too(opened: Any, desk: Any, words_of: Any) -> None:
    say_only(desk, Capability.ECHO)

    async def look() -> None:
        async with opened(desk, (120, 40)) as pilot:
            await pilot.press("f1")
            await until(pilot, lambda: "(Pair) This terminal" in said(pilot, words_of))
            seen = said(pilot, words_of)
            assert "(Pair) This terminal cannot say it: it works without." in seen
            assert "(Line test)" not in seen and "Measure how long" in seen

    asyncio.run(look())


def test_a_terminal_without_device_info_is_not_asked_for_it(opened: Any, desk: Any) -> None:
    say_only(desk, Capability.SALE)
    desk.merchant = None

    async def look() -> None:
        async with opened(desk) as pilot:
            desk.publish(link=replace(desk.now.link, since=desk.now.link.since + 1))
            await pilot.pause(0.3)
            assert "terminal_info" not in desk.asked

    asyncio.run(look())


def choose(typed: str) -> tuple[str, ...]:
    return ("ctrl+p", *typed, "enter")


def test_the_line_test_says_how_long_it_took(opened: Any, desk: Any, words_of: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press(*choose("xlcs"))
            await toasted(pilot, words_of, "64 bytes there and back in 12.3 ms.")  # 12,345 µs

    asyncio.run(look())


def test_the_self_test_says_what_failed_in_plain_text(opened: Any, desk: Any, words_of: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press(*choose("zj"))
            await toasted(pilot, words_of, "Self-test passed (2 tests).")
            items = (
                SelfTestItem("printer", False, "[b]no paper\x1b[2J"),
                SelfTestItem("reader", True),
                SelfTestItem("keys", False),
            )
            desk.self_test_result = SelfTestReport(items)
            await pilot.press(*choose("zj"))
            seen = await toasted(pilot, words_of, "found")
            assert "The self-test found: printer: [b]no paper[2J keys" in seen and "reader" not in seen
            desk.self_test_result = LinkError("The terminal does not answer.", "Check the cable.")
            await pilot.press(*choose("zj"))
            await toasted(pilot, words_of, "The terminal does not answer.")

    asyncio.run(look())


def test_off_home_of_a_vendors_terminal_opens(opened: Any, desk: Any, words_of: Any) -> None:
    say_only(desk)
    desk.publish(link=replace(desk.now.link, state=LinkState.OFF))

    async def look() -> None:
        async with opened(desk) as pilot:
            assert isinstance(pilot.app, CounterfoilApp)
            assert "counterfoil serve" in said(pilot, words_of) and "(Sync)" in said(pilot, words_of)

    asyncio.run(look())
