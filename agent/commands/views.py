"""What `counterfoil journal verify --views` says of the views."""

from __future__ import annotations

import click

from agent.language import _
from agent.projection_check import ViewsReport


def views_document(report: ViewsReport) -> dict[str, object]:
    """As JSON: size is in entries; table and row are null where the views are as they should be or cannot be read."""
    return {
        "ok": report.ok,
        "size": report.size,
        "what": report.what,
        "todo": None if report.ok else report.todo,
        "table": report.table,
        "row": report.row,
    }


def say_views(report: ViewsReport) -> None:
    """In words."""
    if report.what is None:
        click.echo(_("The views say what the first {size} entries say.").format(size=report.size))
    else:
        click.echo(report.what)
        click.echo(f"  {report.todo}")
