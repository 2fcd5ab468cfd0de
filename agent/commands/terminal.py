"""`counterfoil terminal`: ask the terminal itself."""

from __future__ import annotations

from pathlib import Path

import click

from agent.commands.options import as_json, home_of, iso, passphrase_file, say_json
from agent.language import _
from agent.opening import await_session, open_desk, passphrase_sources


@click.group()
def terminal() -> None:
    """The terminal: info, sync."""


@terminal.command()
@passphrase_file
@as_json
@click.pass_context
def info(ctx: click.Context, *, passphrase_file: Path | None, as_json: bool) -> None:
    """What the terminal says of itself."""
    with open_desk(home_of(ctx), work=True, sources=passphrase_sources(passphrase_file)) as desk:
        await_session(desk)
        found = desk.terminal_info()
    if as_json:
        say_json(
            {
                "terminal": found.terminal,
                "serial_number": found.serial_number,
                "model": found.model,
                "firmware": found.firmware,
                "mid": found.mid,
                "tid": found.tid,
                "merchant_name": found.merchant_name,
                "mcc": found.mcc,
                "clock": iso(found.clock),
                "log_epoch": found.log_epoch,
                "simulated": found.simulated,
            }
        )
        return
    for label, value in (
        (_("Terminal"), found.terminal),
        (_("Serial number"), found.serial_number),
        (_("Model"), found.model),
        (_("Firmware"), found.firmware),
        (_("Merchant id"), found.mid),
        (_("Terminal id"), found.tid),
        (_("Merchant as shown"), found.merchant_name or "-"),
        (_("Merchant category"), found.mcc or "-"),
        (_("Its clock"), iso(found.clock)),
    ):
        click.echo(f"{label}: {value}")


@terminal.command()
@passphrase_file
@as_json
@click.pass_context
def sync(ctx: click.Context, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Ask the terminal for every event that the journal lacks, and wait until it is recorded."""
    with open_desk(home_of(ctx), work=True, sources=passphrase_sources(passphrase_file)) as desk:
        await_session(desk)
        result = desk.sync()
    if as_json:
        say_json({"last_event": result.last_event, "received": result.received})
    else:
        click.echo(
            _("The journal holds every event up to {last}; {count} came now.").format(
                last=result.last_event, count=result.received
            )
        )
