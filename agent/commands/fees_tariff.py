"""`counterfoil fees tariff`: what was agreed with the provider, what it wants to change, and the merchant's answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from agent.commands.fees_quote import standing, today
from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.errors import ContractRefused, CounterfoilError, NotFound
from agent.fees.contract.tariff import Basis, TariffAnswer, TariffVersion
from agent.fees.contract.tariff_file import Contract, example, example_names, new_facts, read_contract
from agent.fees.contract.tariff_spells import State, Tariff, judged_days, tariffs
from agent.fees.contract.tariff_words import basis_words, state_words, terms_words
from agent.fees.contract.terms import NothingElseAgreed
from agent.fees.facts import facts_of
from agent.fees.noting import noted
from agent.figures import printable_yuan_sign
from agent.home import Home
from agent.journal.drafting import to_draft
from agent.journal.fee_kinds import FeeFact
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.language import _
from agent.opening import open_desk, passphrase_sources
from agent.report import padded
from agent.wording import product_name

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def tariff() -> None:
    """What was agreed: list, add, consent, refuse."""


@tariff.command("list")
@click.option("--all", "all_", is_flag=True, help="Also what no longer binds, and what was refused.")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, all_: bool, as_json: bool) -> None:
    """Every tariff version and notice: from when to when it binds, or why it does not; what waits for an answer.

    \b
    Example:
      counterfoil fees tariff list --all
    """
    home = home_of(ctx)
    day = today(home)
    rows = [row for row in tariffs(standing(home), day) if all_ or row.state not in (State.OVER, State.REFUSED)]
    simulated = home.settings().simulated
    if as_json:
        say_json({"simulated": simulated, "date": day.isoformat(), "tariffs": [_document(row) for row in rows]})
        return
    say_nature(simulated)
    for row in rows:
        _tell(row)
    waiting = sum(row.state is State.WAITING for row in rows)
    click.echo(_("{count} tariffs, {waiting} waiting for an answer").format(count=len(rows), waiting=waiting), err=True)
    if waiting:
        click.echo(_("Answer with: counterfoil fees tariff consent ID, or refuse ID"), err=True)
    if not rows:
        click.echo(_("Add the contract with: counterfoil fees tariff add FILE"), err=True)


@tariff.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--example", "model", type=click.Choice(example_names()), help="What is stated of a device; nobody signed it."
)
@click.option("--operator", help="Who brings it in.")
@click.option("--dry-run", is_flag=True, help="Judge the file, and add nothing.")
@passphrase_file
@as_json
@click.pass_context
def add(
    ctx: click.Context,
    *,
    file: Path | None,
    model: str | None,
    operator: str | None,
    dry_run: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Add a contract from its file (docs/fees.md), whole or not at all. Exit 1: it is refused, each trouble with its line.

    \b
    Examples:
      counterfoil fees tariff add contract.toml --operator 王 --dry-run
      counterfoil fees tariff add --example smart
    """
    if (file is None) == (model is None):
        raise click.UsageError(_("Name either a contract's FILE, or --example."))
    home = home_of(ctx)
    simulated = home.settings().simulated
    who = operator.strip() if operator and operator.strip() else None
    try:
        contract, new = _judged(home, file, model, who)
        added = not dry_run and bool(new)
        if added:
            with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
                contract, new = _judged(home, file, model, who)  # nobody else adds now what was judged before
                desk.note(noted(new))
    except ContractRefused as error:
        if not as_json:
            raise
        names = ("line", "field", "what")
        troubles = [dict(zip(names, trouble, strict=True)) for trouble in error.troubles]
        say_json({"simulated": simulated, "added": False, "versions": [], "troubles": troubles})
        ctx.exit(error.exit_code)
    days = _days(home, contract) if added else (0, 0)
    if as_json:
        say_json(_added(contract, new, added=added, days=days, simulated=simulated))
        return
    say_nature(simulated)
    if not new:
        click.echo(_("{file} is in the record already: nothing was added.").format(file=contract.name))
        return
    for version in (fact for fact in new if isinstance(fact, TariffVersion)):
        click.echo(_version_line(version))
    if dry_run:
        click.echo(_("{file} can be added: {count} facts. Nothing was.").format(file=contract.name, count=len(new)))
        return
    click.echo(_("Added from {file}: {count} facts.").format(file=contract.name, count=len(new)))
    click.echo(_("Of {days} days in the record, {judged} are judged by it now.").format(days=days[1], judged=days[0]))


