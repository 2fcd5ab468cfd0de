"""`counterfoil fees claims`: what the provider is asked to give back, and what became of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from agent.commands.fees_claims_io import (
    Looked,
    claim_document,
    day,
    look,
    money_told,
    note_event,
    operator,
    say_claim,
    say_unfit,
    summary_line,
    today_of,
)
from agent.commands.fees_claims_stats import stats
from agent.commands.fees_letter import letter
from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.errors import ClaimError
from agent.fees.claim_kinds import Cause, ClaimEvent, ClaimNoted
from agent.fees.claims.claim import CHANNELS, OUTCOMES, Claim
from agent.figures import amount, printable_yuan_sign
from agent.language import _
from agent.views import Money

EVENTS = [str(event) for event in ClaimEvent if event is not ClaimEvent.OPENED]


@click.group()
def claims() -> None:
    """Claims for what was charged too much: list, open, show, event, letter, stats.

    A claim is opened, raised with the provider, and answered: admitted, part_admitted, denied or no_answer. What is denied
    or not answered is escalated. What is admitted is credited, as the bank says, or adjusted, as an audit of the next fees
    says; then it is closed. Until then it may be withdrawn or written_off, with a reason.
    """


claims.add_command(letter)
claims.add_command(stats)


@claims.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not closed, withdrawn or written off.")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, only_open: bool, as_json: bool) -> None:
    """Every claim, oldest first.

    \b
    Example:
      counterfoil fees claims list --open
    """
    looked = look(home_of(ctx))
    rows = [claim for claim in looked.claims.claims.values() if claim.is_open or not only_open]
    if as_json:
        documents = [claim_document(looked, claim) for claim in rows]
        unclaimed = looked.claims.all_claimable()
        say_json({"simulated": looked.simulated, "claims": documents, "unclaimed": unclaimed})
        return
    say_nature(looked.simulated)
    for claim in rows:
        click.echo(summary_line(looked, claim))
    say_unfit(looked)
    click.echo(_("{count} claims, {open} open").format(count=len(rows), open=sum(c.is_open for c in rows)), err=True)
    if waiting := len(looked.claims.all_claimable()):
        told = _("{count} findings are not claimed yet: counterfoil fees claims open --all")
        click.echo(told.format(count=waiting), err=True)


@claims.command("open")
@click.argument("findings", nargs=-1, metavar="[FINDING]…")
@click.option("--all", "every", is_flag=True, help="Every finding that is OVER, no suspect, and not claimed yet.")
@operator
@click.option("--on", type=day, help="The day, as YYYY-MM-DD [default: today].")
@click.option("--note", help="In your words; it can be erased, its fingerprint stays.")
@passphrase_file
@as_json
@click.pass_context
def open_(
    ctx: click.Context,
    *,
    findings: tuple[str, ...],
    every: bool,
    operator: str,
    on: date | None,
    note: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Open a claim for findings of the audit, by their names or unique beginnings of them; for each currency one.

    What the audit finds now is signed into the record first: a claim rests on it.

    \b
    Example:
      counterfoil fees claims open --all --operator Wang
    """
    from agent.commands.fees_audit import record_findings  # noqa: PLC0415  the other commands need no audit

    if bool(findings) == every:
        raise click.UsageError(_("Name findings, or say --all."))
    home = home_of(ctx)
    record_findings(home, passphrase_file)
    looked = look(home)
    held = looked.claims
    names = held.all_claimable() if every else [held.finding(name).fact.finding for name in findings]
    if not names:
        raise ClaimError(_("There is nothing to claim."), _("Look for what was charged with: counterfoil fees audit"))
    facts = []
    for currency in sorted({held.findings[name].fact.currency for name in names}):
        of = tuple(name for name in names if held.findings[name].fact.currency == currency)
        asked = sum(held.claimable(name) for name in of)
        facts.append(
            ClaimNoted(
                claim=held.new_name(of),
                event=ClaimEvent.OPENED,
                on=on or today_of(looked),
                operator=operator,
                findings=of,
                amount=Money(asked, currency),
                note=note,
            )
        )
    after = note_event(home, facts, passphrase_file)
    opened = [after.claims.claims[fact.claim] for fact in facts]
    if as_json:
        say_json({"simulated": after.simulated, "claims": [claim_document(after, claim) for claim in opened]})
        return
    say_nature(after.simulated)
    for claim in opened:
        click.echo(summary_line(after, claim))
        click.echo(_("Read the letter with: counterfoil fees claims letter {claim} --draft").format(claim=claim.name))


@claims.command()
@click.argument("claim")
@as_json
@click.pass_context
def show(ctx: click.Context, *, claim: str, as_json: bool) -> None:
    """One claim whole: what it claims, what happened to it, and what may come next.

    \b
    Example:
      counterfoil fees claims show 3fd6
    """
    looked = look(home_of(ctx))
    found = looked.claims.claim(claim)
    if as_json:
        say_json({"simulated": looked.simulated, **claim_document(looked, found)})
        return
    say_nature(looked.simulated)
    say_claim(looked, found)


