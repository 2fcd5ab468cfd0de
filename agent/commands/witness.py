"""`counterfoil journal witness`: who else signs the record's heads."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from agent.commands.options import as_json, home_of, iso, passphrase_file, say_json, say_nature
from agent.custody.witness import WitnessKey
from agent.custody.witness_post import check_url
from agent.errors import HomeError, NotFound
from agent.journal import heads
from agent.journal.checkpoint import Checkpoint, Note, NoteError
from agent.language import _
from agent.notices import words
from agent.opening import open_desk, passphrase_sources
from agent.settings import WitnessAt, write_witnesses
from agent.views import Notice, NoticeCode, WitnessAnswer, WitnessOutcome

OVERDUE_MS = 3 * 86_400_000
_NO = {WitnessOutcome.REFUSED, WitnessOutcome.NOT_VERIFIED}


@click.group()
def witness() -> None:
    """Witnesses: others that sign the record's heads, so that nobody can put an older or another record in its place.

    A witness (c2sp.org/tlog-witness) signs a head only where it goes on from the last one that it signed. It learns how many
    entries the record has, its origin and the root of its tree, and nothing of what the entries say. An agent at work asks
    the witnesses by itself, once an hour where the record has grown, else once a day.
    """


@witness.command()
@click.argument("url")
@click.argument("vkey")
@click.pass_context
def add(ctx: click.Context, *, url: str, vkey: str) -> None:
    """Have the witness at URL, whose key is VKEY, sign the record's heads from now on.

    Its keeper must know this record's key too: counterfoil journal head prints it. A running agent needs no new start.

    \b
    Example:
      counterfoil journal witness add https://witness.example/w1 'witness.example/w1+6a3b…+BK…'
    """
    home = home_of(ctx)
    settings = home.settings()
    key = _key(vkey)
    try:
        check_url(url)
    except ValueError:
        raise click.BadParameter(_("not the address of a witness (http or https)"), param_hint="URL") from None
    others = [each for each in settings.witness if each.vkey != str(key)]
    write_witnesses(home.settings_path, [*others, WitnessAt(url=url, vkey=str(key))])
    say_nature(settings.simulated)
    click.echo(_("The witness {name} is asked from now on.").format(name=key.name))


def _key(vkey: str) -> WitnessKey:
    try:
        return WitnessKey.parse(vkey.strip())
    except NoteError:
        raise click.BadParameter(
            _("not a witness's verifying key (Ed25519, signature type 4)"), param_hint="VKEY"
        ) from None


@witness.command()
@click.argument("which", metavar="VKEY|NAME")
@click.pass_context
def remove(ctx: click.Context, *, which: str) -> None:
    """Ask this witness no more. What it signed stays: the entries, and the head that the home remembers of it."""
    home = home_of(ctx)
    settings = home.settings()
    found = [each for each in settings.witness if which in {each.vkey, WitnessKey.parse(each.vkey).name}]
    if len(found) != 1:
        raise NotFound(
            _("Not exactly one witness has this key or name: {which}.").format(which=which),
            _("Find its key with: counterfoil journal witness list"),
        )
    write_witnesses(home.settings_path, [each for each in settings.witness if each not in found])
    say_nature(settings.simulated)
    click.echo(_("The witness {name} is asked no more.").format(name=WitnessKey.parse(found[0].vkey).name))


@dataclass(frozen=True, slots=True)
class _Signed:
    """The last head that a witness signed, as the home remembers it. at: by the witness's clock, ms UTC."""

    size: int
    at: int


