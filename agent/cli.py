"""`counterfoil`: the command line. Commands are imported when they are called; `--help` imports none of them.

The screens and the simulator join by the entry-point group `counterfoil.commands`, so that nothing here imports upwards.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.errors import CounterfoilError
from agent.language import LANGUAGES, _, choose_language

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS_GROUP = "counterfoil.commands"

_COMMANDS = {
    "demo": ("agent.commands.demo", "A day of trade on a simulated terminal, recorded and reported."),
    "init": ("agent.commands.init", "Make a home: key, journal, settings, for one terminal."),
    "serve": ("agent.commands.serve", "Run the agent without screens."),
    "journal": ("agent.commands.journal", "The signed record: head, verify, log, show, proof, rebuild."),
    "transactions": ("agent.commands.transactions", "The day's work: list, show."),
    "terminal": ("agent.commands.terminal", "The terminal: info, sync."),
}
_JOINED = {
    "sim": "The simulator alone: a terminal and its acquirer on a pty.",
    "tui": "The screens, on this home.",
}


class _LazyGroup(click.Group):
    """Knows its commands by name and one line; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_COMMANDS, *_JOINED})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            from importlib import import_module  # noqa: PLC0415

            return getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name)  # type: ignore[no-any-return]
        from importlib.metadata import entry_points  # noqa: PLC0415

        for point in entry_points(group=COMMANDS_GROUP, name=cmd_name):
            return point.load()  # type: ignore[no-any-return]
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        about = {name: line for name, (_module, line) in _COMMANDS.items()} | _JOINED
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(about[name])) for name in self.list_commands(ctx)])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """One sentence of what happened, one of what to do; no traceback without --debug."""
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except CounterfoilError as error:
            if "--debug" in sys.argv:
                raise
            _say(error.what, error.todo)
            sys.exit(error.exit_code)
        except click.exceptions.Abort:
            sys.exit(130)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:
            if "--debug" in sys.argv:
                raise
            _say(
                _("The system refused: {reason}.").format(reason=error),
                _("Check the disk and the rights of the folder; --debug shows where it happened."),
            )
            sys.exit(3)
        sys.exit(code if isinstance(code, int) else 0)


def _say(what: str, todo: str) -> None:
    click.echo(f"{what}\n{todo}".rstrip(), err=True)


def _default_home() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415

    return user_data_path("counterfoil")


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit: 0 done or yes; 1 the answer is no; 2 wrong usage; 3 cannot.",
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="COUNTERFOIL_HOME",
    help="The folder of keys, journal and settings (or COUNTERFOIL_HOME).",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language [default: from the locale].")
@click.option("--debug", is_flag=True, help="Show a traceback where something fails.")
@click.pass_context
def counterfoil(ctx: click.Context, *, home: Path | None, lang: str | None, debug: bool) -> None:
    """存根 counterfoil: the merchant's own signed record of what the card terminal did.

    \b
    Try it:       counterfoil demo
    With a tty:   counterfoil            opens the screens
    In a script:  counterfoil demo --headless --transactions 300 --seed 7 --json
    """
    from agent.settings import Invocation  # noqa: PLC0415

    language = choose_language(lang)
    given = home is not None
    ctx.obj = Invocation(
        home=home if home is not None else _default_home(), named=given, language=language, debug=debug
    )
    if ctx.invoked_subcommand is None:
        command = counterfoil.get_command(ctx, "tui") if sys.stdin.isatty() and sys.stdout.isatty() else None
        if command is None:
            click.echo(ctx.get_help())
        else:
            ctx.invoke(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exits: 0 done or yes, 1 the answer is no, 2 wrong usage, 3 cannot."""
    counterfoil.main(args=arguments, prog_name="counterfoil")
