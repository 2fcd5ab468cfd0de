"""`counterfoil statement`: a provider's own files into the record, and both sides' rest."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.language import _

if TYPE_CHECKING:
    from agent.errors import StatementRefused
    from agent.fees.contract.terms import StatementPage
    from agent.fees.statements.statement_file import Statement
    from agent.fees.statements.statement_record import Fresh
    from agent.home import Home


@click.group()
def statement() -> None:
    """The provider's own files, held against the record: import, show."""


@statement.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--mapping", default="generic", show_default=True, help="How its columns are called: a name, or a TOML file."
)
@click.option("--tid", help="Only the lines of this terminal, where the file has several.")
@click.option(
    "--as-it-stands",
    is_flag=True,
    help="Take lines that stand twice, or that do not add up, as they are: the provider may be wrong.",
)
@click.option("--operator", help="Who brings it in.")
@click.option("--dry-run", is_flag=True, help="Only say what it holds; record nothing.")
@passphrase_file
@as_json
@click.pass_context
def import_(
    ctx: click.Context,
    *,
    file: Path,
    mapping: str,
    tid: str | None,
    as_it_stands: bool,
    operator: str | None,
    dry_run: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Bring in a statement as the provider exports it, CSV or XLSX: all of it or nothing.

    Shipped mappings: generic, lakala-like, umi-like. What the record holds already is left out; where the provider now
    says otherwise than before, both stay, and the newer counts.

    \b
    Examples:
      counterfoil statement import march.csv --operator Wang
      counterfoil statement import march.xlsx --mapping mine.toml --dry-run
    """
    from agent.errors import StatementRefused  # noqa: PLC0415
    from agent.fees.noting import noted  # noqa: PLC0415
    from agent.fees.statements.columns import load_mapping  # noqa: PLC0415
    from agent.fees.statements.statement_file import pages_of, read_statement  # noqa: PLC0415
    from agent.opening import open_desk, passphrase_sources  # noqa: PLC0415

    home = home_of(ctx)
    simulated = home.settings().simulated
    try:
        layout = load_mapping(mapping, "statement")
        told = read_statement(file.read_bytes(), file.name, layout, tid=tid, as_it_stands=as_it_stands)
    except StatementRefused as error:
        say_refused(error, simulated=simulated, as_json=as_json)
        raise
    before, fresh = _held(home, told)
    pages: tuple[StatementPage, ...] = ()
    if not dry_run and before is None and fresh.lines:
        with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
            before, fresh = _held(home, told)  # another command may have been first
            pages = pages_of(told, fresh.lines, operator) if before is None else ()
            if pages:
                desk.note(noted(pages))
    if as_json:
        say_json(_imported_document(told, fresh, before, len(pages), simulated=simulated))
    else:
        say_nature(simulated)
        _say_imported(told, fresh, before, recorded=bool(pages), dry_run=dry_run)


def say_refused(error: StatementRefused, *, simulated: bool, as_json: bool) -> None:
    """As JSON every trouble; in words the error itself says them."""
    if as_json:
        troubles = [
            {"line": line, "field": field, "code": code, "what": what} for line, field, code, what in error.troubles
        ]
        say_json({"simulated": simulated, "imported": False, "troubles": troubles})


def _held(home: Home, told: Statement) -> tuple[str | None, Fresh]:
    """The name under which the same file was imported before, and what of it the record lacks."""
    from agent.fees.statements.statement_record import fresh_lines, statement_pages  # noqa: PLC0415
    from agent.journal.keys import verifying_key  # noqa: PLC0415
    from agent.journal.reader import open_reader  # noqa: PLC0415

    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        pages = statement_pages(journal)
    same = next((page.file for _seq, page in pages if page.file_sha256 == told.file_sha256), None)
    return same, fresh_lines(told.lines, pages)


@statement.command()
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day [default: of the files].")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day.")
@click.option("--unmatched", is_flag=True, help="Only what the other side lacks.")
@as_json
@click.pass_context
def show(ctx: click.Context, *, first: datetime | None, last: datetime | None, unmatched: bool, as_json: bool) -> None:
    """Both sides: the provider's lines and the record's transactions, what fits, what differs, what the other side lacks.

    Imported files, and the settlements that came over the wire, are each held against the record.

    \b
    Example:
      counterfoil statement show --from 2026-03-01 --to 2026-03-31 --unmatched
    """
    from agent.commands.statement_sides import say_side, side_document  # noqa: PLC0415
    from agent.fees.statements.statement_record import sides  # noqa: PLC0415
    from agent.journal.keys import verifying_key  # noqa: PLC0415
    from agent.journal.reader import open_reader  # noqa: PLC0415

    home = home_of(ctx)
    settings = home.settings()
    since, until = (None if one is None else one.date() for one in (first, last))
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        found = sides(journal, settings.time_zone, since, until)
    if as_json:
        say_json(
            {
                "simulated": settings.simulated,
                "from": None if found.first is None else found.first.isoformat(),
                "to": None if found.last is None else found.last.isoformat(),
                "statement": side_document(found.statement, found, only_rest=unmatched),
                "settlements": side_document(found.settlements, found, only_rest=unmatched),
            }
        )
        return
    say_nature(settings.simulated)
    say_side(_("Imported statements"), found.statement, found, only_rest=unmatched)
    say_side(_("Settlements that came over the wire"), found.settlements, found, only_rest=unmatched)


def _imported_document(
    told: Statement, fresh: Fresh, before: str | None, pages: int, *, simulated: bool
) -> dict[str, object]:
    from agent.commands.statement_sides import line_document  # noqa: PLC0415

    return {
        "simulated": simulated,
        "imported": pages > 0,
        "imported_before": before is not None,
        "file": told.file,
        "file_sha256": told.file_sha256.hex(),
        "provider": told.provider,
        "from": told.first.isoformat(),
        "to": told.last.isoformat(),
        "currency": told.currency,
        "lines": len(told.lines),
        "new": len(fresh.lines) if before is None else 0,
        "known": fresh.known if before is None else len(told.lines),
        "pages": pages,
        "changed": [
            {
                **line_document(one.line),
                "before": {
                    "file": one.file,
                    "entry": one.seq,
                    "fee_minor": one.before.fee_minor,
                    "net_minor": one.before.net_minor,
                },
            }
            for one in fresh.changed
        ],
        "failed": told.failed,
        "left_out": told.left_out,
        "other_terminals": told.elsewhere,
        "unknown_products": list(told.unknown_products),
        **{f"{kind}_minor": minor for kind, minor in _sums(told).items()},
    }


def _sums(told: Statement) -> dict[str, int]:
    from agent.fees.statements.statement_file import GIVING_BACK  # noqa: PLC0415

    sales = sum(line.amount_minor for line in told.lines if line.kind in ("sale", "pre_auth_completion"))
    back = sum(line.amount_minor for line in told.lines if line.kind in GIVING_BACK)
    return {"sales": sales, "refunds": back, "fees": sum(line.fee_minor or 0 for line in told.lines)}


def _say_imported(told: Statement, fresh: Fresh, before: str | None, *, recorded: bool, dry_run: bool) -> None:
    from agent.commands.statement_sides import SHOWN, fee_words  # noqa: PLC0415
    from agent.figures import amount, printable_yuan_sign  # noqa: PLC0415

    sign = printable_yuan_sign()
    sums = {kind: amount(minor, told.currency, sign) for kind, minor in _sums(told).items()}
    click.echo(
        _("{file}: {count} lines of {provider}, {first} to {last}").format(
            file=told.file, count=len(told.lines), provider=told.provider, first=told.first, last=told.last
        )
    )
    click.echo(_("Sales {sales}, given back {refunds}, fees {fees}").format(**sums))
    for count, words in (
        (told.failed, _("{count} rows of failed transactions without a fee left out")),
        (told.left_out, _("{count} rows that move no money left out")),
        (told.elsewhere, _("{count} rows of other terminals left out")),
    ):
        if count:
            click.echo(words.format(count=count))
    if told.unknown_products:
        click.echo(_("Products that the mapping does not know: {words}").format(words=", ".join(told.unknown_products)))
    if before is not None:
        click.echo(_("The same file was imported before, as {file}: nothing was added.").format(file=before))
        return
    if fresh.known:
        click.echo(_("{count} lines are in the record already").format(count=fresh.known))
    for one in fresh.changed[:SHOWN]:
        click.echo(
            _("Line {line}: fee {now}; {file} said {before} (entry {seq})").format(
                line=one.line.line,
                now=fee_words(one.line.fee_minor, told.currency, sign),
                file=one.file,
                before=fee_words(one.before.fee_minor, told.currency, sign),
                seq=one.seq,
            )
        )
    if dry_run:
        click.echo(_("{count} lines would be recorded; nothing was.").format(count=len(fresh.lines)))
    elif recorded:
        click.echo(_("{count} lines recorded.").format(count=len(fresh.lines)))
    else:
        click.echo(_("Nothing new: nothing was added."))
