"""`counterfoil credits`: what reached the bank account, typed or from the bank's own file."""

from __future__ import annotations

from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.commands.statement import say_refused
from agent.language import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.fees.contract.terms import BankCredit
    from agent.fees.statements.credit_match import MatchedCredits
    from agent.home import Home


@click.group()
def credits() -> None:  # noqa: A001
    """What the bank says has reached the account: add, import, list."""


@credits.command()
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day of the booking.")
@click.option("--amount", "told", required=True, help="How much came, as 12.00.")
@click.option("--batch", help="The batch it is for, where the bank or the provider says so.")
@click.option("--account", help="The last four digits of the account.")
@click.option(
    "--proof",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The bank's slip or picture; its fingerprint (SHA-256) is recorded, the file stays with you.",
)
@click.option("--note", help="The bank's text; it can be erased.")
@click.option("--another", is_flag=True, help="It is one more of the same day and amount.")
@click.option("--operator", required=True, help="Who enters it.")
@passphrase_file
@as_json
@click.pass_context
def add(
    ctx: click.Context,
    *,
    on: datetime,
    told: str,
    batch: str | None,
    account: str | None,
    proof: Path | None,
    note: str | None,
    another: bool,
    operator: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Enter one booking by hand.

    \b
    Example:
      counterfoil credits add --on 2026-03-03 --amount 1234.50 --batch 000012 --proof slip.jpg --operator Wang
    """
    from hashlib import sha256  # noqa: PLC0415

    from agent.errors import NotFound  # noqa: PLC0415
    from agent.fees.contract.terms import BankCredit  # noqa: PLC0415
    from agent.fees.statements.cells import note_of, text_of  # noqa: PLC0415
    from agent.fees.statements.credit_file import TYPED, last_four  # noqa: PLC0415
    from protocol.money import Money  # noqa: PLC0415

    if account is not None and (last_four(account) is None or not account.strip().isascii()):
        raise click.BadParameter(_("the last four digits of an account"), param_hint="--account")
    try:
        named = None if batch is None else text_of(batch)
    except ValueError:
        raise click.BadParameter(_("too long"), param_hint="--batch") from None
    if not operator.strip():
        raise click.BadParameter(_("somebody must enter it"), param_hint="--operator")
    credit = BankCredit(
        on=on.date(),
        amount=Money(_amount(told)),
        batch=named,
        account=None if account is None else last_four(account),
        proof_sha256=None if proof is None else sha256(proof.read_bytes()).digest(),
        source=TYPED,
        operator=operator.strip(),
        note=None if note is None else note_of(note),
    )
    home = home_of(ctx)
    known = (
        [] if another else [seq for seq, one in _recorded(home) if (one.on, one.amount) == (credit.on, credit.amount)]
    )
    if known:
        raise NotFound(
            _("Entry {seq} says already that this amount came on that day.").format(seq=known[0]),
            _("If it is another one, say so with --another."),
        )
    seq = _note(home, [credit], passphrase_file)
    if as_json:
        say_json({"simulated": home.settings().simulated, "entry": seq, **credit_document(credit)})
        return
    say_nature(home.settings().simulated)
    click.echo(_("Recorded: {credit}").format(credit=_line(seq, credit, ())))


@credits.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--mapping", default="bank", show_default=True, help="How its columns are called: a name, or a TOML file."
)
@click.option("--containing", multiple=True, help="Only lines whose text has this (may be given again).")
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
    containing: tuple[str, ...],
    operator: str | None,
    dry_run: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Bring in what came from the bank's own file, CSV or XLSX: all of it or nothing; what went out is passed by.

    What the record holds already is left out, whether it came from this file, from another one or was typed.

    \b
    Example:
      counterfoil credits import account.csv --containing 清算 --operator Wang
    """
    from agent.errors import StatementRefused  # noqa: PLC0415
    from agent.fees.statements.columns import load_mapping  # noqa: PLC0415
    from agent.fees.statements.credit_file import read_bank_file, unknown_credits  # noqa: PLC0415

    home = home_of(ctx)
    simulated = home.settings().simulated
    try:
        layout = load_mapping(mapping, "bank")
        told = read_bank_file(file.read_bytes(), file.name, layout, operator=operator, containing=containing)
    except StatementRefused as error:
        say_refused(error, simulated=simulated, as_json=as_json)
        raise
    new = unknown_credits(told.credits, [credit for _seq, credit in _recorded(home)])
    if new and not dry_run:
        _note(home, new, passphrase_file)
    if as_json:
        say_json(
            {
                "simulated": simulated,
                "imported": bool(new) and not dry_run,
                "file": told.file,
                "file_sha256": told.file_sha256.hex(),
                "credits": len(told.credits),
                "new": len(new),
                "known": len(told.credits) - len(new),
                "outgoing": told.outgoing,
                "not_asked_for": told.others,
                "new_minor": sum(one.amount.minor for one in new),
                "currency": layout.currency,
            }
        )
        return
    say_nature(simulated)
    click.echo(
        _("{file}: {count} credits, {known} in the record already; {outgoing} lines that went out passed by").format(
            file=told.file, count=len(told.credits), known=len(told.credits) - len(new), outgoing=told.outgoing
        )
    )
    if told.others:
        click.echo(_("{count} credits without the text that was asked for passed by").format(count=told.others))
    if not new:
        click.echo(_("Nothing new: nothing was added."))
    elif dry_run:
        click.echo(_("{count} credits would be recorded; nothing was.").format(count=len(new)))
    else:
        click.echo(_("{count} credits recorded.").format(count=len(new)))


@credits.command("list")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """Every credit with the settlement it is for, and the settlements that none came for.

    \b
    Example:
      counterfoil credits list --json
    """
    from agent.fees.statements.credit_match import match_credits  # noqa: PLC0415
    from agent.fees.statements.credit_record import recorded_credits, settlements_of  # noqa: PLC0415
    from agent.journal.keys import verifying_key  # noqa: PLC0415
    from agent.journal.reader import open_reader  # noqa: PLC0415

    home = home_of(ctx)
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        credited = recorded_credits(journal)
        matched = match_credits(settlements_of(journal), credited)
    simulated = home.settings().simulated
    batches = {pair.seq: tuple(one.batch for one in pair.settlements) for pair in matched.pairs}
    if as_json:
        say_json(_list_document(credited, matched, simulated=simulated))
        return
    say_nature(simulated)
    for seq, credit in credited:
        click.echo(_line(seq, credit, batches.get(seq, ())))
    for one in matched.settlements:
        click.echo(
            _("No credit yet for batch {batch} of {day}: {amount}, due {due}").format(
                batch=one.batch, day=one.day, amount=_shown(one.credited_minor, one.currency), due=one.by
            )
        )
    click.echo(
        _("{count} credits, {open} of no settlement").format(count=len(credited), open=len(matched.credits)), err=True
    )


def credit_document(credit: BankCredit) -> dict[str, object]:
    """A credit as JSON shows it."""
    return {
        "on": credit.on.isoformat(),
        "amount_minor": credit.amount.minor,
        "currency": credit.amount.currency,
        "batch": credit.batch,
        "account": credit.account,
        "proof_sha256": None if credit.proof_sha256 is None else credit.proof_sha256.hex(),
        "source": credit.source,
        "line": credit.line,
        "operator": credit.operator,
        "note": credit.note,
    }


def _list_document(
    credited: Sequence[tuple[int, BankCredit]], matched: MatchedCredits, *, simulated: bool
) -> dict[str, object]:
    pairs = {pair.seq: pair for pair in matched.pairs}
    return {
        "simulated": simulated,
        "credits": [
            {
                "entry": seq,
                **credit_document(credit),
                "settlements": [{"batch": one.batch, "day": one.day.isoformat()} for one in pairs[seq].settlements]
                if seq in pairs
                else [],
                "difference_minor": pairs[seq].difference_minor if seq in pairs else None,
            }
            for seq, credit in credited
        ],
        "settlements_without_credit": [
            {
                "batch": one.batch,
                "day": one.day.isoformat(),
                "due": _iso(one.due),
                "credited_minor": one.credited_minor,
                "currency": one.currency,
            }
            for one in matched.settlements
        ],
    }


def _iso(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def _amount(told: str) -> int:
    from agent.fees.statements.cells import amount_of  # noqa: PLC0415

    try:
        minor = amount_of(told)
    except ValueError:
        minor = None
    if minor is None or minor <= 0:
        raise click.BadParameter(
            _("not an amount above zero as 12.00: {text}").format(text=told), param_hint="--amount"
        )
    return minor


def _recorded(home: Home) -> list[tuple[int, BankCredit]]:
    from agent.fees.statements.credit_record import recorded_credits  # noqa: PLC0415
    from agent.journal.keys import verifying_key  # noqa: PLC0415
    from agent.journal.reader import open_reader  # noqa: PLC0415

    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return recorded_credits(journal)


def _note(home: Home, new: Sequence[BankCredit], passphrase: Path | None) -> int:
    """Have them recorded, all or none; the entry of the first."""
    from agent.fees.noting import noted  # noqa: PLC0415
    from agent.opening import open_desk, passphrase_sources  # noqa: PLC0415

    with open_desk(home, record=True, sources=passphrase_sources(passphrase)) as desk:
        head = desk.note(noted(new))
    told = (new[0].on, new[0].amount)
    return max((seq for seq, one in _recorded(home) if (one.on, one.amount) == told), default=head.size - 1)


def _shown(minor: int, currency: int) -> str:
    from agent.figures import amount, printable_yuan_sign  # noqa: PLC0415

    return amount(minor, currency, printable_yuan_sign())


def _line(seq: int, credit: BankCredit, batches: tuple[str, ...]) -> str:
    of = _("batch {batches}").format(batches=", ".join(batches)) if batches else ""
    parts = (
        credit.on.isoformat(),
        _shown(credit.amount.minor, credit.amount.currency).rjust(14),
        of,
        credit.note or "",
    )
    return "  ".join([*(part for part in parts if part), _("entry {seq}").format(seq=seq)])
