"""Papers: what the font lacks, what folds, and how little of the font is carried along."""

from __future__ import annotations

import re
import zlib

from agent.papers.pdf import GETA, Line, lacking, strip
from agent.papers.strip import apart, cells, wrapped


def test_what_the_font_lacks_is_named_and_shown_as_geta() -> None:
    name = "李\U00020bb7"  # 𠮷 is outside the plane that the font covers
    assert lacking(name + "abc¥−，。退货é") == "𠮷"
    raw, lacks = strip([Line(name, "x")], "title")
    assert lacks == "𠮷" and lacking(GETA) == ""
    assert strip([Line("李")], "title")[1] == ""
    assert raw == strip([Line(name, "x")], "title")[0]


def test_only_the_signs_that_are_used_are_embedded() -> None:
    few, many = strip([Line("退")], "t")[0], strip([Line("退货凭条金额商户终端卡号时间状态")], "t")[0]
    assert len(few) < len(many) < 60_000
    assert re.search(rb"/FontFile2", few)


def test_a_title_or_a_text_is_no_name_of_this_machine() -> None:
    raw = strip([Line("x")], "t")[0]
    plain = raw + b"".join(_unpacked(raw))
    assert b"/home/" not in plain and b"ReportLab http" not in plain.replace(b"ReportLab Generated", b"")


def _unpacked(raw: bytes) -> list[bytes]:
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return found


def test_labels_and_values_stand_apart_or_below_each_other() -> None:
    assert apart("金额", "¥1.00", 16) == ["金额       ¥1.00"]
    assert apart("Reference", "0" * 32, 32) == ["Reference", "0" * 32]
    for columns in (32, 48):
        assert all(cells(line) <= columns for line in wrapped("这笔退款一般在三个工作日内到账，" * 5, columns))
