"""`counterfoil journal head`: the head on its way out of the house, and back in (`journal verify --head`)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import click

from agent.commands.options import as_json, home_of, iso, say_json, say_nature
from agent.custody import head_code
from agent.errors import CounterfoilError, JournalError
from agent.journal import heads, keys
from agent.journal.reader import open_reader
from agent.language import _
from agent.views import Head

_BELOW = 2
"""Lines of a window under a code: what it is, and the prompt."""


@click.command()
@click.option("--qr", is_flag=True, help="As a code to photograph: the signed head where the window has room for it.")
@click.option(
    "--ascii", "ascii_only", is_flag=True, help="--qr without half blocks, for terminals that draw them badly."
)
@click.option("--qr-file", type=click.Path(path_type=Path), help="The code as a picture: FILE.svg or FILE.png.")
@click.option("--slip", metavar="FILE", help="A slip of paper 58 mm wide as text of 32 columns (-: standard output).")
@click.option("--escpos", is_flag=True, help="--slip as ESC/POS, for the printer itself.")
@as_json
@click.pass_context
def head(
    ctx: click.Context,
    *,
    qr: bool,
    ascii_only: bool,
    qr_file: Path | None,
    slip: str | None,
    escpos: bool,
    as_json: bool,
) -> None:
    """The last signed head: a C2SP checkpoint, and the key that verifies it.

    \b
    Examples: keep it elsewhere, and compare later
      counterfoil journal head > head.note
      counterfoil journal verify --head head.note
      counterfoil journal head --qr
      counterfoil journal head --slip /dev/usb/lp0 --escpos
    """
    if sum((qr, qr_file is not None, slip is not None, as_json)) > 1:
        raise click.UsageError(_("--qr, --qr-file, --slip and --json are four answers; ask for one."))
    if (ascii_only and not qr) or (escpos and slip is None):
        raise click.UsageError(_("--ascii belongs to --qr, and --escpos to --slip."))
    home = home_of(ctx)
    settings = home.settings()
    if not as_json:
        say_nature(settings.simulated)
    with closing(open_reader(home.journal, keys.verifying_key(home.path))) as found:
        last = found.head
    shown = Head(last.origin, last.size, last.root_base64, last.at, last.note)
    if qr:
        _print_code(shown, simulated=settings.simulated, ascii_only=ascii_only)
    elif qr_file is not None:
        _write_code(shown, qr_file, simulated=settings.simulated)
    elif slip is not None:
        _write_slip(shown, slip, settings.time_zone, simulated=settings.simulated, escpos=escpos)
    elif as_json:
        say_json(
            {
                "simulated": settings.simulated,
                "origin": last.origin,
                "size": last.size,
                "root": last.root_base64,
                "at": iso(last.at),
                "vkey": last.vkey,
                "note": last.note,
            }
        )
    else:
        click.echo(last.note, nl=False)
        click.echo(_("Key: {vkey}").format(vkey=last.vkey), err=True)


def _print_code(head: Head, *, simulated: bool, ascii_only: bool) -> None:
    """The head as a code: the best for the window's size; to a file or pipe, which have none, the whole note.

    Raises CounterfoilError where the window is too small for any.
    """
    ascii_only = ascii_only or not head_code.draws_blocks(sys.stdout.encoding)
    on_a_terminal = sys.stdout.isatty()
    code = _for_window(head.note, ascii_only=ascii_only) if on_a_terminal else head_code.code_of(head.note)
    if head_code.is_signed(code.text):
        click.echo(_("The code holds the whole signed head."), err=True)
    else:
        click.echo(_("The code holds the head without its signature; a larger window shows the signed one."), err=True)
    if on_a_terminal and os.environ.get("TERM", "dumb") != "dumb":
        lines = head_code.coloured(code.drawn, ascii_only=ascii_only)
    else:
        lines = head_code.hashes(code.drawn) if ascii_only else head_code.half_blocks(code.drawn)
    about = _("{size} entries, root {root}").format(size=head.size, root=head.root[:8])
    click.echo("\n".join([*lines, f"{_('DEMO')}  {about}" if simulated else about]))


def _for_window(note: str, *, ascii_only: bool) -> head_code.Code:
    window = shutil.get_terminal_size()
    across, down = (2, 1) if ascii_only else (1, 2)  # columns of a module, modules of a line
    found = head_code.fitting(note, window.columns // across, (window.lines - _BELOW) * down)
    if found is None:
        side = head_code.least_side(note)
        raise CounterfoilError(
            _(
                "The code needs a window of {columns} columns and {lines} lines; this one has {width} and {height}."
            ).format(columns=side * across, lines=-(-side // down) + _BELOW, width=window.columns, height=window.lines),
            _("Make it larger, or write the code to a file: counterfoil journal head --qr-file head.png"),
        )
    return found


def _write_code(head: Head, file: Path, *, simulated: bool) -> None:
    """The whole signed head as a picture, by the file's name SVG or PNG. Raises click.BadParameter, CounterfoilError."""
    kind = file.suffix.lower().removeprefix(".")
    if kind not in {"svg", "png"}:
        raise click.BadParameter(_("the name ends neither in .svg nor in .png"), param_hint="--qr-file")
    drawn = BytesIO()
    head_code.draw(head.note, drawn, kind, simulated=simulated)
    _write(file, drawn.getvalue())


