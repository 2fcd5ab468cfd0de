"""`counterfoil journal backup|restore|rotate-key|erase`: the record as a whole, and what stands beside it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from getpass import getpass, getuser
from pathlib import Path

import click

from agent.commands.options import F, as_json, home_of, iso, passphrase_file, say_json, say_nature, vkey_told
from agent.commands.progress import progress_bar
from agent.errors import KeyRefused
from agent.home import Home
from agent.journal import engine, keys
from agent.journal.keys import PassphraseSources, Told
from agent.language import _
from agent.opening import open_desk, passphrase_sources

_new_passphrase = click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the passphrase that is to lock the new key, on its first line.",
)
_no_passphrase = click.option(
    "--no-passphrase", is_flag=True, help="Lock the new key with a random secret that lies beside it."
)


def _operator(what: str) -> Callable[[F], F]:
    return click.option("--operator", help=f"Who {what} [default: the user of this computer].")


def _who(operator: str | None) -> str:
    return operator or getuser()


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@as_json
@click.pass_context
def backup(ctx: click.Context, *, target: Path, as_json: bool) -> None:
    """Copy the whole record into the file TARGET and verify the copy; or into a folder, under a name of its own.

    A running agent is not disturbed. Beside the copy stand TARGET.vkey and TARGET.note: the key that verifies it, and its
    last signed head. The copy holds names and free texts too, and no key that signs: keep it as you keep your books.

    \b
    Example:
      counterfoil journal backup /media/usb
    """
    from agent.custody.backup import back_up  # noqa: PLC0415

    home = home_of(ctx)
    settings = home.settings()
    if target.is_dir():
        target /= f"counterfoil-{settings.terminal}-{time.strftime('%Y%m%d-%H%M%S')}.db"
    with progress_bar(_("Copying")) as bar:
        made = back_up(home.journal, keys.verifying_key(home.path), target, bar)
    if as_json:
        say_json(
            {
                "simulated": settings.simulated,
                "path": str(made.path),
                "size": made.size,
                "sha256": made.sha256,
                "note": made.note,
                "vkey": made.vkey,
            }
        )
        return
    say_nature(settings.simulated)
    click.echo(_("{path} holds {size} entries and verifies.").format(path=made.path, size=made.size))
    click.echo(f"SHA-256 {made.sha256}")


@click.command()
@click.argument("copy", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--vkey", help="The copy's verifying key [default: COPY.vkey beside it, else this home's].")
@click.option("--port", help="For a new home: device path or pyserial URL of the terminal's line.")
@_operator("restores")
@click.option("--reason", help="Why, in your words; kept beside the record, not in it.")
@passphrase_file
@_new_passphrase
@_no_passphrase
@as_json
@click.pass_context
def restore(
    ctx: click.Context,
    *,
    copy: Path | None,
    vkey: str | None,
    port: str | None,
    operator: str | None,
    reason: str | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Go on from COPY, a backup; without COPY from this home's own record, where its key is lost.

    The record goes on under a new origin and a new key; the next entry says so, and names the longest head that was
    remembered beyond the copy, so that what is missing is not hidden. What stood here before is put aside, read-only. Events
    that the terminal still has are fetched again at the next start. The agent must not be running.

    \b
    Examples:
      counterfoil journal restore /media/usb/counterfoil-SN1-20260302-180000.db
      counterfoil --home new journal restore copy.db --port /dev/ttyUSB0      (a new computer)
      counterfoil journal restore --no-passphrase                              (the passphrase is forgotten)
    """
    from agent.custody.new_home import restore_home  # noqa: PLC0415
    from agent.custody.restore import key_of  # noqa: PLC0415

    home = home_of(ctx)
    if copy is None:
        home.settings()
    engine.require_journal(copy or home.journal)
    key = vkey_told(vkey) or key_of(copy or home.journal, home.path)
    new = _new(home, new_passphrase_file, no_passphrase=no_passphrase)
    old = passphrase_sources(passphrase_file, ask=False)
    restored = restore_home(home, copy, port=port, key=key, old=old, new=new, operator=_who(operator), reason=reason)
    settings = home.settings()
    if as_json:
        say_json(
            {
                "simulated": settings.simulated,
                "origin": restored.head.origin,
                "size": restored.head.size,
                "entries": restored.entries,
                "lost": restored.lost,
                "aside": None if restored.aside is None else str(restored.aside),
                "note": restored.head.note,
                "vkey": restored.head.vkey,
            }
        )
        return
    say_nature(settings.simulated)
    click.echo(_("The record goes on after {size} entries, under a new key.").format(size=restored.entries))
    if restored.lost:
        click.echo(_("{count} entries that were signed after the copy are missing.").format(count=restored.lost))
    if restored.aside is not None:
        click.echo(_("What was here before is in {path}.").format(path=restored.aside))
    _tell_key(restored.head.vkey)