def _answer(command: F) -> F:
    """What a yes and a no have in common."""
    command = as_json(passphrase_file(command))
    command = click.option("--note", help="In your own words; it can be erased, its fingerprint stays.")(command)
    command = click.option(
        "--evidence", type=click.Path(path_type=Path), help="A paper or screen that proves it; its SHA-256 is kept."
    )(command)
    return click.option("--operator", required=True, help="Who answers.")(command)


@tariff.command()
@click.argument("name", metavar="ID")
@_answer
@click.pass_context
def consent(ctx: click.Context, /, **told: Any) -> None:
    """Agree to a change: a version's name or NOTICE/PRODUCT, or a unique beginning.

    A raise binds no earlier than the law lets it, and never backwards.

    \b
    Example:
      counterfoil fees tariff consent 2026-07/credit --operator 王 --evidence letter.jpg
    """
    _answered(ctx, accepted=True, **told)


@tariff.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option(
    "--all", "all_", is_flag=True, help="All that waits, and your word that nothing but the contract was agreed."
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="With --all: since which day, as YYYY-MM-DD [default: the contract's first].",
)
@_answer
@click.pass_context
def refuse(ctx: click.Context, /, *, name: str | None, all_: bool, since: datetime | None, **told: Any) -> None:
    """Say no to a change: what was agreed before goes on.

    With --all you say that you agreed to nothing but what this record holds, by no click in any app: a raised rate is
    then a claim, without a word of the provider's.

    \b
    Examples:
      counterfoil fees tariff refuse 2026-07/credit --operator 王 --note "told them on the phone"
      counterfoil fees tariff refuse --all --operator 王
    """
    if (name is None) is not all_ or (since is not None and not all_):
        raise click.UsageError(_("Name one change, or say --all, which alone takes --since."))
    if name is not None:
        _answered(ctx, accepted=False, name=name, **told)
        return
    if told["evidence"] is not None or told["note"] is not None:
        raise click.UsageError(_("--evidence and --note go with one change, and not with --all."))
    _all_refused(ctx, since and since.date(), told["operator"], told["passphrase_file"], as_json=told["as_json"])


def _judged(
    home: Home, file: Path | None, model: str | None, operator: str | None
) -> tuple[Contract, tuple[FeeFact, ...]]:
    """What the file says, held against the record, and what of it is new. Raises ContractRefused."""
    terms = standing(home)
    if model is not None:
        contract = example(model, operator=operator, terms=terms)
    else:
        assert file is not None
        contract = read_contract(file, operator=operator, terms=terms)
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return contract, new_facts(contract, (fact for _entry, fact in facts_of(journal)))