def _write_slip(head: Head, file: str, zone: str, *, simulated: bool, escpos: bool) -> None:
    """A slip to a file, a printer's device, or `-`. zone: the merchant's time zone. Raises CounterfoilError."""
    from agent.custody import head_slip  # noqa: PLC0415

    to_stdout = file == "-"
    if escpos:
        raw = head_slip.slip_escpos(head, zone, simulated=simulated)
    else:
        encoding = sys.stdout.encoding if to_stdout else "utf-8"
        raw = head_slip.slip_text(head, zone, simulated=simulated, encoding=encoding).encode(encoding, "replace")
    if to_stdout:
        click.echo(raw, nl=False)
    else:
        _write(Path(file), raw)


def _write(file: Path, raw: bytes) -> None:
    try:
        file.write_bytes(raw)
    except OSError as error:
        raise CounterfoilError(
            _("The file {file} cannot be written: {reason}.").format(file=file, reason=error.strerror),
            _("Name another one, or give this user the right to write there."),
        ) from None


def told_heads(files: Iterable[Path]) -> dict[str, str]:
    """What stands in the files that a person names: file → a head, signed or not. Raises JournalError."""
    found = {}
    for file in files:
        try:
            found[str(file)] = heads.read_note(file)
        except OSError as error:
            raise JournalError(
                _("The head {file} cannot be read: {reason}.").format(file=file, reason=error.strerror),
                _("Name a file that holds a checkpoint, as `journal head` prints it."),
            ) from None
        if not heads.tells_of_a_head(found[str(file)]):
            raise JournalError(
                _("The file {file} holds no head of a journal.").format(file=file),
                _("Name one as `journal head` prints it, or with its three lines: origin, size, root."),
            )
    return found


def told_document(told: Iterable[heads.Compared]) -> list[dict[str, object]]:
    """The heads that a person gave, and what the journal is against each."""
    return [
        {"source": each.source, "size": each.size, "verdict": each.verdict.value, "unsigned": each.unsigned}
        for each in told
    ]


def say_told(told: Iterable[heads.Compared], *, ok: bool) -> None:
    """The same in words; what does not fit is a finding, and said as such. ok: nothing at all was found."""
    for each in told:
        if ok:
            words = _("{file}: the journal holds the {size} entries of that head, unchanged.")
            click.echo(words.format(file=each.source, size=each.size))
        if each.unsigned:
            click.echo(
                _("{file}: nobody signed that head; it is worth what its keeper's word is.").format(file=each.source)
            )
