"""`counterfoil journal export`: the whole record, for tools that are not ours."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from agent.commands.options import as_json, home_of, iso, say_json, say_nature
from agent.commands.progress import progress_bar
from agent.journal import keys, tiles
from agent.journal.reader import open_reader
from agent.language import _


@click.command()
@click.option(
    "--tiles", "folder", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new or an empty folder."
)
@as_json
@click.pass_context
def export(ctx: click.Context, *, folder: Path, as_json: bool) -> None:
    """The whole record as a static log (C2SP tlog-tiles): every entry, its hashes, the last signed head and its key.

    Anyone can check it without counterfoil: docs/verify.md shows how. Names and free texts that stand outside the entries
    are not exported; an entry holds their salted hashes alone.

    \b
    Example:
      counterfoil journal export --tiles record
    """
    home = home_of(ctx)
    simulated = home.settings().simulated
    if not as_json:
        say_nature(simulated)
    with (
        closing(open_reader(home.journal, keys.verifying_key(home.path))) as found,
        progress_bar(_("Exporting")) as bar,
    ):
        done = tiles.export(found, folder, simulated=simulated, progress=bar)
    head = done.head
    if as_json:
        say_json(
            {
                "simulated": simulated,
                "folder": str(folder.resolve()),
                "origin": head.origin,
                "size": head.size,
                "root": head.root_base64,
                "at": iso(head.at),
                "vkey": head.vkey,
                "files": done.files,
                "bytes": done.bytes,
            }
        )
        return
    told = _("{folder} holds all {size} entries now, in {files} files of {bytes} bytes. Root {root}")
    click.echo(
        told.format(folder=folder, size=head.size, files=done.files, bytes=f"{done.bytes:,}", root=head.root_base64)
    )
    click.echo(_("Names and free texts that stand outside the entries are not in it."))
