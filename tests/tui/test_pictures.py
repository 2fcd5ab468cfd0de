"""Every arrangement as a picture, in both languages. COUNTERFOIL_PICTURES=write writes them anew: look at each one then."""

from __future__ import annotations

import asyncio
import html
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.views import Capability, LinkState, Notice, NoticeCode, PairingFailed, PairingStage

FOLDER = Path(__file__).parent / "snapshots"
SIZES = [(40, 20), (80, 24), (120, 40)]
LANGUAGES = ["en", "zh_CN"]


def normalised(svg: str) -> str:
    """Without what changes from run to run (an id made of a checksum) and without fonts fetched from elsewhere."""
    return re.sub(r"@font-face\s*{.*?}\s*", "", re.sub(r"terminal-\d+", "terminal", svg), flags=re.S)


def text_of(svg: str) -> list[str]:
    lines: dict[float, list[tuple[float, str]]] = {}
    for attributes, text in re.findall(r"<text ([^>]*)>([^<]*)</text>", svg):
        x, y = (float(re.search(rf'\b{name}="([\d.]+)"', attributes)[1]) for name in ("x", "y"))  # type: ignore[index]
        lines.setdefault(y, []).append((x, html.unescape(text).replace("\xa0", " ")))
    return ["|".join(text for _x, text in sorted(parts)).rstrip() for _y, parts in sorted(lines.items())]


@pytest.fixture
def picture(opened: Any, settled: Any) -> Callable[..., None]:
    """Compares a picture with the stored one: its text first, so that a failure can be read, then its style.

    then: what happens after the keys, before the picture is taken.
    """

    def check(name: str, desk: Any, size: tuple[int, int], speaking: str, *keys: str, then: Any = None) -> None:
        async def take() -> str:
            async with opened(desk, size, speaking) as pilot:
                await pilot.press(*keys)
                if then is not None:
                    then()
                    await settled(pilot)
                await pilot.pause(0.1)
                return normalised(pilot.app.export_screenshot())

        taken = asyncio.run(take())
        stored = FOLDER / f"{name}-{size[0]}x{size[1]}-{speaking}.svg"
        if os.environ.get("COUNTERFOIL_PICTURES") == "write":
            FOLDER.mkdir(exist_ok=True)
            stored.write_text(taken, encoding="utf-8")
        expected = stored.read_text(encoding="utf-8")
        assert text_of(taken) == text_of(expected)
        assert taken == expected, f"same text, other style: {stored}"

    return check


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_today(picture: Any, desk: Any, size: tuple[int, int], speaking: str) -> None:
    picture("today", desk, size, speaking)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_link_lost(picture: Any, desk: Any, size: tuple[int, int], speaking: str) -> None:
    desk.publish(link=replace(desk.now.link, state=LinkState.PORT_LOST))
    picture("link-lost", desk, size, speaking)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_demo(picture: Any, desk: Any, size: tuple[int, int], speaking: str) -> None:
    desk.publish(replace(desk.day, simulated=True), simulated=True, terminal="SIM-CLASSIC-000007")
    picture("demo", desk, size, speaking)


@pytest.mark.parametrize("size", SIZES)
def test_empty_day(picture: Any, desk: Any, empty_day: Any, size: tuple[int, int]) -> None:
    desk.publish(empty_day)
    picture("empty", desk, size, "zh_CN")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "key"), [("help", "f1"), ("palette", "ctrl+p")])
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_dialogs_in_a_demo(picture: Any, desk: Any, name: str, key: str, size: tuple[int, int], speaking: str) -> None:
    desk.publish(replace(desk.day, simulated=True), simulated=True, terminal="SIM-CLASSIC-000007")
    picture(name, desk, size, speaking, key)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_unpaired(picture: Any, desk: Any, size: tuple[int, int], speaking: str) -> None:
    unpaired = replace(desk.now.link, state=LinkState.UNPAIRED, paired=False, fingerprint=None)
    desk.publish(link=unpaired, notices=(Notice(NoticeCode.NOT_PAIRED, desk.now.now),))
    picture("pairing-start", desk, size, speaking)
    picture("unpaired", desk, size, speaking, "escape")


PAIRINGS: dict[str, tuple[PairingStage, dict[str, Any], tuple[str, ...]]] = {
    "compare": (PairingStage.COMPARE, {"number": "042917"}, ("ctrl+k",)),
    "changed": (PairingStage.COMPARE, {"number": "660134", "changed": True}, ("ctrl+k",)),
    "failed": (PairingStage.FAILED, {"reason": PairingFailed.BROKEN}, ("ctrl+k",)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
@pytest.mark.parametrize("name", PAIRINGS)
def test_pairing(picture: Any, desk: Any, name: str, size: tuple[int, int], speaking: str) -> None:
    stage, facts, keys = PAIRINGS[name]
    desk.publish(desk.day, simulated=True)

    def then() -> None:
        desk.publish_pairing(stage, **facts)

    picture(f"pairing-{name}", desk, size, speaking, *keys, then=then)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_palette_of_a_terminal_with_few_words(picture: Any, desk: Any, size: tuple[int, int], speaking: str) -> None:
    desk.publish(link=replace(desk.now.link, dialect="transbank", speaks=(Capability.SALE,)))
    picture("few-words", desk, size, speaking, "ctrl+p")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("speaking", LANGUAGES)
@pytest.mark.parametrize(("name", "keys"), [("evidence", ("f9",)), ("code", ("f9", "enter"))])
def test_evidence_in_a_demo(
    picture: Any, desk: Any, name: str, keys: tuple[str, ...], size: tuple[int, int], speaking: str
) -> None:
    desk.publish(desk.day, simulated=True, terminal="SIM-CLASSIC-000007")
    picture(name, desk, size, speaking, *keys)


def test_no_picture_is_left_over() -> None:
    six = (
        "today",
        "link-lost",
        "demo",
        "help",
        "palette",
        "unpaired",
        "few-words",
        "pairing-start",
        "evidence",
        "code",
    )
    names = {"empty": 3, **dict.fromkeys((*six, *(f"pairing-{name}" for name in PAIRINGS)), 6)}
    stored = [path.name.rsplit("-", 2)[0] for path in FOLDER.glob("*.svg")]
    assert {name: stored.count(name) for name in set(stored)} == names
