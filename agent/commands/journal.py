"""`counterfoil journal`: the signed record itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from agent.commands.journal_custody import backup, erase, restore, rotate_key
from agent.commands.journal_export import export
from agent.commands.journal_head import head, say_told, told_document, told_heads
from agent.commands.options import as_json, home_of, iso, say_json, say_nature, vkey_told
from agent.commands.progress import progress_bar
from agent.commands.views import say_views, views_document
from agent.commands.witness import witness
from agent.custody.restore import key_of
from agent.home import Home
from agent.journal import engine, heads, keys
from agent.journal.entries import Entry
from agent.journal.proof import prove
from agent.journal.reader import Reader, open_reader
from agent.journal.verify import Report, verify_path
from agent.language import _
from agent.projection_check import ViewsReport, check_views


@click.group()
def journal() -> None:
    """The signed record: check it, prove it, copy it, keep its key."""


journal.add_command(export)
journal.add_command(head)
journal.add_command(witness)
for custody in (backup, restore, rotate_key, erase):
    journal.add_command(custody)


@contextmanager
def _reader(home: Home, *, as_json: bool) -> Iterator[Reader]:
    simulated = home.settings().simulated
    if not as_json:
        say_nature(simulated)
    with closing(open_reader(home.journal, keys.verifying_key(home.path))) as found:
        yield found


@journal.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--head",
    "head_files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A head remembered elsewhere (a checkpoint file, or its three lines); any number of times.",
)
@click.option("--vkey", help="The verifying key [default: PATH.vkey beside a copy, else keys/journal.vkey].")
@click.option("--strict", is_flag=True, help="Check the canonical form of every entry too.")
@click.option("--views", is_flag=True, help="Hold this home's views.db against the journal, too, row by row.")
@as_json
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    path: Path | None,
    head_files: tuple[Path, ...],
    vkey: str | None,
    strict: bool,
    views: bool,
    as_json: bool,
) -> None:
    """Hash every entry again and hold it against the signed heads. Exit 0: all is as it was signed; 1: it is not.

    PATH is a backup, or a journal.db of another home; it is copied first and stays as it is.

    \b
    Examples:
      counterfoil journal verify
      counterfoil journal verify --head printed.note --json
      counterfoil journal verify /media/usb/journal.db --vkey 'counterfoil/…'
    """
    home = home_of(ctx)
    own = path is None or (home.exists and path.resolve() == home.journal.resolve())
    if own:
        home.settings()
    elif views:
        raise click.BadParameter(_("only of this home's own journal, without a PATH"), param_hint="--views")
    target = home.journal if path is None else path
    told, remembered = told_heads(head_files), heads.remembered(target.parent)
    if not own:
        engine.require_journal(target)
    key = vkey_told(vkey) or (None if own else key_of(target, target.parent))
    with progress_bar(_("Verifying")) as bar:
        report = verify_path(target, own=own, key=key, heads=remembered, told=told, strict=strict, progress=bar)
    held = _views(home) if views and report.ok else None
    if as_json:
        say_json(_document(report) | ({} if held is None else {"views": views_document(held)}))
    else:
        _tell(report)
        say_told(report.told, ok=report.ok)
        if held is not None:
            say_views(held)
    ctx.exit(0 if report.ok and (held is None or held.ok) else 1)


def _views(home: Home) -> ViewsReport:
    """Not where the journal itself is not what was signed: nothing can be held against that."""
    key = keys.verifying_key(home.path)
    with closing(open_reader(home.journal, key)) as found, progress_bar(_("Comparing the views")) as bar:
        return check_views(home.views, found, home.settings().time_zone, bar)


def _document(report: Report) -> dict[str, object]:
    document: dict[str, object] = {
        "ok": report.ok,
        "size": report.size,
        "root": b64encode(report.root).decode(),
        "first_bad": report.first_bad,
        "findings": [
            {
                "place": finding.place,
                "seq": finding.seq,
                "what": finding.what,
                "todo": finding.todo,
                "since": None if finding.since is None else iso(finding.since),
            }
            for finding in report.findings
        ],
        "more_findings": report.more,
        "heads": told_document(report.told),
    }
    return document | ({"files": dict(report.files)} if report.files else {})


def _tell(report: Report) -> None:
    if report.ok:
        root = b64encode(report.root).decode()
        click.echo(_("All {size} entries are as they were signed. Root {root}").format(size=report.size, root=root))
    for finding in report.findings:
        click.echo(finding.what)
        if finding.since is not None:
            click.echo("  " + _("It happened after {time}.").format(time=iso(finding.since)))
        click.echo(f"  {finding.todo}")
    if report.more:
        click.echo(_("And {count} more findings.").format(count=report.more))
    for name, digest in report.files.items():
        click.echo(f"SHA-256 {name} {digest}")


@journal.command()
@click.option("--from", "start", type=click.IntRange(0, 2**53), help="First entry [default: the last 20].")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True)
@as_json
@click.pass_context
def log(ctx: click.Context, *, start: int | None, limit: int, as_json: bool) -> None:
    """Entries in their order."""
    with _reader(home_of(ctx), as_json=as_json) as found:
        first = max(0, found.size - limit) if start is None else start
        entries = list(found.entries(first, min(first + limit, found.size)))
    if as_json:
        say_json([_entry(entry) for entry in entries])
        return
    for entry in entries:
        event = entry.body.get("event", {}).get("number", "")
        click.echo(f"{entry.seq:>8}  {iso(entry.at)}  {entry.kind:<22} {event}".rstrip())


@journal.command()
@click.argument("seq", type=click.IntRange(0, 2**53))
@as_json
@click.pass_context
def show(ctx: click.Context, *, seq: int, as_json: bool) -> None:
    """One entry: the very bytes that its leaf hashes; with --json also what stands outside the leaf."""
    with _reader(home_of(ctx), as_json=as_json) as found:
        if as_json:
            say_json(_entry(found.entry(seq)) | {"salts": found.salts(seq)})
        else:
            click.echo(found.raw_entry(seq).decode())


@journal.command()
@click.argument("seq", type=click.IntRange(0, 2**53))
@as_json
@click.pass_context
def proof(ctx: click.Context, *, seq: int, as_json: bool) -> None:
    """A tlog-proof that entry SEQ stands under the last signed head; docs/verify.md shows how a stranger checks it.

    \b
    Example:
      counterfoil journal show 12 > entry.json
      counterfoil journal proof 12 > entry.tlog-proof
    """
    with _reader(home_of(ctx), as_json=as_json) as found:
        made = prove(found, seq)
        vkey = str(found.key)
    if as_json:
        hashes = [b64encode(each).decode() for each in made.hashes]
        say_json({"index": made.index, "hashes": hashes, "checkpoint": made.note, "vkey": vkey})
    else:
        click.echo(made.text, nl=False)


@journal.command()
@as_json
@click.pass_context
def rebuild(ctx: click.Context, *, as_json: bool) -> None:
    """Throw views.db away and make it anew from the journal; nothing is lost by it."""
    from agent.projection import Projection  # noqa: PLC0415  sqlite-utils is heavy

    home = home_of(ctx)
    settings = home.settings()
    home.own()
    try:
        with _reader(home, as_json=as_json) as found:
            total = found.size  # and its head is this home's: nothing is thrown away for another's
            with (
                closing(Projection(home.views, settings.time_zone)) as projection,
                progress_bar(_("Rebuilding")) as bar,
            ):
                size = projection.rebuild(found, lambda done: bar(done, total))
    finally:
        home.disown()
    if as_json:
        say_json({"entries": size})
    else:
        click.echo(_("The views are made anew from {size} entries.").format(size=size))


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "seq": entry.seq,
        "at": iso(entry.at),
        "kind": entry.kind,
        "v": entry.v,
        "body": entry.body,
        "private": dict(entry.private),
    }