def _days(home: Home, contract: Contract) -> tuple[int, int]:
    """How many local dates are judged by a contract's versions, of how many from the record's first sale to its last."""
    zone = ZoneInfo(home.settings().time_zone)
    with open_desk(home) as desk:
        newest = desk.transactions(None, None, 1, 0)
        if not newest.rows:
            return 0, 0
        oldest = desk.transactions(None, None, 1, newest.total - 1)
    first, last = sorted(datetime.fromtimestamp(page.rows[0].at // 1000, zone).date() for page in (oldest, newest))
    judged = judged_days(standing(home), {version.version for version in contract.versions}, first, last)
    return judged, (last - first).days + 1


def _added(
    contract: Contract, new: tuple[FeeFact, ...], *, added: bool, days: tuple[int, int], simulated: bool
) -> dict[str, object]:
    versions = [fact for fact in new if isinstance(fact, TariffVersion)]
    return {
        "simulated": simulated,
        "added": added,
        "file": contract.name,
        "file_sha256": contract.sha256.hex(),
        "facts": len(new),
        "versions": [_body(version) for version in versions],
        "days_judged": days[0],
        "days_in_record": days[1],
        "troubles": [],
    }


def _answered(
    ctx: click.Context,
    *,
    accepted: bool,
    name: str,
    operator: str,
    evidence: Path | None,
    note: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    home = home_of(ctx)
    who = _who(operator)
    row = _found(home, name)
    target = row.version.version
    proof = None if evidence is None else _digest(evidence)
    terms = standing(home)
    before = terms.accepted(target) or row.state is State.BINDS if accepted else terms.refused(target)
    if not before:
        answer = TariffAnswer(target=target, accepted=accepted, operator=who, evidence_sha256=proof, note=note)
        with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
            desk.note(noted([answer]))
        row = _found(home, target)
    simulated = home.settings().simulated
    if as_json:
        say_json({"simulated": simulated, "recorded": not before, "accepted": accepted, **_document(row)})
        return
    say_nature(simulated)
    if before:
        click.echo(_("That is so already: nothing was recorded."))
    _tell(row)


def _all_refused(
    ctx: click.Context, since: date | None, operator: str, passphrase_file: Path | None, *, as_json: bool
) -> None:
    home = home_of(ctx)
    who = _who(operator)
    terms, now = standing(home), today(home)
    signed = [version.effective_from for version in terms.versions if version.basis is Basis.SIGNED]
    begins = since or min(signed, default=None)
    if begins is None:
        raise click.UsageError(_("No contract is in the record yet: say with --since from which day on."))
    if begins > now:
        raise click.BadParameter(_("that day is still to come"), param_hint="--since")
    waiting = [row.version.version for row in tariffs(terms, now) if row.state is State.WAITING]
    facts: list[FeeFact] = [TariffAnswer(target=one, accepted=False, operator=who) for one in dict.fromkeys(waiting)]
    if not terms.nothing_else_agreed(begins):
        facts.append(NothingElseAgreed(valid_from=begins, operator=who))
    if facts:
        with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
            desk.note(noted(facts))
    simulated = home.settings().simulated
    if as_json:
        say_json({"simulated": simulated, "recorded": bool(facts), "since": begins.isoformat(), "refused": waiting})
        return
    say_nature(simulated)
    if not facts:
        click.echo(_("That is so already: nothing was recorded."))
    click.echo(_("Since {day} you have agreed to nothing but what this record holds.").format(day=begins))
    for row in tariffs(standing(home), now):
        if row.version.version in waiting:
            _tell(row)
    click.echo(_("See what follows with: counterfoil fees audit"), err=True)


def _who(operator: str) -> str:
    if not operator.strip():
        raise click.UsageError(_("--operator needs a name: who answers stands in the record."))
    return operator.strip()


def _found(home: Home, name: str) -> Tariff:
    """By a version's name, a notice's, or a unique beginning. Raises NotFound."""
    rows = {row.version.version: row for row in tariffs(standing(home), today(home))}  # of one name the last
    if name in rows:
        return rows[name]
    found = [rows[each] for each in rows if name and each.startswith(name)]
    if len(found) != 1:
        raise NotFound(
            _("{count} tariffs begin with {name}.").format(count=len(found), name=repr(name)),
            _("counterfoil fees tariff list --all shows them all."),
        )
    return found[0]


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return file_digest(opened, "sha256").digest()
    except OSError as error:
        raise CounterfoilError(
            _("The file {file} cannot be read: {reason}.").format(file=file, reason=error.strerror or error),
            _("Name the picture or the letter that proves it, or leave --evidence out."),
        ) from None


def _body(version: TariffVersion) -> dict[str, object]:
    return dict(to_draft(version, lambda _token: b"").body)


def _document(row: Tariff) -> dict[str, object]:
    return _body(row.version) | {
        "id": row.version.version,
        "is_notice": row.notice,
        "state": row.state,
        "binds_from": None if row.binds_from is None else row.binds_from.isoformat(),
        "binds_to": None if row.binds_to is None else row.binds_to.isoformat(),
    }


def _version_line(version: TariffVersion) -> str:
    terms = terms_words(version, printable_yuan_sign())
    return f"{version.version}  {padded(product_name(version.product), 14)}{terms}"


def _tell(row: Tariff) -> None:
    click.echo(_version_line(row.version))
    basis = _("a notice of the terminal") if row.notice else basis_words(row.version.basis)
    click.echo(f"    {state_words(row)}; {basis}; {row.version.source}")