@click.command("rotate-key")
@_operator("changes the key")
@click.option("--reason", help="Why, in your words; kept beside the record, not in it.")
@passphrase_file
@_new_passphrase
@_no_passphrase
@as_json
@click.pass_context
def rotate_key(
    ctx: click.Context,
    *,
    operator: str | None,
    reason: str | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Sign with a new key from now on, and destroy the old one; also the way to another passphrase.

    Both keys sign the head over the entry that names the new one, so that whoever holds the old verifying key can follow.
    Hand the new one out as you did the old. Do it when somebody may have had the key, or knew the passphrase; what a thief
    of the old key can still do is said in docs/journal.md.
    """
    home = home_of(ctx)
    home.settings()
    new = _new(home, new_passphrase_file, no_passphrase=no_passphrase).passphrase()
    with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
        simulated = desk.status().simulated
        done = desk.rotate_key(new, _who(operator), reason)
    if as_json:
        say_json(
            {
                "simulated": simulated,
                "old_vkey": done.old_vkey,
                "new_vkey": done.new_vkey,
                "size": done.size,
                "note": done.note,
            }
        )
        return
    say_nature(simulated)
    click.echo(_("The new key signs from entry {seq} on; the old one is destroyed.").format(seq=done.size - 1))
    _tell_key(done.new_vkey)


@click.command()
@click.argument("first", type=click.IntRange(0, 2**53))
@click.argument("last", type=click.IntRange(0, 2**53), required=False)
@click.option("--field", help="Only this field, as `journal show SEQ --json` names it under `private` [default: all].")
@_operator("erases")
@click.option("--reason", required=True, help="Why, in your words; kept beside the record, not in it.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@passphrase_file
@as_json
@click.pass_context
def erase(
    ctx: click.Context,
    *,
    first: int,
    last: int | None,
    field: str | None,
    operator: str | None,
    reason: str,
    yes: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Erase the names and free texts that stand beside the entries FIRST to LAST, for good; an entry says so.

    The entries themselves stay, with the salted hashes of what was erased, and the record verifies as before. Copies made
    earlier still hold the values.

    \b
    Example:
      counterfoil journal erase 120 --field merchant_name --reason '客户要求删除'
    """
    home = home_of(ctx)
    home.settings()
    last = first if last is None else last
    if last < first:
        raise click.BadParameter(_("LAST is not before FIRST"), param_hint="LAST")
    if not yes and sys.stdin.isatty():
        click.confirm(
            _("Erase what stands beside the entries {first} to {last}?").format(first=first, last=last), abort=True
        )
    with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
        simulated = desk.status().simulated
        head = desk.erase(first, last, field, _who(operator), reason)
    if as_json:
        say_json({"simulated": simulated, "seq": head.size - 1, "at": iso(head.at), "note": head.note})
        return
    say_nature(simulated)
    click.echo(_("Erased; entry {seq} says so.").format(seq=head.size - 1))


def _new(home: Home, file: Path | None, *, no_passphrase: bool) -> PassphraseSources:
    """What is to lock the new key. Nobody chooses no passphrase by leaving an option out where there was one."""
    if file is not None:
        return PassphraseSources(file=file)
    if no_passphrase or (keys.needs_no_passphrase(home.path) is True):
        return Told()
    if not sys.stdin.isatty():
        raise KeyRefused(
            _("It is not said what is to lock the new key."),
            _("Give --new-passphrase-file, or --no-passphrase for a secret that lies beside the key."),
        )
    first = getpass(_("New passphrase") + ": ")
    if getpass(_("The same again") + ": ") != first:
        raise KeyRefused(_("The two passphrases differ."), _("Nothing was changed; try again."))
    return Told(said=first.encode())


def _tell_key(vkey: str) -> None:
    click.echo(_("Key: {vkey}").format(vkey=vkey), err=True)