@witness.command("list")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """The witnesses, and what each signed last; says where that was more than three days ago."""
    home = home_of(ctx)
    settings, remembered = home.settings(), heads.remembered(home.path)
    rows = []
    for each in settings.witness:
        key = WitnessKey.parse(each.vkey)
        rows.append((each, key, _signed(key, remembered.get(key.head_name))))
    now = time.time_ns() // 1_000_000
    if as_json:
        document = [
            {
                "name": key.name,
                "vkey": each.vkey,
                "url": each.url,
                "size": None if last is None else last.size,
                "at": None if last is None else iso(last.at),
                "overdue": _is_overdue(last, now),
            }
            for each, key, last in rows
        ]
        say_json({"simulated": settings.simulated, "witnesses": document})
        return
    say_nature(settings.simulated)
    for each, key, last in rows:
        if last is None:
            told = _("nothing signed yet")
        else:
            told = _("{size} entries signed at {time}").format(size=last.size, time=iso(last.at))
        click.echo(f"{key.name}  {each.url}  {told}")
        click.echo(f"  {each.vkey}")
        if last is not None and _is_overdue(last, now):
            click.echo("  " + _("More than three days ago. Ask it with: counterfoil journal witness push"))
    if not rows:
        click.echo(_("There are none."), err=True)


def _signed(key: WitnessKey, note: str | None) -> _Signed | None:
    with suppress(NoteError):
        parsed = Note.parse(note or "")
        return _Signed(Checkpoint.parse_text(parsed.text).size, key.cosigned(parsed).time * 1_000)
    return None


def _is_overdue(last: _Signed | None, now: int) -> bool:
    return last is None or now - last.at > OVERDUE_MS


@witness.command()
@passphrase_file
@as_json
@click.pass_context
def push(ctx: click.Context, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Show the last head to every witness now, and record what they say.

    Exit 0: all signed; 1: one refused, or sent no signature of its own; 3: one could not be asked.
    """
    home = home_of(ctx)
    settings = home.settings()
    if not settings.witness:
        raise HomeError(_("This home has no witness."), _("Name one with: counterfoil journal witness add URL VKEY"))
    with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
        answers = desk.ask_witnesses()
    if as_json:
        say_json({"simulated": settings.simulated, "witnesses": [_document(each) for each in answers]})
    else:
        say_nature(settings.simulated)
        for each in answers:
            click.echo("\n  ".join(_told(each)))
    outcomes = {each.outcome for each in answers}
    ctx.exit(1 if outcomes & _NO else 3 if outcomes != {WitnessOutcome.COSIGNED} else 0)


def _document(answer: WitnessAnswer) -> dict[str, object]:
    return {
        "name": answer.name,
        "vkey": answer.vkey,
        "url": answer.url,
        "outcome": answer.outcome.value,
        "size": answer.size,
        "at": None if answer.at is None else iso(answer.at),
        "status": answer.status,
        "old_size": answer.old_size,
        "remembered_size": answer.remembered_size,
        "reason": answer.reason,
    }


def _told(answer: WitnessAnswer) -> tuple[str, ...]:
    """One sentence of what happened; where it is no signature, one of what to do."""
    name = answer.name
    match answer.outcome:
        case WitnessOutcome.COSIGNED:
            told = _("{name} signed the head of {size} entries at {time}.")
            return (told.format(name=name, size=answer.size, time=iso(answer.at or 0)),)
        case WitnessOutcome.REFUSED:
            facts = {"witness": answer.vkey, "old_size": str(answer.old_size)}
            if answer.remembered_size is not None:
                facts["remembered_size"] = str(answer.remembered_size)
            return words(Notice(NoticeCode.WITNESS_REFUSED, 0, facts))
        case WitnessOutcome.NOT_VERIFIED:
            return (
                _("What {name} sent is not its signature over this head; nothing of it was kept.").format(name=name),
                _("See that address and key belong together: counterfoil journal witness list"),
            )
        case WitnessOutcome.UNKNOWN_RECORD:
            return (
                _("{name} does not watch this record ({status}).").format(name=name, status=answer.status),
                _("Give its keeper the record's key (counterfoil journal head prints it), or mend its address."),
            )
        case WitnessOutcome.UNREACHABLE:
            return (
                _("{name} cannot be reached: {reason}.").format(name=name, reason=answer.reason),
                _("Check its address and the network; an agent at work asks again by itself."),
            )
        case WitnessOutcome.NOT_UNDERSTOOD:
            return (
                _("{name} answers as no witness does ({status}).").format(name=name, status=answer.status),
                _("See that its address is right: counterfoil journal witness list"),
            )
