"""The head on its way out (codes, slips) and back in (`verify --head`), by the command line."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import zlib
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.custody.head_code import draw
from tests.codes import modules, texts_in
from tests.conftest import refused, run_counterfoil


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("head") / "H"
    result = run_counterfoil("--home", str(home), "demo", "--headless", "--transactions", "5", "--seed", "3")
    assert result.returncode == 0, result.stderr
    return home


@pytest.fixture(scope="module")
def note(home: Path) -> str:
    return run_counterfoil("--home", str(home), "journal", "head").stdout


def three_lines(note: str) -> str:
    return "".join(f"{line}\n" for line in note.split("\n")[:3])


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_counterfoil("--home", str(home), "--lang", "en", "journal", *arguments, **environment)


def on_a_terminal(home: Path, columns: int, lines: int, *arguments: str) -> tuple[int, str]:
    """Exit code and all that a terminal of that size was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
    environment |= {"TERM": "xterm", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "agent", "--home", str(home), "--lang", "en", "journal", "head", *arguments]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    return process.wait(), said.decode().replace("\r\n", "\n")


def test_a_code_in_a_pipe_is_the_whole_note(home: Path, note: str) -> None:
    said = run(home, "head", "--qr")
    assert said.returncode == 0 and "whole signed head" in said.stderr and "DEMO" in said.stderr
    *code, about = said.stdout.splitlines()
    assert texts_in(modules(code)) == [note]
    assert about == f"DEMO  {note.split()[1]} entries, root {note.split()[2][:8]}"
    spelled = run(home, "head", "--qr", PYTHONIOENCODING="ascii").stdout
    assert spelled.isascii() and run(home, "head", "--qr", "--ascii").stdout == spelled
    rows = [[int(pair == "##") for pair in re.findall("..", line)] for line in spelled.splitlines()[:-1]]
    assert texts_in(rows) == [note]


@pytest.mark.parametrize(
    ("columns", "lines", "signed"), [(40, 22, False), (80, 24, False), (120, 40, True), (65, 35, True), (65, 34, False)]
)
def test_a_code_on_a_terminal_fits_its_window(home: Path, note: str, columns: int, lines: int, signed: bool) -> None:
    code, said = on_a_terminal(home, columns, lines, "--qr")
    assert code == 0
    window = said.split("\n")[-lines:]  # what still stands when the prompt does
    drawn = [
        line.removeprefix("\x1b[30;47m").removesuffix("\x1b[0m") for line in window if line.startswith("\x1b[30;47m")
    ]
    assert texts_in(modules(drawn)) == [note if signed else three_lines(note)]
    assert max(map(len, drawn)) <= columns and window[-1] == "" and window[-2].startswith("DEMO")
    assert ("without its signature" in said) is not signed


@pytest.mark.parametrize(("columns", "lines", "arguments"), [(40, 20, []), (38, 24, []), (80, 30, ["--ascii"])])
def test_a_window_too_small_is_said(home: Path, columns: int, lines: int, arguments: list[str]) -> None:
    code, said = on_a_terminal(home, columns, lines, "--qr", *arguments)
    assert code == 3 and f"this one has {columns} and {lines}." in said and "\x1b[30" not in said
    needed = re.search(r"window of (\d+) columns and (\d+) lines", said)
    assert needed is not None
    code, _said = on_a_terminal(home, int(needed[1]), int(needed[2]), "--qr", *arguments)
    assert code == 0, "as large as was asked for"


def test_a_picture_is_the_whole_note(home: Path, note: str, tmp_path: Path) -> None:
    for name in ("head.svg", "head.PNG"):
        said = run(home, "head", "--qr-file", str(tmp_path / name))
        assert (said.returncode, said.stdout) == (0, "") and "DEMO" in said.stderr
    for ground, rows in (
        of_png((tmp_path / "head.PNG").read_bytes()),
        of_svg((tmp_path / "head.svg").read_bytes()),
    ):
        assert texts_in(rows) == [note]
        assert ground == "#ffd479", "a demo's picture does not look like a real one"


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_real_homes_picture_is_black_on_white(note: str, kind: str) -> None:
    file = BytesIO()
    draw(note, file, kind, simulated=False)
    ground, rows = (of_svg if kind == "svg" else of_png)(file.getvalue())
    assert ground == "#ffffff" and texts_in(rows) == [note]
    assert not any(map(any, rows[:4])) and any(rows[4]) and not any(any(row[:4]) for row in rows), (
        "the quiet zone is in it"
    )


