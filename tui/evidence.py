"""What the Evidence screen says and draws: functions of a view and a room."""

from __future__ import annotations

from base64 import b64decode
from functools import lru_cache
from pathlib import Path

from rich.cells import cell_len
from textual.content import Content

from agent.custody.head_code import Code, fitting, half_blocks
from agent.notices import source_words, verdict_words
from agent.views import RememberedHead, translator
from tui.console import drawable
from tui.feed import View
from tui.figures import clock, date, plain
from tui.layout import fit, spread, wrap

_ = translator(Path(__file__).parent)

INK = "#000000 on #ffffff"
"""Of a code, whatever the theme: a reader wants dark on light."""


@lru_cache(maxsize=4)
def _fitting(note: str, across: int, down: int) -> Code | None:
    """As `fitting`; a code is made once, and painted often."""
    return fitting(note, across, down) if note else None


def code_lines(note: str, columns: int, rows: int) -> list[Content]:
    """The best code of a head for a room of so many cells, every line as wide as the code; none where none fits."""
    if drawable("▀▄█"):
        code = _fitting(note, columns, 2 * rows)
        return [] if code is None else [Content.styled(line, INK) for line in half_blocks(code.drawn)]
    code = _fitting(note, columns // 2, rows)
    if code is None:
        return []
    return [Content.assemble(*(("  ", "on #000000" if dark else "on #ffffff") for dark in row)) for row in code.drawn]


def alone(view: View, columns: int, rows: int) -> list[Content]:
    """A whole screen with the code in its middle, and in the last line's end what leads back: of the code only light modules
    stand in that line, and at its left end, where readers look for a corner, nothing else does."""
    status = view.status
    note = "" if status is None else status.head.note
    drawn = code_lines(note, columns, rows if drawable("▀▄█") else rows - 1)
    if not drawn:
        drawn = [Content(line) for line in wrap(too_small(), columns)]
    back = _("any key: back")
    if status is not None and status.simulated:
        back = f"{_('DEMO')}  {back}"
    above = [Content("")] * max(0, (rows - 1 - len(drawn)) // 2)
    left = (columns - drawn[0].cell_length) // 2
    lines = [*above, *(Content(" " * left) + line for line in drawn)][:rows]
    lines += [Content("")] * (rows - len(lines))
    end = lines[-1].plain.rstrip()
    if cell_len(end) + cell_len(back) < columns:
        lines[-1] = Content(end + " " * (columns - cell_len(end) - cell_len(back)) + back)
    return lines


def too_small() -> str:
    return _("This window is too small for a code. Make it larger, or print a slip: counterfoil journal head --slip")


def facts(view: View, remembered: tuple[RememberedHead, ...] | None, width: int, *, beside_code: bool) -> list[Content]:
    """The head, and the heads that the home remembers (None: not known yet)."""
    status = view.status
    if status is None:
        return []
    head = status.head
    alone = [Content(line) for line in wrap(_("Enter, or a touch: the code alone."), width)]
    lines = [] if beside_code else [*alone, Content("")]
    lines += [_title(_("The record's last signed head"), width)]
    lines += [
        Content(spread(label, value, width))
        for label, value in (
            (_("Entries"), f"{head.size:,}"),
            (_("Signed"), f"{date(head.at)} {clock(head.at, seconds=True)}"),
            (_("Key"), key_id(head.note) or "-"),
        )
    ]
    lines.append(Content.styled(_("Root"), "$quiet"))
    root = wrap(head.root, width)
    lines += [Content.assemble((root[0][:8], "bold"), root[0][8:]), *map(Content, root[1:])]
    lines.append(Content.styled(_("Origin"), "$quiet"))
    lines += map(Content, wrap(plain(head.origin), width))
    if remembered:
        lines += [Content(""), _title(_("Heads remembered"), width)]
        for each in remembered:
            lines += _remembered(each, width)
    hint = _("Photograph the code, and keep the photo elsewhere: it shows later whether the record was changed.")
    lines += [Content(""), *(Content.styled(line, "$quiet") for line in wrap(hint, width))]
    return lines + (alone if beside_code else [])


def _title(text: str, width: int) -> Content:
    return Content.styled(fit(text, width), "bold $key")


def _remembered(head: RememberedHead, width: int) -> list[Content]:
    size = "-" if head.size is None else f"{head.size:,}"
    where = plain(source_words(head.source))
    if head.fits:
        return [Content(spread(where, f"{size}  {_('fits')}", width))]
    first = Content.styled(spread(f"! {where}", size, width), "bold $bad")
    return [first, *(Content.styled(f"  {line}", "$bad") for line in wrap(verdict_words(head.verdict), width - 2))]


def key_id(note: str) -> str | None:
    """The key's ID (C2SP signed-note: the first four bytes of a signature line) of the first signature, as hex."""
    _text, _blank, signatures = note.partition("\n\n")
    parts = signatures.split("\n", 1)[0].split(" ")
    try:
        return b64decode(parts[2])[:4].hex()
    except (IndexError, ValueError):
        return None
