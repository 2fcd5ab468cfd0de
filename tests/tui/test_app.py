"""A person's keystrokes and touches on the Today screen."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from textual.events import MouseScrollUp

from agent.errors import LinkError
from agent.views import LinkState, Notice, NoticeCode
from tui.app import CounterfoilApp
from tui.commands import listed
from tui.screens.help import HelpScreen
from tui.screens.palette import PaletteScreen
from tui.screens.today import TodayScreen
from tui.widgets.menu import MenuItem


def test_what_a_merchant_sees(opened: Any, desk: Any, text_of: Any) -> None:
    async def look() -> None:
        async with opened(desk, (120, 40)) as pilot:
            seen = text_of(pilot.app)
            for figure in (
                "张记餐馆", "LK-A920-00017", "2026-03-02 Mon  12:05", "¥21,248.44", "-¥368.00", "¥70.28", "¥20,810.16",
                "0.331% of sales", "0.425%", "0.286%", "What the fees should be", "*1234", "000052", "Declined", "Voided",
                "Connected", "1,234 entries, root n4bQgYhM", "as of 12:05:09",
            ):  # fmt: skip
                assert figure in seen, figure
            assert "622848" not in seen
            assert "DEMO" not in seen

    asyncio.run(look())


class Watched(CounterfoilApp):
    """Notes when a text first stood in what was painted."""

    awaited = ""
    painted_at = 0.0
    text_of: Any = None

    def post_display_hook(self) -> None:
        if self.awaited and not self.painted_at and self.awaited in self.text_of(self):
            self.painted_at = time.monotonic()


@pytest.mark.requirement("2-15")
def test_a_new_sale_is_on_the_screen_within_100_ms(desk: Any, text_of: Any, settled: Any) -> None:
    async def look() -> None:
        app = Watched(desk)
        app.text_of = text_of
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            took = []
            for minor in (2124944, 2125044, 2125144, 2125244, 2125344):
                await asyncio.sleep(0.2)
                app.awaited, app.painted_at = f"¥{minor // 100:,}.44", 0.0
                began = time.monotonic()
                desk.publish(replace(desk.day, sales_minor=minor))
                while not app.painted_at:
                    assert time.monotonic() - began < 20
                    await asyncio.sleep(0.002)
                took.append(app.painted_at - began)
            assert sorted(took)[2] < 0.1, took

    asyncio.run(look())


@pytest.mark.parametrize("key", ["q", "f10", "ctrl+q"])
def test_keys_that_leave(opened: Any, desk: Any, key: str) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            assert pilot.app.return_code is None
            await pilot.press(key)
            await pilot.pause()
            assert pilot.app.return_code == 0

    asyncio.run(look())


@pytest.mark.parametrize("opener", ["f1", "ctrl+p"])
@pytest.mark.parametrize("key", ["f10", "ctrl+q"])
def test_leaving_works_from_a_dialog_too(opened: Any, desk: Any, opener: str, key: str) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press(opener)
            await pilot.press(key)
            await pilot.pause()
            assert pilot.app.return_code == 0

    asyncio.run(look())


@pytest.mark.parametrize("size", [(40, 20), (80, 24)])
def test_the_list_scrolls_by_keyboard_and_by_wheel_also_after_the_language_changed(
    opened: Any, desk: Any, text_of: Any, settled: Any, size: tuple[int, int]
) -> None:
    newest, oldest = "11:58", "10:42"

    async def look() -> None:
        async with opened(desk, size) as pilot:
            for _ in range(2):
                assert newest in text_of(pilot.app) and oldest not in text_of(pilot.app)
                await pilot.press("end")
                await pilot.pause(0.4)
                assert oldest in text_of(pilot.app) and newest not in text_of(pilot.app)
                rows = pilot.app.screen.query_one("#rows")
                for _ in range(6):
                    await pilot._post_mouse_events([MouseScrollUp], rows)
                await pilot.pause(0.4)
                assert newest in text_of(pilot.app)
                await pilot.press("ctrl+l")
                await pilot.pause()
                await settled(pilot)

    asyncio.run(look())


def test_leaving_does_not_wait_for_a_slow_terminal(opened: Any, desk: Any) -> None:
    desk.hold_sync = threading.Event()

    async def look() -> float:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+r")
            while "sync" not in desk.asked:
                await asyncio.sleep(0.005)
            began = time.monotonic()
            await pilot.press("f10")
        return time.monotonic() - began

    took = asyncio.run(look())
    desk.hold_sync.set()
    assert took < 1


def test_help_opens_and_closes(opened: Any, desk: Any, text_of: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            for opens, closes in (("f1", "escape"), ("question_mark", "q"), ("f1", "f1")):
                await pilot.press(opens)
                assert isinstance(pilot.app.screen, HelpScreen)
                await pilot.pause()
                assert "Ctrl+R" in text_of(pilot.app) and "F10 Ctrl+Q" in text_of(pilot.app)
                await pilot.press(closes)
                assert isinstance(pilot.app.screen, TodayScreen)
            assert pilot.app.return_code is None

    asyncio.run(look())


def test_the_language_changes_while_the_screen_stands(opened: Any, desk: Any, text_of: Any, settled: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            assert "Fees charged" in text_of(pilot.app)
            await pilot.press("ctrl+l")
            await pilot.pause()
            await settled(pilot)
            seen = text_of(pilot.app)
            assert "实收手续费" in seen and "退出" in seen and "Fees charged" not in seen and "Leave" not in seen
            desk.publish(replace(desk.day, sales_minor=100))
            await settled(pilot)
            assert "¥1.00" in text_of(pilot.app)
            await pilot.press("down", "ctrl+l")
            await pilot.pause()
            await settled(pilot)
            assert "Fees charged" in text_of(pilot.app)

    asyncio.run(look())


@pytest.mark.parametrize(("typed", "screen"), [("bz", HelpScreen), ("帮助", HelpScreen), ("hel", HelpScreen)])
def test_the_palette_does_what_was_typed(opened: Any, desk: Any, typed: str, screen: type) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+p")
            assert isinstance(pilot.app.screen, PaletteScreen)
            await pilot.press(*typed)
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(pilot.app.screen, screen)

    asyncio.run(look())


def test_digits_and_letters_in_the_palette_are_text(opened: Any, desk: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+p", "q", "2", "question_mark")
            await pilot.pause()
            assert isinstance(pilot.app.screen, PaletteScreen)
            assert pilot.app.return_code is None
            await pilot.press("enter")  # nothing by that name: nothing happens
            await pilot.pause()
            assert isinstance(pilot.app.screen, PaletteScreen)

    asyncio.run(look())


def shown_item(app: Any, action: str) -> MenuItem:
    return next(item for item in app.query(MenuItem) if item.action == action and item.display)


def test_a_small_display_is_worked_by_touch_alone(opened: Any, desk: Any, text_of: Any) -> None:
    async def look() -> None:
        async with opened(desk, (40, 20)) as pilot:
            assert "☰" in text_of(pilot.app)
            await pilot.click(shown_item(pilot.app, "palette"))
            await pilot.pause()
            assert isinstance(pilot.app.screen, PaletteScreen)
            await pilot.click("#found", offset=(3, 0))
            await pilot.pause()
            assert isinstance(pilot.app.screen, HelpScreen)
            await pilot.click("#dialog-close")
            await pilot.pause()
            assert isinstance(pilot.app.screen, TodayScreen)
            await pilot.click(shown_item(pilot.app, "sync"))
            await pilot.pause(0.1)
            assert "sync" in desk.asked
            await pilot.click(shown_item(pilot.app, "palette"))
            await pilot.pause()
            await pilot.click("#found", offset=(3, listed_before("leave")))
            await pilot.pause()
            assert pilot.app.return_code == 0

    asyncio.run(look())


def listed_before(name: str) -> int:
    """How many rows of the palette stand above a command's."""
    return [command.name for command in listed() if command.name != "palette"].index(name)