def of_png(raw: bytes) -> tuple[str, list[list[int]]]:
    """PNG (W3C, third edition) of one bit a pixel, grey or of two colours: its light colour, and the modules, 8 px each."""
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {b"IDAT": b""}
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        kind, data = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        chunks[kind] = chunks.get(kind, b"") + data
        at += 12 + length
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 1 and colour in (0, 3) and rest == [0, 0, 0]
    palette = [chunks.get(b"PLTE", b"\0\0\0\xff\xff\xff")[i : i + 3] for i in (0, 3)]
    dark = palette.index(b"\0\0\0")
    pixels, stride = zlib.decompress(chunks[b"IDAT"]), 1 + (width + 7) // 8
    rows, above = [], bytes(stride - 1)
    for y in range(height):
        how, row = pixels[stride * y], pixels[stride * y + 1 : stride * (y + 1)]
        assert how in (0, 2), "filters None and Up"
        above = bytes((a + b) % 256 for a, b in zip(row, above, strict=True)) if how == 2 else row
        rows.append([int((above[x // 8] >> 7 - x % 8 & 1) == dark) for x in range(0, width, 8)])
    return f"#{palette[1 - dark].hex()}", rows[::8]


def of_svg(raw: bytes) -> tuple[str, list[list[int]]]:
    """A ground of one colour and black lines of width 1 on it, as M, m and h draw them (SVG 1.1, 8.3)."""
    picture = ElementTree.fromstring(raw)
    ground, lines = picture.iter("{http://www.w3.org/2000/svg}path")
    assert lines.get("stroke") == "#000"
    fill = ground.get("fill") or ""
    colour = "#" + "".join(2 * digit for digit in fill[1:]) if len(fill) == 4 else fill
    side = int(re.fullmatch(r"M0 0h(\d+)v\1h-\1z", ground.get("d") or "")[1])  # type: ignore[index]
    rows = [[0] * side for _ in range(side)]
    x, y = 0.0, 0.0
    for letter, numbers in re.findall(r"([Mmh])([-\d. ]+)", lines.get("d") or ""):
        given = [float(number) for number in numbers.split()]
        if letter == "h":
            rows[int(y)][int(x) : int(x + given[0])] = [1] * int(given[0])
            x += given[0]
        else:
            x, y = (given[0], given[1]) if letter == "M" else (x + given[0], y + given[1])
    return colour, rows


def test_slips(home: Path, note: str, tmp_path: Path) -> None:
    shown = run(home, "head", "--slip", "-")
    written = run(home, "head", "--slip", str(tmp_path / "slip.txt"))
    assert shown.returncode == written.returncode == 0 and written.stdout == ""
    assert (tmp_path / "slip.txt").read_text(encoding="utf-8") == shown.stdout
    assert shown.stdout.startswith("DEMO") and "2026-03-02" in shown.stdout
    assert "".join(texts_in(modules(shown.stdout.splitlines()))) == three_lines(note)
    chinese = [
        "--home",
        str(home),
        "--lang",
        "zh_CN",
        "journal",
        "head",
        "--slip",
        str(tmp_path / "slip.bin"),
        "--escpos",
    ]
    assert run_counterfoil(*chinese).returncode == 0
    raw = (tmp_path / "slip.bin").read_bytes()
    assert "演练".encode("gbk") in raw and note.encode() in raw


def test_what_stands_on_a_slip_verifies_when_it_is_typed_in(home: Path, note: str, tmp_path: Path) -> None:
    lines = run(home, "head", "--slip", "-").stdout.splitlines()
    origin, entries, root, time = (lines.index(label) for label in ("Origin:", "Entries:", "Root:", "Time:"))
    typed = [*lines[origin + 1 : entries], *lines[entries + 1 : root], *lines[root + 1 : time]]
    (tmp_path / "typed").write_text("\n".join(typed), encoding="utf-8")
    said = run(home, "verify", "--head", str(tmp_path / "typed"))
    assert said.returncode == 0, said.stderr
    assert "nobody signed that head" in said.stdout and f"the {note.split()[1]} entries" in said.stdout
    told = json.loads(run(home, "verify", "--head", str(tmp_path / "typed"), "--json").stdout)["heads"]
    assert told == [
        {"source": str(tmp_path / "typed"), "size": int(note.split()[1]), "verdict": "same", "unsigned": True}
    ]


def test_a_signed_head_is_not_called_unsigned(home: Path, note: str, tmp_path: Path) -> None:
    (tmp_path / "signed").write_text(note, encoding="utf-8")
    said = run(home, "verify", "--head", str(tmp_path / "signed"))
    assert said.returncode == 0 and "nobody" not in said.stdout


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        (lambda origin, size, root: (origin, str(int(size) + 1), root), "cut", "were signed"),
        (lambda origin, size, root: (origin, "1", root), "forked", "not those that were signed"),
        (lambda origin, size, root: (origin[:-1] + "2", size, root), "foreign", "of another journal"),
    ],
    ids=["cut", "forked", "foreign"],
)
def test_three_lines_that_do_not_fit_are_a_no(
    home: Path, note: str, tmp_path: Path, change: object, verdict: str, words: str
) -> None:
    lines = change(*note.split()[:3])  # type: ignore[operator]
    (tmp_path / "told").write_text("\n".join(lines), encoding="utf-8")
    said = run(home, "verify", "--head", str(tmp_path / "told"))
    assert said.returncode == 1 and words in said.stdout and "nobody signed that head" in said.stdout
    document = json.loads(run(home, "verify", "--head", str(tmp_path / "told"), "--json").stdout)
    assert document["heads"][0]["verdict"] == verdict and not document["ok"]
    assert [finding["place"] for finding in document["findings"]] == [f"remembered:{tmp_path / 'told'}"]


def test_a_file_named_like_a_head_of_the_home_does_not_stand_for_it(home: Path, note: str, tmp_path: Path) -> None:
    """`--head local` must not take the place of heads/local.note."""
    local = home / "heads" / "local.note"
    kept = local.read_text(encoding="utf-8")
    try:
        local.write_text(note.replace(note.split()[2], "A" * 43 + "="), encoding="utf-8")
        (tmp_path / "local").write_text(note, encoding="utf-8")
        command = [sys.executable, "-m", "agent", "--home", str(home), "journal", "verify", "--head", "local", "--json"]
        found = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert found.returncode == 1
    finally:
        local.write_text(kept, encoding="utf-8")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00\x01" * 64, b"a" * 1_000_000, b"7\n" * 500_000, "头\n".encode("gbk"), b"no head\n", None],
    ids=["empty", "binary", "1 MB", "1 MB of lines", "GBK", "text", "a folder"],
)
def test_a_head_file_that_is_none(home: Path, tmp_path: Path, content: bytes | None) -> None:
    given = tmp_path / "given"
    if content is None:
        given.mkdir()
    else:
        given.write_bytes(content)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.suffix not in {".db-shm"}}
    said = run(home, "verify", "--head", str(given))
    refused(said, 3, str(given))
    assert said.stdout == ""
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.suffix not in {".db-shm"}} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--qr", "--json"],
        ["--qr", "--slip", "-"],
        ["--escpos"],
        ["--ascii"],
        ["--qr-file", "head.jpg"],
        ["--qr-file", "head"],
    ],
    ids=" ".join,
)
def test_wrong_usage(home: Path, arguments: list[str]) -> None:
    said = run(home, "head", *arguments)
    assert said.returncode == 2 and said.stdout == "" and "Traceback" not in said.stderr


def test_a_file_that_cannot_be_written(home: Path, tmp_path: Path) -> None:
    for arguments in (["--qr-file", str(tmp_path / "none" / "a.png")], ["--slip", str(tmp_path)]):
        said = run(home, "head", *arguments)
        assert said.returncode == 3 and "cannot be written" in said.stderr and "Traceback" not in said.stderr
