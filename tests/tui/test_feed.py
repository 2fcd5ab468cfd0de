"""The feed alone: what it posts, how often, and what it makes of a desk in trouble."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual.message import Message

from agent.errors import LinkError
from tui.feed import BATCH_MS, Changed, Feed, View


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)


class Posted:
    def __init__(self) -> None:
        self.views: list[tuple[float, View]] = []

    def __call__(self, message: Message) -> None:
        assert isinstance(message, Changed)
        self.views.append((time.monotonic(), message.view))


def test_a_burst_becomes_a_few_batches_and_its_end_is_not_lost(desk: Any) -> None:
    posted = Posted()
    feed = Feed(desk, posted)
    feed.start()
    until(lambda: len(posted.views) == 1)
    began = time.monotonic()
    for index in range(100):
        desk.publish(replace(desk.day, transactions=index))
        time.sleep(0.005)
    took = time.monotonic() - began
    until(lambda: posted.views[-1][1].today == desk.day)
    feed.stop()
    batches = len(posted.views) - 1
    assert desk.day.transactions == 99
    assert 3 <= batches <= took * 1000 / BATCH_MS + 2
    gaps = [later - sooner for (sooner, _), (later, _) in zip(posted.views, posted.views[1:], strict=False)]
    assert min(gaps[1:]) * 1000 > BATCH_MS * 0.8


def test_the_first_change_after_a_quiet_spell_goes_through_at_once(desk: Any) -> None:
    posted = Posted()
    feed = Feed(desk, posted)
    feed.start()
    until(lambda: len(posted.views) == 1)
    delays = []
    for count in (101, 102, 103, 104, 105):
        time.sleep(0.15)
        began = time.monotonic()
        desk.publish(replace(desk.day, transactions=count))
        until(lambda: posted.views[-1][1].today == desk.day)
        delays.append(posted.views[-1][0] - began)
    feed.stop()
    assert sorted(delays)[2] < 0.05


def test_trouble_keeps_the_last_figures_and_ends_by_itself(desk: Any) -> None:
    posted = Posted()
    feed = Feed(desk, posted)
    feed.start()
    until(lambda: len(posted.views) == 1)
    desk.error = LinkError("The agent stopped.", "Start it again.")
    desk.publish()
    until(lambda: posted.views[-1][1].trouble is not None)
    trouble = posted.views[-1][1]
    assert (trouble.trouble.what, trouble.trouble.todo) == ("The agent stopped.", "Start it again.")  # type: ignore[union-attr]
    assert trouble.today == desk.day
    desk.error = ConnectionResetError(104, "reset")
    until(lambda: "ConnectionResetError" in posted.views[-1][1].trouble.what)  # type: ignore[union-attr]
    desk.error = None
    until(lambda: posted.views[-1][1].trouble is None)
    feed.stop()
    assert posted.views[-1][1].today == desk.day


def test_an_unchanged_day_is_not_asked_for_again(desk: Any) -> None:
    posted = Posted()
    feed = Feed(desk, posted)
    feed.start()
    until(lambda: len(posted.views) >= 3)  # the clock is read once a second
    feed.stop()
    assert desk.asked.count("today") == 1
    assert desk.asked.count("status") >= 3


def test_the_day_changes_at_the_merchants_midnight_without_any_event(desk: Any) -> None:
    posted = Posted()
    feed = Feed(desk, posted)
    feed.start()
    until(lambda: len(posted.views) == 1)
    asked = desk.asked.count("today")
    desk.now = replace(desk.now, now=desk.now.now + 12 * 3_600_000)
    until(lambda: desk.asked.count("today") > asked)
    feed.stop()


def test_a_stopped_feed_is_silent(desk: Any) -> None:
    posted = Posted()
    feed = Feed(desk, posted)
    feed.start()
    until(lambda: len(posted.views) == 1)
    began = time.monotonic()
    feed.stop()
    assert time.monotonic() - began < 0.2
    desk.publish(replace(desk.day, transactions=5))
    time.sleep(0.1)
    assert len(posted.views) == 1
