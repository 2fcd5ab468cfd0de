"""`counterfoil operator`: who works at the counter, and their PINs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from getpass import getpass
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.commands.options import as_json, home_of, iso, passphrase_file, say_json, say_nature
from agent.errors import PeopleError
from agent.figures import local_time
from agent.language import _
from agent.opening import open_desk, passphrase_sources
from agent.people.people_types import AddOperator, Credential, PeopleChange, RemoveOperator, SetPin
from agent.report import padded
from agent.views import Role
from agent.wording import role_name

F = TypeVar("F", bound=Callable[..., Any])
_LONGEST_LINE = 4_096
pin_fd = click.option(
    "--pin-fd", type=click.IntRange(min=0), help="A file descriptor to read PINs from, one a line, in the order asked."
)


class Secrets:
    """PINs and codes: from the descriptor, a line each, or asked for on the terminal; never in argv."""

    def __init__(self, pin_fd: int | None) -> None:
        self._lines: list[str] | None = None
        if pin_fd is not None:
            try:
                self._lines = os.read(pin_fd, _LONGEST_LINE).decode("ascii", "replace").splitlines()
            except OSError as error:
                raise click.BadParameter(str(error.strerror), param_hint="--pin-fd") from None

    def ask(self, words: str, *, twice: bool = False) -> str:
        """twice: a new one, typed again to be sure. Raises PeopleError where there is nobody to ask."""
        if self._lines is not None:
            return self._lines.pop(0).strip() if self._lines else ""
        if not sys.stdin.isatty():
            raise PeopleError(
                _("A PIN is needed, and there is no terminal to ask on."),
                _("Run it on a terminal, or give the PINs with --pin-fd."),
            )
        told = getpass(f"{words}: ")
        if twice and getpass(f"{_('The same again')}: ") != told:
            raise PeopleError(_("The two are not the same; nothing was changed."), _("Run the command again."))
        return told

    def of(self, operator: str) -> Credential:
        return Credential(operator, self.ask(_("PIN of {operator}").format(operator=operator)))


def _deciding(command: F) -> F:
    for option in (as_json, passphrase_file, pin_fd):
        command = option(command)
    return command


@click.group()
def operator() -> None:
    """People at the counter: add, pin, reset, remove, list.

    A cashier sells, and refunds up to the limit; a manager refunds, decides and adds people; a technician looks after the
    device and moves no money. PINs are asked for on the terminal, or read from --pin-fd, never given as an argument.
    """


@operator.command()
@click.argument("short_name")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--name", default="", help="The person's name; it can be erased, its fingerprint stays.")
@click.option("--operator", "by", help="The manager who adds him; not needed for the first manager.")
@_deciding
@click.pass_context
def add(
    ctx: click.Context,
    *,
    short_name: str,
    role: str,
    name: str,
    by: str | None,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Add a person. The first is a manager, and is shown a recovery code: print it, and keep it apart.

    \b
    Examples:
      counterfoil operator add 01 --role manager --name 王芳
      counterfoil operator add 02 --role cashier --operator 01
    """
    secrets = Secrets(pin_fd)
    credential = None if by is None else secrets.of(by)
    pin = secrets.ask(_("New PIN of {operator}").format(operator=short_name), twice=True)
    _change(ctx, AddOperator(short_name, Role(role), pin, name, credential), passphrase_file, as_json=as_json)


@operator.command()
@click.argument("short_name")
@_deciding
@click.pass_context
def pin(
    ctx: click.Context, *, short_name: str, pin_fd: int | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Change one's own PIN: the old one is asked for first."""
    secrets = Secrets(pin_fd)
    by = secrets.of(short_name)
    new = secrets.ask(_("New PIN of {operator}").format(operator=short_name), twice=True)
    _change(ctx, SetPin(short_name, new, by), passphrase_file, as_json=as_json)


@operator.command()
@click.argument("short_name")
@click.option("--operator", "by", help="The manager who sets it.")
@click.option("--recovery", is_flag=True, help="A manager's, with the printed recovery code; a new code is shown.")
@click.option("--reason", default="", help="Why; it can be erased, its fingerprint stays.")
@_deciding
@click.pass_context
def reset(
    ctx: click.Context,
    *,
    short_name: str,
    by: str | None,
    recovery: bool,
    reason: str,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Set a new PIN for somebody who forgot his, or is locked out.

    \b
    Examples:
      counterfoil operator reset 02 --operator 01
      counterfoil operator reset 01 --recovery
    """
    if recovery == (by is not None):
        raise click.UsageError(_("Give --operator, or --recovery."))
    secrets = Secrets(pin_fd)
    code = secrets.ask(_("Recovery code")) if recovery else None
    credential = None if by is None else secrets.of(by)
    new = secrets.ask(_("New PIN of {operator}").format(operator=short_name), twice=True)
    _change(ctx, SetPin(short_name, new, credential, code, reason), passphrase_file, as_json=as_json)


@operator.command()
@click.argument("short_name")
@click.option("--operator", "by", required=True, help="The manager who removes him.")
@click.option("--reason", default="", help="Why; it can be erased, its fingerprint stays.")
@_deciding
@click.pass_context
def remove(
    ctx: click.Context,
    *,
    short_name: str,
    by: str,
    reason: str,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Somebody works here no more: his PIN opens nothing, what he did stays in the record."""
    secrets = Secrets(pin_fd)
    _change(ctx, RemoveOperator(short_name, secrets.of(by), reason), passphrase_file, as_json=as_json)


@operator.command("list")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """Everybody who works here or did, with role and lock-out."""
    with open_desk(home_of(ctx)) as desk:
        rows, simulated = desk.people(), desk.status().simulated
    if as_json:
        shown = [
            {
                "operator": row.operator,
                "role": row.role,
                "name": row.name,
                "works": row.works,
                "locked_until": iso(row.locked_until) if row.locked_until else None,
            }
            for row in rows
        ]
        say_json({"simulated": simulated, "operators": shown})
        return
    say_nature(simulated)
    zone = home_of(ctx).settings().time_zone
    for row in rows:
        state = "" if row.works else _("works here no more")
        if row.locked_until:
            state = _("locked until {time}").format(time=local_time(row.locked_until, zone))
        words = (padded(row.operator, 16), padded(role_name(row.role), 10), row.name or "-", state)
        click.echo("  ".join(words).rstrip())
    if not rows:
        click.echo(_("Nobody yet. Add the first manager: counterfoil operator add 01 --role manager"), err=True)


def _change(ctx: click.Context, asked: PeopleChange, passphrase_file: Path | None, *, as_json: bool) -> None:
    with open_desk(home_of(ctx), sources=passphrase_sources(passphrase_file), record=True) as desk:
        code: str | None = None
        match asked:
            case AddOperator():
                code = desk.add_operator(asked)
            case SetPin():
                code = desk.set_pin(asked)
            case RemoveOperator():
                desk.remove_operator(asked)
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, "operator": asked.operator, "recovery_code": code})
        return
    say_nature(simulated)
    click.echo(_("Done, and recorded: operator {operator}").format(operator=asked.operator))
    if code is not None:
        click.echo(_("Recovery code: {code}").format(code=code))
        click.echo(_("It is shown this once: write it down, and keep it apart from this computer."), err=True)
