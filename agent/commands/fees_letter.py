"""`counterfoil fees claims letter`: the complaint that the merchant sends, once they have read and confirmed it."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import click

from agent.commands.fees_claims_io import Looked, look, note_event, today_of
from agent.commands.options import home_of, passphrase_file, say_nature
from agent.errors import ClaimError, HomeError
from agent.fees.claim_kinds import ClaimEvent, ClaimNoted
from agent.fees.claims import letter as letters
from agent.fees.claims.claim import Claim
from agent.language import _


@click.command()
@click.argument("claim")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="Into this new file.")
@click.option("--draft", is_flag=True, help="Only to be read: marked as a draft, and nothing is recorded.")
@click.option("--confirmed", is_flag=True, help="The merchant has read the draft and confirms it (in scripts).")
@click.option("--operator", help="Who has read and confirms it.")
@click.option(
    "--lang",
    "reading",
    type=click.Choice(["zh_CN", "en"]),
    default="zh_CN",
    help="en: a copy to be read, always a draft.",
)
@passphrase_file
@click.pass_context
def letter(
    ctx: click.Context,
    *,
    claim: str,
    target: Path | None,
    draft: bool,
    confirmed: bool,
    operator: str | None,
    reading: str,
    passphrase_file: Path | None,
) -> None:
    """The complaint letter of a claim, in Chinese. It is no legal advice.

    It is given only after you have read and confirmed it, which is recorded with its SHA-256.

    \b
    Example:
      counterfoil fees claims letter 3fd6 --draft
      counterfoil fees claims letter 3fd6 --operator Wang --to letter.txt
    """
    home = home_of(ctx)
    looked = look(home)
    found = looked.claims.claim(claim)
    if target is not None and target.exists():
        raise HomeError(_("There is a file {path} already.").format(path=target), _("Name another one with --to."))
    if draft or reading == "en":
        text = _text(looked, found, draft=True, reading=reading)
        say_nature(looked.simulated)
        if target is None:
            click.echo(text, nl=False)
        else:
            _write(text, target)
        return
    text = _text(looked, found, draft=False, reading=reading)
    if operator is None or not operator.strip():
        raise click.UsageError(_("Say with --operator who has read and confirms the letter; read it with --draft."))
    if not confirmed:
        _ask(looked, found)
    words = _("Letter read and confirmed, SHA-256 {fingerprint}").format(fingerprint=_fingerprint(text))
    fact = ClaimNoted(
        claim=found.name,
        event=ClaimEvent.NOTED,
        on=max(today_of(looked), found.last_on),
        operator=operator,
        channel="letter",
        note=words,
    )
    if target is None:
        note_event(home, [fact], passphrase_file)
        say_nature(looked.simulated)
        click.echo(text, nl=False)
        return
    _write(text, target)  # before it is recorded that it was given
    try:
        note_event(home, [fact], passphrase_file)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    say_nature(looked.simulated)
    click.echo(_("Written: {path}").format(path=target), err=True)


def _text(looked: Looked, claim: Claim, *, draft: bool, reading: str) -> str:
    return letters.letter(
        looked.claims,
        claim,
        looked.head,
        today=max(today_of(looked), claim.last_on),
        simulated=looked.simulated,
        draft=draft,
        language=reading,
    )


def _ask(looked: Looked, claim: Claim) -> None:
    """A person reads the draft on this terminal, and confirms it. Raises ClaimError where nobody does."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ClaimError(
            _("The letter is given only once the merchant has read and confirmed it."),
            _("Read it with --draft, then say --confirmed."),
        )
    click.echo(_text(looked, claim, draft=True, reading="zh_CN"), err=True)
    if not click.confirm(_("Have you read it, and is it true?"), default=False, err=True):
        raise ClaimError(
            _("The letter was not confirmed; nothing was recorded."), _("Withdraw the claim if it is wrong.")
        )


def _fingerprint(text: str) -> str:
    """In groups: a long number of digits alone would be masked as a card's."""
    told = sha256(text.encode()).hexdigest()
    return ":".join(told[at : at + 8] for at in range(0, len(told), 8))


def _write(text: str, target: Path) -> None:
    with target.open("x", encoding="utf-8", newline="\n") as out:
        out.write(text)
