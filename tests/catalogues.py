"""The Chinese catalogues, held against the source: `python -m tests.catalogues` brings them up to date and compiles them.

A room (`agent`, `tui`) keeps one in locales/zh_CN/LC_MESSAGES/<room>.po; its msgids are the English texts of the source, in
the order of the source. It holds no date and no name, so that the same texts give the same two files on any machine.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

HOUSE = Path(__file__).parents[1]
ROOMS = ("agent", "tui")
HEADER = """\
Language: zh_CN
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
Plural-Forms: nplurals=1; plural=0;
"""


def po_path(room: str) -> Path:
    return HOUSE / room / "locales" / "zh_CN" / "LC_MESSAGES" / f"{room}.po"


def said_in(folder: Path) -> dict[str, list[str]]:
    """The texts that a package says, and the files that say them: the first arguments of `_` and `N_`, in order.

    Raises ValueError at an argument that is no literal, except in a module whose literals `N_` marks.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _name(node) in {"_", "N_"}]
        marks = any(_name(call) == "N_" for call in calls)
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            (argument,) = call.args
            if isinstance(argument, ast.Constant):
                files = found.setdefault(argument.value, [])
                if (file := path.relative_to(folder).as_posix()) not in files:
                    files.append(file)
            elif not (marks and _name(call) == "_"):
                raise ValueError(f"{path}:{call.lineno}: only a literal can be translated")
    return found


def _name(node: ast.AST) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def read(room: str) -> Catalog:
    """The catalogue as it stands, empty where there is none. Raises babel's PoFileError."""
    if not po_path(room).exists():
        return Catalog(locale="zh_CN")
    with po_path(room).open("rb") as file:
        return read_po(file, locale="zh_CN", abort_invalid=True)


def texts(catalogue: Catalog) -> dict[str, str]:
    """English to Chinese."""
    return {str(message.id): str(message.string) for message in catalogue if message.id}


def renewed(room: str) -> Catalog:
    """What the source says, with the translations that stand. What is new has none, what is no longer said is left out."""
    told = texts(read(room))
    new = Catalog(locale="zh_CN")
    for text, files in said_in(HOUSE / room).items():
        new.add(text, told.get(text, ""), locations=[(file, 0) for file in files])
    return new


def written(catalogue: Catalog) -> bytes:
    """The .po file. Babel's own header would hold the time and empty names."""
    file = io.BytesIO()
    write_po(file, catalogue, width=0, omit_header=True, include_lineno=False)
    header = "".join(f'"{line}\\n"\n' for line in HEADER.splitlines())
    about = "# Simplified Chinese. The msgids are the English texts of the source.\n"
    return f'{about}msgid ""\nmsgstr ""\n{header}\n'.encode() + file.getvalue()


def faults(room: str) -> list[str]:
    """What is wrong with a room's catalogue or its compiled file; empty if nothing is."""
    catalogue, said = read(room), said_in(HOUSE / room)
    told = texts(catalogue)
    with po_path(room).with_suffix(".mo").open("rb") as file:
        compiled = texts(read_mo(file))
    return [
        *(f"not in the catalogue: {text}" for text in said if text not in told),
        *(f"nobody says it any more: {text}" for text in told if text not in said),
        *(f"kept though obsolete: {text}" for text in catalogue.obsolete),
        *(f"fuzzy: {message.id}" for message in catalogue if message.fuzzy and message.id),
        *(f"no translation: {text}" for text, chinese in told.items() if not chinese.strip()),
        *(f"other placeholders: {text}" for text, chinese in told.items() if _holes(text) != _holes(chinese)),
        *(f"not compiled: {text}" for text, chinese in told.items() if compiled.get(text) != chinese),
        *(f"compiled, and not in the catalogue: {text}" for text in compiled if text not in told),
    ]


def _holes(text: str) -> list[str]:
    return sorted(re.findall(r"{\w*}", text))


class _Plain(Catalog):
    """For `write_mo`: HEADER in the place of Babel's."""

    def __iter__(self) -> Iterator[Message]:
        yield Message("", HEADER)
        yield from (message for message in super().__iter__() if message.id)


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file."""
    plain = _Plain(locale="zh_CN")
    for english, chinese in texts(catalogue).items():
        plain.add(english, chinese)
    file = io.BytesIO()
    write_mo(file, plain)
    return file.getvalue()


def main() -> int:
    """Says on stderr what lacks a translation; exit 1 then."""
    lacking: list[str] = []
    for room in ROOMS:
        catalogue = renewed(room)
        po_path(room).parent.mkdir(parents=True, exist_ok=True)
        po_path(room).write_bytes(written(catalogue))
        po_path(room).with_suffix(".mo").write_bytes(compiled(catalogue))
        lacking += [f"{po_path(room)}: {text}" for text, chinese in texts(catalogue).items() if not chinese]
    print("\n".join(lacking), end="\n" if lacking else "", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