@claims.command()
@click.argument("claim")
@click.argument("event", type=click.Choice(EVENTS))
@operator
@click.option("--on", type=day, help="The day on which it happened, as YYYY-MM-DD [default: today].")
@click.option(
    "--amount", help="Part admitted, or what of a credit is for this claim, as 12.00 [default: all that fits]."
)
@click.option("--channel", type=click.Choice(CHANNELS), help="How it was put or answered.")
@click.option("--ticket", help="The provider's number for it.")
@click.option(
    "--cause", type=click.Choice([str(cause) for cause in Cause]), help="Why it happened, as far as it is known."
)
@click.option("--outcome", type=click.Choice(OUTCOMES), help="What the provider admits: a refund, or adjusted fees.")
@click.option("--due", type=day, help="By when the next word or the money is promised.")
@click.option(
    "--entry",
    type=click.IntRange(0, 2**53 - 1),
    help="The journal's entry of the bank's credit, of the audit, or of the event that is taken back.",
)
@click.option("--satisfaction", type=click.IntRange(1, 5), help="With rated: 1 to 5.")
@click.option("--note", "--reason", "note", help="In your words; it can be erased, its fingerprint stays.")
@passphrase_file
@as_json
@click.pass_context
def event(
    ctx: click.Context,
    *,
    claim: str,
    event: str,
    operator: str,
    on: date | None,
    amount: str | None,
    channel: str | None,
    ticket: str | None,
    cause: str | None,
    outcome: str | None,
    due: date | None,
    entry: int | None,
    satisfaction: int | None,
    note: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Note what happened to a claim.

    \b
    raised         you put it to the provider (--channel, --ticket)
    admitted       the provider admits it all (--outcome, --cause, --due)
    part_admitted  it admits a part (--amount)
    denied         it denies it
    no_answer      you waited long enough
    escalated      you put it again, or a step higher
    credited       the money came: --entry of the bank's credit
    adjusted       the next fees were right: --entry of the audit
    closed         all is settled
    withdrawn      you take it back; its findings may be claimed again
    written_off    you give up what is outstanding
    rated          how satisfied you are (--satisfaction)
    noted          something said or heard of it
    retract        an event was noted wrongly: --entry of it, --reason

    \b
    Examples:
      counterfoil fees claims event 3fd6 credited --entry 412 --operator Wang
      counterfoil fees claims event 3fd6 retract --entry 415 --reason "another's money" --operator Wang
    """
    home = home_of(ctx)
    looked = look(home)
    found, what = looked.claims.claim(claim), ClaimEvent(event)
    minor = None if amount is None else money_told(amount, found.currency)
    if what is ClaimEvent.CREDITED:
        if entry is None:
            raise click.UsageError(_credits_told(looked, looked.claims.may_pay(found)))
        if minor is None and entry in looked.claims.credits:
            minor = min(found.outstanding_minor, looked.claims.credit_left(entry))
    if what is ClaimEvent.RETRACT and entry is None:
        raise click.UsageError(_("Name the entry of the event with --entry: {events}.").format(events=_told(found)))
    fact = ClaimNoted(
        claim=found.name,
        event=what,
        on=on or (today_of(looked) if what is ClaimEvent.RETRACT else max(today_of(looked), found.last_on)),
        operator=operator,
        amount=None if minor is None else Money(minor, found.currency),
        entry=entry,
        channel=channel,
        ticket=ticket,
        cause=None if cause is None else Cause(cause),
        outcome=outcome,
        due=due,
        satisfaction=satisfaction,
        note=note,
    )
    after = note_event(home, [fact], passphrase_file)
    now = after.claims.claims[found.name]
    if as_json:
        say_json({"simulated": after.simulated, **claim_document(after, now)})
        return
    say_nature(after.simulated)
    click.echo(summary_line(after, now))
    if now.is_open:
        click.echo(_("What may follow: {events}.").format(events=", ".join(now.next_events)), err=True)


def _told(claim: Claim) -> str:
    """The events of a claim that may be taken back, by their entries."""
    return ", ".join(f"{e.seq} ({e.fact.on} {e.fact.event})" for e in claim.events[1:]) or "-"


def _credits_told(looked: Looked, fitting: list[int]) -> str:
    """What to name where the credit's entry was left out."""
    if not fitting:
        return _("Name the entry of the bank's credit with --entry; counterfoil credits list shows them.")
    sign = printable_yuan_sign()
    told = ", ".join(
        f"{seq} ({credit.on} {amount(credit.amount.minor, credit.amount.currency, sign)})"
        for seq in fitting[-5:]
        if (credit := looked.claims.credits[seq])
    )
    return _("Name the entry of the bank's credit with --entry; it may be: {credits}.").format(credits=told)
