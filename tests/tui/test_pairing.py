"""The pairing dialog, worked by keys, by touch, on small and large displays. The number shown is the desk's, never ours."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.containers import VerticalScroll

from agent.errors import LinkError
from agent.views import Capability, LinkState, Notice, NoticeCode, PairingFailed, PairingStage
from tui.screens.pairing import READING_MS, PairingScreen
from tui.screens.palette import PaletteScreen
from tui.screens.today import TodayScreen
from tui.widgets.choice import Choice
from tui.widgets.needs import Needs

SIZES = [(40, 20), (80, 24), (120, 40)]
READ_S = READING_MS / 1000 + 0.1
"""How long these people look at a number."""


def unpair(desk: Any) -> None:
    """The desk of a home that knows no terminal yet."""
    desk.publish(
        link=replace(desk.now.link, state=LinkState.UNPAIRED, paired=False, fingerprint=None),
        notices=(Notice(NoticeCode.NOT_PAIRED, desk.now.now),),
    )


def said(pilot: Any, words_of: Any) -> str:
    """The dialog's words; without one, the screen's."""
    return words_of(pilot.app, "#dialog") or words_of(pilot.app, "Screen")


async def until(pilot: Any, true: Callable[[], bool]) -> None:
    for _ in range(1_000):  # 20 s
        await pilot.pause(0.02)
        if true():
            return
    raise AssertionError("it did not come to that")


def offered(pilot: Any, label: str) -> Choice:
    """The choice with that label, as it stands on the screen."""
    return next(choice for choice in pilot.app.screen.query(Choice) if choice.display and label in str(choice.render()))


def by_keys(pilot: Any) -> Callable[[str], Awaitable[None]]:
    async def pick(label: str) -> None:
        for _ in range(3):  # Tab goes round
            await pilot.press("tab")
            if pilot.app.focused is offered(pilot, label):
                break
        assert pilot.app.focused is offered(pilot, label)
        await pilot.press("enter")

    return pick


def by_digits(pilot: Any) -> Callable[[str], Awaitable[None]]:
    async def pick(label: str) -> None:
        await pilot.press(str(offered(pilot, label).render())[0])

    return pick


def by_touch(pilot: Any) -> Callable[[str], Awaitable[None]]:
    async def pick(label: str) -> None:
        assert await pilot.click(offered(pilot, label))

    return pick


WAYS = [((40, 20), by_touch), ((40, 20), by_digits), ((80, 24), by_keys), ((120, 40), by_touch)]


@pytest.mark.parametrize(("size", "way"), WAYS)
def test_from_an_unknown_terminal_to_a_paired_one(opened: Any, desk: Any, words_of: Any, size: Any, way: Any) -> None:
    unpair(desk)

    async def look() -> None:
        async with opened(desk, size) as pilot:
            pick = way(pilot)
            assert isinstance(pilot.app.screen, PairingScreen), "whoever opens such a home is asked"
            assert "know each other" in said(pilot, words_of) and "pair" not in desk.asked
            await pick("Start")
            await until(pilot, lambda: "pair" in desk.asked)
            await until(pilot, lambda: "Asking the terminal" in said(pilot, words_of))
            desk.publish_pairing(PairingStage.COMPARE, "042917")
            await until(pilot, lambda: "042 917" in said(pilot, words_of))
            assert "the same number?" in said(pilot, words_of)
            await pilot.pause(READ_S)
            await pick("Yes")
            await until(pilot, lambda: "Paired." in said(pilot, words_of))
            assert [asked for asked in desk.asked if "confirm" in asked] == ["confirm 042917"]
            await pick("Close")
            await until(pilot, lambda: isinstance(pilot.app.screen, TodayScreen))
            assert "cancel" not in desk.asked

    asyncio.run(look())


def test_the_number_is_as_large_as_the_room(opened: Any, desk: Any, words_of: Any) -> None:
    """The ink of each row, counted by hand from digits of three dots by five."""

    async def look() -> None:
        for size, dot in (((40, 20), 1), ((120, 40), 2)):
            desk.publish_pairing(PairingStage.COMPARE, "170248")
            async with opened(desk, size) as pilot:
                await pilot.press("ctrl+k")
                await until(pilot, lambda: "170 248" in said(pilot, words_of))
                ink = {}
                for y, strip in enumerate(pilot.app.screen._compositor.render_strips()):
                    inked = sum(
                        len(segment.text)
                        for segment in strip
                        if segment.style and segment.style.bgcolor and segment.style.bgcolor.get_truecolor() == (255, 212, 121)
                    )  # fmt: skip
                    if inked:
                        ink[y] = inked // dot
                # 1: .#. ##. .#. .#. ###   7: ### ..# ..# ..# ..#   0: ### #.# #.# #.# ###
                # 2: ### ..# ### #.. ###   4: #.# #.# ### ..# ..#   8: ### #.# ### #.# ###
                assert list(ink.values()) == [1 + 3 + 3 + 3 + 2 + 3, 2 + 1 + 2 + 1 + 2 + 2, 1 + 1 + 2 + 3 + 3 + 3,
                                              1 + 1 + 2 + 1 + 1 + 2, 3 + 1 + 3 + 3 + 1 + 3]  # fmt: skip
                assert max(ink) - min(ink) == 4

    asyncio.run(look())


@pytest.mark.parametrize("presses", [("1",), ("1", "1"), ("enter", "enter"), ("tab", "enter")])
def test_nothing_is_confirmed_faster_than_a_number_is_read(opened: Any, desk: Any, presses: Any) -> None:
    desk.publish_pairing(PairingStage.STARTED)

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            desk.publish_pairing(PairingStage.COMPARE, "042917")
            await until(pilot, lambda: pilot.app.screen._step is not None and pilot.app.screen._step.name == "COMPARE")
            await pilot.press(*presses)
            await pilot.pause(0.2)
            assert not [asked for asked in desk.asked if "confirm" in asked]

    asyncio.run(look())


def test_enter_alone_answers_no_question_about_a_number(opened: Any, desk: Any) -> None:
    desk.publish_pairing(PairingStage.COMPARE, "042917")

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(READ_S)
            await pilot.press("enter", "enter", "space")
            await pilot.pause(0.2)
            assert "cancel" not in desk.asked and not [asked for asked in desk.asked if "confirm" in asked]

    asyncio.run(look())


@pytest.mark.parametrize(("size", "way"), WAYS)
def test_another_key_is_taken_only_after_a_step_of_its_own(
    opened: Any, desk: Any, words_of: Any, size: Any, way: Any
) -> None:
    desk.publish_pairing(PairingStage.COMPARE, "660134", changed=True)

    async def look() -> None:
        async with opened(desk, size) as pilot:
            pick = way(pilot)
            await pilot.press("ctrl+k")
            await pilot.pause(READ_S)
            assert "! This is not the terminal that was paired before!" in said(pilot, words_of)
            await pick("Yes, the same")
            await pilot.pause(0.1)
            assert not [asked for asked in desk.asked if "confirm" in asked]
            assert "! Take this terminal's key instead of the old one?" in said(pilot, words_of)
            assert "660 134" in said(pilot, words_of)
            await pilot.pause(READ_S)
            await pick("Yes, take")
            await until(pilot, lambda: "Paired." in said(pilot, words_of))
            assert [asked for asked in desk.asked if "confirm" in asked] == ["confirm 660134 replace"]

    asyncio.run(look())


def test_the_same_digit_twice_does_not_replace_a_key(opened: Any, desk: Any) -> None:
    desk.publish_pairing(PairingStage.COMPARE, "660134", changed=True)

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(READ_S)
            await pilot.press("1")
            await pilot.pause(READ_S)
            await pilot.press("1")
            await until(pilot, lambda: "cancel" in desk.asked)
            assert not [asked for asked in desk.asked if "confirm" in asked]

    asyncio.run(look())


def test_another_number_while_replacing_is_compared_anew(opened: Any, desk: Any, words_of: Any) -> None:
    desk.publish_pairing(PairingStage.COMPARE, "660134", changed=True)

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(READ_S)
            await pilot.press("1")
            await until(pilot, lambda: "Take this terminal's key" in said(pilot, words_of))
            desk.publish_pairing(PairingStage.COMPARE, "000001", changed=True)
            await until(pilot, lambda: "000 001" in said(pilot, words_of))
            assert "the same number?" in said(pilot, words_of)
            await pilot.press("2")
            await until(pilot, lambda: "cancel" in desk.asked)
            assert not [asked for asked in desk.asked if "confirm" in asked]

    asyncio.run(look())


def test_numbers_that_differ_end_it_loudly(opened: Any, desk: Any, words_of: Any) -> None:
    desk.publish_pairing(PairingStage.COMPARE, "042917")

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(0.1)
            await pilot.press("2")
            await until(pilot, lambda: "! The numbers differ" in said(pilot, words_of))
            assert "cancel" in desk.asked and "Try again" in said(pilot, words_of)
            assert not [asked for asked in desk.asked if "confirm" in asked]

    asyncio.run(look())


@pytest.mark.parametrize("stage", [PairingStage.STARTED, PairingStage.COMPARE])
@pytest.mark.parametrize("leave", ["escape", "#dialog-close", "f10"])
def test_leaving_cancels_what_is_under_way(opened: Any, desk: Any, stage: PairingStage, leave: str) -> None:
    desk.publish_pairing(stage, "042917" if stage is PairingStage.COMPARE else None)

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            assert isinstance(pilot.app.screen, PairingScreen)
            await pilot.pause(0.1)
            await (pilot.click(leave) if leave.startswith("#") else pilot.press(leave))
            await pilot.pause()
            assert pilot.app.return_code == 0 if leave == "f10" else isinstance(pilot.app.screen, TodayScreen)

    asyncio.run(look())
    end = time.monotonic() + 20
    while "cancel" not in desk.asked:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_leaving_before_or_after_cancels_nothing(opened: Any, desk: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k", "escape")
            desk.publish_pairing(PairingStage.DONE)
            await pilot.press("ctrl+k", "escape")
            await pilot.pause(0.2)
            assert isinstance(pilot.app.screen, TodayScreen)
            assert "cancel" not in desk.asked

    asyncio.run(look())


def test_a_pairing_that_begins_after_its_dialog_was_left_is_cancelled(opened: Any, desk: Any) -> None:
    desk.hold_pair = threading.Event()

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.press("enter")
            await until(pilot, lambda: "pair" in desk.asked)
            await pilot.press("escape")
            await until(pilot, lambda: "cancel" in desk.asked)
            desk.hold_pair.set()
            await until(pilot, lambda: desk.asked.count("cancel") == 2)
            assert desk.now.link.pairing.stage is PairingStage.FAILED

    asyncio.run(look())


@pytest.mark.parametrize("leaves", [False, True])
def test_while_the_key_is_written_nothing_is_asked_and_nothing_cancelled(
    opened: Any, desk: Any, words_of: Any, leaves: bool
) -> None:
    desk.hold_confirm = threading.Event()
    desk.publish_pairing(PairingStage.COMPARE, "042917")

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(READ_S)
            await pilot.press("1")
            await until(pilot, lambda: "Keeping the terminal's key." in said(pilot, words_of))
            assert not [choice for choice in pilot.app.screen.query(Choice) if choice.display]
            await pilot.pause(READ_S)
            await pilot.press("1", "2", "enter")
            if leaves:
                await pilot.press("escape")
            desk.hold_confirm.set()
            await until(pilot, lambda: desk.now.link.pairing.stage is PairingStage.DONE)
            await pilot.pause(0.2)
            assert isinstance(pilot.app.screen, TodayScreen if leaves else PairingScreen)

    asyncio.run(look())
    assert [asked for asked in desk.asked if "confirm" in asked] == ["confirm 042917"]
    assert "cancel" not in desk.asked


@pytest.mark.parametrize("reason", list(PairingFailed))
@pytest.mark.parametrize("before", [False, True])
def test_why_it_failed_and_once_more(opened: Any, desk: Any, words_of: Any, reason: Any, before: bool) -> None:
    """before: the pairing before it failed for the same reason, so that the two look alike."""
    from agent.notices import pairing_words

    what, todo = pairing_words(reason)
    if before:
        desk.publish_pairing(PairingStage.FAILED, reason=reason)

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(0.1)
            assert "know each other" in said(pilot, words_of) and what not in said(pilot, words_of)
            await pilot.press("enter")
            while desk.now.link.pairing is None or desk.now.link.pairing.stage is not PairingStage.STARTED:
                await asyncio.sleep(0)
            desk.publish_pairing(PairingStage.FAILED, reason=reason)  # at once: STARTED may never be seen
            await until(pilot, lambda: what in said(pilot, words_of))
            assert todo in said(pilot, words_of)
            await pilot.press("enter")
            await until(pilot, lambda: desk.asked.count("pair") == 2)
            await until(pilot, lambda: "Asking the terminal" in said(pilot, words_of))

    asyncio.run(look())


def test_a_desk_that_refuses_says_why(opened: Any, desk: Any, words_of: Any) -> None:
    desk.refuses = LinkError("The terminal's protocol has no pairing.", "Go on without.")

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k", "enter")
            await until(pilot, lambda: "! The terminal's protocol has no pairing." in said(pilot, words_of))
            assert "Go on without." in said(pilot, words_of)
            desk.refuses = None
            await pilot.press("enter")
            await until(pilot, lambda: "Asking the terminal for a number" in said(pilot, words_of))
            desk.publish_pairing(PairingStage.COMPARE, "042917")
            await pilot.pause(READ_S)
            desk.refuses = LinkError("Another number is shown now.", "Compare anew.")
            await pilot.press("1")
            await until(pilot, lambda: "Another number is shown now." in said(pilot, words_of))

    asyncio.run(look())


@pytest.mark.parametrize(
    ("state", "word"), [(LinkState.PORT_LOST, "is gone"), (LinkState.OFF, "no agent runs on this home")]
)
def test_without_a_line_nothing_is_started(opened: Any, desk: Any, words_of: Any, state: Any, word: str) -> None:
    up = desk.now.link
    desk.publish(link=replace(up, state=state))

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(0.1)
            assert word in said(pilot, words_of)
            await pilot.press("enter", "1")
            desk.publish(link=up)
            await until(pilot, lambda: "Start" in said(pilot, words_of))
            assert "pair" not in desk.asked

    asyncio.run(look())


def test_it_is_offered_once_and_over_nothing_else(opened: Any, desk: Any, settled: Any) -> None:
    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+p")
            unpair(desk)
            await until(pilot, lambda: pilot.app.view.status == desk.now)
            assert isinstance(pilot.app.screen, PaletteScreen)
            await pilot.press("escape")
            desk.publish()
            await until(pilot, lambda: isinstance(pilot.app.screen, PairingScreen))
            await pilot.press("escape")
            desk.publish()
            await settled(pilot)
            assert isinstance(pilot.app.screen, TodayScreen)

    asyncio.run(look())


@pytest.mark.parametrize("code", [NoticeCode.NOT_PAIRED, NoticeCode.KEY_REFUSED, NoticeCode.WRONG_KEY])
@pytest.mark.parametrize("size", SIZES)
def test_a_need_that_pairing_mends_says_so_and_opens_it(
    opened: Any, desk: Any, words_of: Any, code: NoticeCode, size: Any
) -> None:
    desk.publish(notices=(Notice(code, desk.now.now),), link=replace(desk.now.link, state=LinkState.CONNECTING))

    async def look() -> None:
        async with opened(desk, size) as pilot:
            assert "Ctrl+K, or touch here" in said(pilot, words_of)
            await pilot.click(Needs)
            await pilot.pause()
            assert isinstance(pilot.app.screen, PairingScreen)

    asyncio.run(look())


def test_a_touch_on_other_needs_opens_nothing(opened: Any, desk: Any) -> None:
    desk.publish(notices=(Notice(NoticeCode.LINE_SETTINGS, desk.now.now),))

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.click(Needs)
            await pilot.pause()
            assert isinstance(pilot.app.screen, TodayScreen)

    asyncio.run(look())


@pytest.mark.parametrize("speaking", ["en", "zh_CN"])
@pytest.mark.parametrize("size", SIZES)
def test_every_step_stands_whole_on_every_display(opened: Any, desk: Any, speaking: str, size: Any) -> None:
    """With the banner of a practice home, which takes a line more."""
    steps: list[tuple[PairingStage, dict[str, Any]]] = [
        (PairingStage.STARTED, {}),
        (PairingStage.COMPARE, {"number": "042917"}),
        (PairingStage.COMPARE, {"number": "660134", "changed": True}),
        *((PairingStage.FAILED, {"reason": reason}) for reason in PairingFailed),
        (PairingStage.DONE, {}),
    ]
    desk.publish(simulated=True)

    async def look() -> None:
        async with opened(desk, size, speaking) as pilot:
            await pilot.press("ctrl+k")
            for stage, facts in (None, {}), *steps:  # type: ignore[misc]
                if stage is not None:
                    desk.publish_pairing(stage, **facts)
                await until(pilot, lambda: pilot.app.view.status == desk.now)
                await pilot.pause(0.1)
                whole = pilot.app.screen.query_one("#pairing", VerticalScroll)
                assert whole.max_scroll_y == 0, stage
                shown = [choice for choice in pilot.app.screen.query(Choice) if choice.display]
                assert shown and all(choice.region.bottom <= size[1] and choice.region.height for choice in shown)
                if facts.get("changed"):
                    await pilot.pause(READ_S)
                    await pilot.press("1")
                    await pilot.pause(0.1)
                    assert pilot.app.screen._step.name == "REPLACE" and whole.max_scroll_y == 0

    asyncio.run(look())


def test_without_pairing_in_the_protocol_it_is_said_and_not_opened(opened: Any, desk: Any, words_of: Any) -> None:
    speaks = tuple(word for word in Capability if word is not Capability.PAIRING)
    desk.publish(link=replace(desk.now.link, dialect="telium", speaks=speaks, fingerprint=None))

    async def look() -> None:
        async with opened(desk) as pilot:
            await pilot.press("ctrl+k")
            await pilot.pause(0.1)
            assert isinstance(pilot.app.screen, TodayScreen)
            assert "cannot say it: it works without." in words_of(pilot.app, "Toast")

    asyncio.run(look())
