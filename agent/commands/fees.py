"""`counterfoil fees`: what should be charged, what was, what to do about it. A subcommand is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = {
    "quote": ("agent.commands.fees_quote", "quote", "What a sale should cost, line by line."),
    "tariff": ("agent.commands.fees_tariff", "tariff", "What was agreed: list, add, consent, refuse."),
    "audit": ("agent.commands.fees_audit", "audit", "What was charged, held against what was agreed."),
    "claims": ("agent.commands.fees_claims", "claims", "What the provider owes, and what became of it."),
    "report": ("agent.commands.fees_report", "report", "A month's fees, by product."),
    "compare": ("agent.commands.fees_report", "compare", "Providers side by side, on the shop's own trade."),
    "tickets": ("agent.commands.fees_tickets", "tickets", "What was reported to the provider: add, list."),
    "costs": ("agent.commands.fees_report", "costs", "What taking cards costs, in four classes."),
}
"""Name -> module, attribute, one line."""


class _FeesGroup(click.Group):
    """Knows its commands by name and one line; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _line = _COMMANDS[cmd_name]
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_module, _attribute, line) in _COMMANDS.items()])


@click.group(cls=_FeesGroup)
def fees() -> None:
    """What should be charged, what was, and a claim that stands."""
