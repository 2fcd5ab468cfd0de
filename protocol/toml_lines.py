"""Which line of a TOML text a table or key stands on: `tomllib` tells that of a syntax error alone.

Only a text that `tomllib` has read is looked at, so every line is either inside a value that began above, a table's header,
or `key = value`. A path is the keys from the top, with the place of an array's table, counted from 0: `("step", 2, "do")`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w.-]|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=""")
_PART = re.compile(r"""[\w-]+|"([^"]*)"|'([^']*)'""")
_OF_A_VALUE = re.compile(
    r"(?P<multi>\"\"\"|''')" + r"|\"(?:[^\"\\]|\\.)*\"" + r"|'[^']*'" + r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<end>#)"
)


def lines_of(text: str) -> Mapping[Path, int]:
    """Path -> line, from 1. A key inside an inline table has none of its own: see `line_of`."""
    found: dict[Path, int] = {}
    table: Path = ()
    arrays: dict[Path, int] = {}
    quote, depth = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if quote or depth:
            quote, depth = _after(line, quote, depth)
        elif header := _HEADER.match(line):
            keys = _parts(header[2])
            if header[1] == "[[":
                arrays[keys] = arrays.get(keys, -1) + 1
                for inner in [each for each in arrays if each[: len(keys)] == keys and each != keys]:
                    del arrays[inner]  # a new table's own arrays begin anew
            table = _placed(keys, arrays)
            found[table] = number
            for path in (*(table[:length] for length in range(1, len(table))), keys):
                found.setdefault(path, number)
        elif key := _KEY.match(line):
            path = (*table, *_parts(key[1]))
            found[path] = number
            for length in range(len(table) + 1, len(path)):
                found.setdefault(path[:length], number)
            quote, depth = _after(line[key.end() :], "", 0)
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Of that path, or of the nearest above it that has one; 1 for what is missing at the top."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _parts(dotted: str) -> Path:
    return tuple(m[1] or m[2] or m[0] for m in _PART.finditer(dotted))


def _placed(keys: Path, arrays: Mapping[Path, int]) -> Path:
    """The header's keys with the place of the latest table of each array on the way."""
    placed: list[str | int] = []
    for end, key in enumerate(keys, 1):
        placed.append(key)
        if (place := arrays.get(keys[:end])) is not None:
            placed.append(place)
    return tuple(placed)


def _after(line: str, quote: str, depth: int) -> tuple[str, int]:
    """What is still open at the end of a line: the quotes of a string over several lines, and how many brackets."""
    at = 0
    while at < len(line):
        if quote:
            end = line.find(quote, at)
            if end < 0:
                return quote, depth
            if quote == '"""' and _escaped(line, end):
                at = end + 1
                continue
            at, quote = end + 3, ""
            continue
        token = _OF_A_VALUE.search(line, at)
        if token is None or token["end"]:
            return "", depth
        at = token.end()
        if token["multi"]:
            quote = token["multi"]
        depth += bool(token["open"]) - bool(token["close"])
    return quote, depth


def _escaped(line: str, at: int) -> bool:
    before = line[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