def test_a_small_display_changes_its_language_by_touch(opened: Any, desk: Any, text_of: Any) -> None:
    """The touched item goes with the page that is made anew: nothing may wait for it."""

    async def look() -> None:
        async with opened(desk, (40, 20)) as pilot:
            await pilot.click(shown_item(pilot.app, "palette"))
            await pilot.pause()
            await pilot.click("#found", offset=(3, listed_before("language")))
            await pilot.pause(0.2)
            assert isinstance(pilot.app.screen, TodayScreen) and "今日" in text_of(pilot.app)
            await pilot.click(shown_item(pilot.app, "palette"))
            await pilot.pause()
            assert isinstance(pilot.app.screen, PaletteScreen)

    asyncio.run(asyncio.wait_for(look(), 20))


def test_the_mouse_leaves_too(opened: Any, desk: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.click(shown_item(pilot.app, "leave"))
            await pilot.pause()
            assert pilot.app.return_code == 0

    asyncio.run(look())


def test_a_sync_says_what_came_of_it(opened: Any, desk: Any, text_of: Any) -> None:
    desk.sync_result = replace(desk.sync_result, received=7)

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+r")
            await pilot.pause(0.2)
            assert "7 new entries." in text_of(pilot.app)
            desk.sync_result = LinkError("The terminal does not answer.", "Check the cable.")
            await pilot.press("ctrl+r")
            await pilot.pause(0.2)
            seen = text_of(pilot.app)
            assert "The terminal does not answer." in seen and "Check the cable." in seen

    asyncio.run(look())


def test_one_sync_at_a_time(opened: Any, desk: Any) -> None:
    desk.hold_sync = threading.Event()

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+r", "ctrl+r", "ctrl+r")
            await pilot.pause(0.1)
            assert desk.asked.count("sync") == 1
            desk.hold_sync.set()
            await pilot.pause(0.2)
            await pilot.press("ctrl+r")
            await pilot.pause(0.1)
            assert desk.asked.count("sync") == 2

    asyncio.run(look())


@pytest.mark.parametrize(
    ("state", "word", "todo"),
    [
        (LinkState.PORT_LOST, "Port lost", "Check the cable"),
        (LinkState.REFUSED, "Refused", "Connect the terminal that was here before"),
        (LinkState.OFF, "Not recording", "counterfoil serve"),
    ],
)
@pytest.mark.parametrize("size", [(40, 20), (80, 24)])
def test_a_lost_link_and_its_return_are_plain_to_see(
    opened: Any, desk: Any, text_of: Any, settled: Any, state: LinkState, word: str, todo: str, size: tuple[int, int]
) -> None:
    async def look() -> None:
        async with opened(desk, size) as pilot:
            up = desk.now.link
            assert "Nothing needs you now." in text_of(pilot.app)
            desk.publish(link=replace(up, state=state))
            await settled(pilot)
            seen = " ".join(text_of(pilot.app).split())
            assert f"! {word}" in seen and todo in seen and "Nothing needs you now." not in seen
            desk.publish(link=replace(up, since=up.since + 1000))
            await settled(pilot)
            seen = text_of(pilot.app)
            assert "Nothing needs you now." in seen and f"! {word}" not in seen

    asyncio.run(look())


def test_a_notice_is_told_in_the_agents_words(opened: Any, desk: Any, text_of: Any) -> None:
    from agent.notices import words

    notice = Notice(NoticeCode.WRONG_TERMINAL, desk.now.now, {"terminal": "LK\x1b[2J-2", "ours": "LK-1"})
    what, todo = words(notice)
    what = what.replace("\x1b", "")
    desk.publish(notices=(notice,))

    async def look() -> None:
        async with opened(desk, (120, 40)) as pilot:
            seen = " ".join(text_of(pilot.app).split())
            assert "LK[2J-2" in what and what in seen and todo in seen and "\x1b" not in seen

    asyncio.run(look())


OF_THE_LINE = {NoticeCode.WRONG_KEY, NoticeCode.KEY_REFUSED, NoticeCode.NOT_PAIRED}
"""Told in the screens' own words: they can pair without a command line."""


@pytest.mark.parametrize("code", list(NoticeCode))
def test_every_notice_is_drawn(opened: Any, desk: Any, text_of: Any, settled: Any, code: NoticeCode) -> None:
    """With an amount: where the screens hold standard output, it has no encoding, and the notice ended the program."""
    from agent.notices import words

    facts = {"action": "sale", "kind": "sale", "reference": "0" * 31 + "1", "amount_minor": "3800", "currency": "156"}
    notice = Notice(code, desk.now.now, facts)
    desk.publish(notices=(notice,))

    async def look() -> None:
        async with opened(desk, (120, 40)) as pilot:
            await settled(pilot)
            seen = "".join(text_of(pilot.app).split())
            what = "".join(words(notice)[0].split())
            assert what in seen or code in OF_THE_LINE
            assert ("¥38.00" in seen) == ("¥38.00" in what)

    asyncio.run(look())


def test_a_notice_about_the_link_is_not_said_twice(opened: Any, desk: Any, text_of: Any) -> None:
    notice = Notice(NoticeCode.PORT_LOST, desk.now.now)
    desk.publish(notices=(notice,), link=replace(desk.now.link, state=LinkState.PORT_LOST))

    async def look() -> None:
        async with opened(desk) as pilot:
            seen = text_of(pilot.app)
            assert seen.count("Check the cable") == 1 and "! Port lost" in seen

    asyncio.run(look())


def test_a_desk_that_raises_becomes_a_state_and_the_figures_stay(
    opened: Any, desk: Any, text_of: Any, settled: Any
) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            desk.error = LinkError("The agent on this home has stopped.", "Start it with: counterfoil serve.")
            desk.publish()
            await pilot.pause(0.3)
            await settled(pilot)
            seen = text_of(pilot.app)
            assert "! The agent on this home has stopped." in seen and "Start it with: counterfoil serve." in seen
            assert "! Not live" in seen and "¥21,248.44" in seen
            desk.error = None
            for _ in range(100):
                await pilot.pause(0.02)
                if pilot.app.view.trouble is None:
                    break
            await settled(pilot)
            assert "Connected" in text_of(pilot.app) and "Not live" not in text_of(pilot.app)

    asyncio.run(look())


def test_a_desk_that_raises_from_the_start_opens_all_the_same(opened: Any, desk: Any, text_of: Any) -> None:
    desk.error = LinkError("No agent answers on this home.", "Start it with: counterfoil serve.")

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.pause(0.1)
            assert "No agent answers on this home." in text_of(pilot.app)
            await pilot.press("q")
            await pilot.pause()
            assert pilot.app.return_code == 0

    asyncio.run(look())


def test_the_demo_banner_stands_on_every_screen(opened: Any, desk: Any, text_of: Any) -> None:
    desk.publish(replace(desk.day, simulated=True), simulated=True)

    async def look() -> None:
        for size in ((40, 20), (80, 24), (120, 40)):
            async with opened(desk, size, "zh_CN") as pilot:
                assert "演练 DEMO" in text_of(pilot.app)
                for key in ("f1", "ctrl+p"):
                    await pilot.press(key)
                    await pilot.pause()
                    assert "演练 DEMO" in text_of(pilot.app), key
                    await pilot.press("escape")

    asyncio.run(look())


def test_a_terminal_of_ten_by_three_and_back(opened: Any, desk: Any, text_of: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            for key in ("f1", "ctrl+p", "escape"):
                await pilot.press(key)
                await pilot.resize_terminal(10, 3)
                await pilot.pause(0.05)
                await pilot.resize_terminal(1, 1)
                await pilot.pause(0.05)
                await pilot.resize_terminal(80, 24)
                await pilot.pause(0.05)
                await pilot.press("escape")
                if isinstance(pilot.app.screen, PaletteScreen):
                    await pilot.press("escape")
            assert isinstance(pilot.app.screen, TodayScreen)
            assert "¥21,248.44" in text_of(pilot.app)

    asyncio.run(look())


def test_text_from_the_terminal_is_shown_as_text(opened: Any, desk: Any, text_of: Any) -> None:
    desk.merchant = "[bold]张记[/bold]\x1b[2J[$"
    desk.publish(terminal="[red]LK[/]")

    async def look() -> None:
        async with opened(desk, (120, 40)) as pilot:
            seen = text_of(pilot.app)
            assert "[bold]张记[/bold][2J[$" in seen and "[red]LK[/]" in seen and "\x1b" not in seen

    asyncio.run(look())
