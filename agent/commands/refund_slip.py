"""`counterfoil refund slip`: what the customer is handed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from agent.commands.options import home_of, say_nature
from agent.errors import CounterfoilError
from agent.journal.keys import verifying_key
from agent.journal.proof import prove
from agent.journal.reader import open_reader
from agent.language import _
from agent.opening import open_desk


@click.command()
@click.argument("reference")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A PDF file [default: text].")
@click.option("--columns", type=click.Choice(["32", "48"]), default="32", help="Of the text: a printer of 58 or 80 mm.")
@click.pass_context
def slip(ctx: click.Context, *, reference: str, output: Path | None, columns: str) -> None:
    """The customer's slip of a refund or void: as text, or as PDF with the record's proof in a code.

    \b
    Examples:
      counterfoil refund slip 0192e5a0 > /dev/usb/lp0
      counterfoil --lang zh_CN refund slip 0192e5a0 -o slip.pdf
    """
    from agent.refunds.slip import code_of_proof, slip_lines, slip_pdf, slip_text  # noqa: PLC0415

    home = home_of(ctx)
    settings = home.settings()
    with open_desk(home) as desk:
        view = desk.refund_view(reference)
        sale, intent = desk.transaction(view.sale), desk.intent(view.reference)
    last: Any = intent.entries[-1]
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        proof, entry = prove(journal, last["seq"]), journal.raw_entry(last["seq"])
    lines = slip_lines(view, sale, proof, settings.time_zone, simulated=settings.simulated)
    if output is None:
        click.echo(slip_text(lines, int(columns)), nl=False)
        return
    say_nature(settings.simulated)
    raw, lacks = slip_pdf(lines, code_of_proof(proof, entry))
    try:
        output.write_bytes(raw)
    except OSError as error:
        raise CounterfoilError(
            _("The file {file} cannot be written: {reason}.").format(file=output, reason=error.strerror),
            _("Name another one, or give this user the right to write there."),
        ) from None
    if lacks:
        click.echo(_("The font lacks {signs}: shown as 〓.").format(signs=lacks), err=True)
