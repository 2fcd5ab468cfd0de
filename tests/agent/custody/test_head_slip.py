"""The slip, as paper and as bytes: read by the published commands of ESC/POS, and its codes by a reader."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from agent.custody.head_slip import slip_escpos, slip_text
from agent.language import choose_language
from agent.views import Head
from tests.codes import modules, texts_in

HeadOf = Callable[..., Head]
SHANGHAI = "Asia/Shanghai"
LANGUAGES = ["en", "zh_CN"]
DEMO = {"en": "DEMO", "zh_CN": "演练"}


def cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@dataclass
class Paper:
    """What a printer makes of its bytes. Epson, ESC/POS Command Reference: ESC @, a, E, d; FS &; GS ( k of QR codes."""

    lines: list[str] = field(default_factory=list)
    centred: list[bool] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    model: int | None = None
    dots: int | None = None
    correction: int | None = None
    fed: int = 0
    stored: bytes = b""

    @classmethod
    def printed(cls, raw: bytes) -> Paper:
        paper, at, line, justified, chinese = cls(), 0, b"", 0, False
        assert raw[:2] == b"\x1b@", "whatever was printed before must not show"
        while at < len(raw):
            match raw[at : at + 2]:
                case b"\x1b@":
                    at += 2
                case b"\x1c&":
                    chinese, at = True, at + 2
                case b"\x1ba" | b"\x1bE":
                    assert raw[at + 2] in (0, 1, 2) and line == b""
                    justified = raw[at + 2] if raw[at + 1 : at + 2] == b"a" else justified
                    at += 3
                case b"\x1bd":
                    paper.fed, at = raw[at + 2], at + 3
                case b"\x1d(":
                    assert raw[at + 2 : at + 3] == b"k" and line == b""
                    length = int.from_bytes(raw[at + 3 : at + 5], "little")
                    paper._code(raw[at + 5 : at + 5 + length])
                    at += 5 + length
                case _:
                    if raw[at] == 0x0A:
                        paper.lines.append(line.decode("gbk"))
                        paper.centred.append(justified == 1)
                        line, at = b"", at + 1
                    else:
                        assert raw[at] >= 0x20 and (raw[at] < 0x80 or chinese)
                        line, at = line + raw[at : at + 1 + (raw[at] >= 0x80)], at + 1 + (raw[at] >= 0x80)
        assert line == b""
        return paper

    def _code(self, body: bytes) -> None:
        assert body[0] == 49, "cn: 49 is a QR code"
        match body[1]:
            case 65:  # function 165
                self.model = body[2]
                assert body[3:] == b"\0"
            case 67:  # 167
                (self.dots,) = body[2:]
            case 69:  # 169
                (self.correction,) = body[2:]
            case 80:  # 180
                assert body[2] == 48
                self.stored = body[3:]
            case 81:  # 181
                assert body[2:] == b"0"
                self.codes.append(self.stored.decode())
            case function:
                raise AssertionError(f"no function {function} is of use here")


@pytest.mark.parametrize("simulated", [False, True])
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_paper_of_32_columns_says_the_head_whole(head_of: HeadOf, speaking: str, simulated: bool) -> None:
    choose_language(speaking)
    head = head_of(1_234_567)
    text = slip_text(head, SHANGHAI, simulated=simulated)
    lines = text.splitlines()
    assert max(map(cells, lines)) <= 32 and text.endswith("\n")
    assert head.origin in text.replace("\n", "") and head.root in text.replace("\n", "")
    assert "1234567" in lines and "2026-03-02 21:00:00" in lines
    assert (DEMO[speaking] in text) is simulated
    if simulated:
        assert DEMO[speaking] in lines[0], "first of all"


@pytest.mark.parametrize("speaking", LANGUAGES)
def test_the_codes_on_the_paper_are_the_three_lines(head_of: HeadOf, speaking: str) -> None:
    choose_language(speaking)
    head = head_of()
    text = slip_text(head, SHANGHAI, simulated=True)
    assert "".join(texts_in(modules(text.splitlines()))) == f"{head.origin}\n1234\n{head.root}\n"


def test_a_console_without_half_blocks_gets_the_words_alone(head_of: HeadOf) -> None:
    text = slip_text(head_of(), SHANGHAI, simulated=False, encoding="gbk")
    text.encode("gbk")
    assert head_of().root[:32] in text and "█" not in text


@pytest.mark.parametrize("simulated", [False, True])
@pytest.mark.parametrize("speaking", LANGUAGES)
def test_the_printers_bytes(head_of: HeadOf, speaking: str, simulated: bool) -> None:
    choose_language(speaking)
    head = head_of()
    paper = Paper.printed(slip_escpos(head, SHANGHAI, simulated=simulated))
    assert max(map(cells, paper.lines)) <= 32
    together = "".join(paper.lines)
    assert head.origin in together and head.root in together and "1234" in paper.lines
    assert (DEMO[speaking] in paper.lines[0]) is simulated and paper.centred[0]
    assert paper.codes == [head.note]
    assert (paper.model, paper.correction) == (50, 48), "model 2, level L"
    assert paper.dots == 5, "57 modules and 8 of quiet zone in 384 dots"
    assert paper.fed >= 3


def test_both_slips_say_the_same(head_of: HeadOf) -> None:
    choose_language("zh_CN")
    head = head_of()
    paper = Paper.printed(slip_escpos(head, SHANGHAI, simulated=True))
    printed = [line.strip() for line in paper.lines[: paper.lines.index(head.origin[:32])]]
    text = [line.strip() for line in slip_text(head, SHANGHAI, simulated=True).splitlines()]
    assert text[: len(printed)] == printed
