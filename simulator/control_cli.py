"""`counterfoil sim commands` and `sim control`: what can be done to a running simulator, and doing it.

Imported by `counterfoil --help`: heavy imports stand inside functions.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

_REFUSED, _CANNOT = 1, 3


@click.command("commands")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_commands(*, as_json: bool) -> None:
    """What can be done to a running simulator: the commands of `sim control`, and their arguments."""
    from simulator.commands import COMMANDS  # noqa: PLC0415

    if as_json:
        click.echo(json.dumps({name: command.document() for name, command in COMMANDS.items()}))
        return
    for command in COMMANDS.values():
        click.echo(f"{command.written}\n    {command.what}")
        for one in command.arguments:
            bounds = f" {one.least}..{one.most}" if one.number else f": {', '.join(one.choices)}" if one.choices else ""
            default = "" if one.default is None else f" [{one.default}]"
            click.echo(f"    {one.name}{bounds}{default}  {one.what}")
        refused = "; ".join(filter(None, ("not awake" if command.awake else "", command.refused)))
        if refused:
            click.echo(f"    Refused: {refused}.")


@click.command("control")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("commands", nargs=-1, required=True, metavar="COMMAND[:KEY=VALUE,…]…")
@click.option("--json", "as_json", is_flag=True, help="Each answer as it came, one JSON document a line.")
def send_commands(*, path: Path, commands: tuple[str, ...], as_json: bool) -> None:
    """Command the simulator whose --control PATH this is, one command after the other, until one is refused.

    `sim commands` lists them. The value of a first argument may stand without its key; a command that begins with { is a
    JSON document, for values with a comma. Exit 0: all done; 1: refused, with the state; 3: no simulator is there.

    \b
    Examples:
      counterfoil sim control /tmp/control present:visa sell:12300 wait:idle screen
      counterfoil sim control /tmp/control pull_cable wait:no_session plug_cable wait:session,for=30000
      counterfoil sim control /tmp/control offline advance:ms=3600000 online state --json
      counterfoil sim control /tmp/control fault:drop,share=200000,to=agent clear_faults
      counterfoil sim control /tmp/control '{"do":"change","merchant_name":"演练小馆, 二店"}'
    """
    from simulator.errors import SimulatorError  # noqa: PLC0415

    try:
        documents = [_document(text) for text in commands]
    except SimulatorError as error:
        raise click.UsageError(str(error)) from None
    for document, answer in zip(documents, _answers(path, documents), strict=True):
        _show(document.get("do"), answer, as_json=as_json)


def _document(text: str) -> dict[str, Any]:
    """As it goes over the socket. SimulatorError: neither of the two forms."""
    from simulator.commands import parse_command  # noqa: PLC0415
    from simulator.errors import SimulatorError  # noqa: PLC0415

    if not text.startswith("{"):
        name, values = parse_command(text)
        return {"do": name, **values}
    try:
        document = json.loads(text)
    except ValueError:
        raise SimulatorError("A command that begins with { is no JSON document.", "Quote it for the shell.") from None
    assert isinstance(document, dict)  # of what begins with { nothing else is read
    return document


def _answers(path: Path, documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each answer as it comes, before the next document is sent. Exits where nobody is there, or no longer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(str(path))
            with link.makefile("rb") as lines:
                for document in documents:
                    link.sendall(json.dumps(document).encode() + b"\n")
                    if not (line := lines.readline()):
                        raise ConnectionResetError(0, "it went away")
                    yield json.loads(line)
    except OSError as error:
        click.echo(
            f"Nobody can be commanded at {path}: {error.strerror or error}. "
            "Start a simulator with --control and that path.",
            err=True,
        )
        sys.exit(_CANNOT)


def _show(name: object, answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    elif not answer["ok"]:
        click.echo(f"{name}: {answer['what']} {answer['todo']}", err=True)
        _tell(answer["state"], err=True)
    else:
        _tell({key: value for key, value in answer.items() if key != "ok"})
    if not answer["ok"]:
        sys.exit(_REFUSED)


def _tell(facts: dict[str, Any], *, err: bool = False) -> None:
    """A key and its value a line; lists of lines as they are."""
    for key, value in facts.items():
        if key in ("screen", "lines"):
            for line in value:
                click.echo(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False), err=err)
        else:
            told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            click.echo(f"{key}: {told}", err=err)
