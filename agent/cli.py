"""`counterfoil`: the command line. Commands are imported when they are called; `--help` imports none of them.

The screens and the simulator join by the entry-point group `counterfoil.commands`, so that nothing here imports upwards.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.errors import CounterfoilError
from agent.language import LANGUAGES, _, choose_language

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMMANDS_GROUP = "counterfoil.commands"


def N_(text: str) -> str:  # noqa: N802  gettext's own name for "to be translated, later"
    return text


_COMMANDS = {
    "demo": ("agent.commands.demo", N_("A day of trade on a simulated terminal, recorded and reported.")),
    "init": ("agent.commands.init", N_("Make a home: key, journal, settings, for one terminal.")),
    "serve": ("agent.commands.serve", N_("Run the agent without screens.")),
    "unlock": ("agent.commands.unlock", N_("Give the passphrase to the agent that waits for it.")),
    "journal": ("agent.commands.journal", N_("The signed record: check it, prove it, copy it, keep its key.")),
    "intent": ("agent.commands.intent", N_("Money requests of unknown outcome: list, show, park, resolve.")),
    "operator": ("agent.commands.operator", N_("People at the counter: add, pin, reset, remove, list.")),
    "refund": ("agent.commands.refund", N_("Money back, guarded: create, list, show, note.")),
    "void": ("agent.commands.refund", N_("Take a whole sale of today back.")),
    "transactions": ("agent.commands.transactions", N_("The day's work: list, show.")),
    "fees": ("agent.commands.fees", N_("What should be charged, what was, and a claim that stands.")),
    "statement": ("agent.commands.statement", N_("The provider's own files, held against the record.")),
    "credits": ("agent.commands.credits", N_("What reached the bank account: add, import, list.")),
    "terminal": ("agent.commands.terminal", N_("The terminal: info, status, pair, unpair, self-test, echo, sync.")),
}
_JOINED = {
    "sim": N_("The simulator alone: a terminal and its acquirer on a pty."),
    "tui": N_("The screens, on this home."),
}
_ABOUT = N_("存根 counterfoil: the merchant's own signed record of what the card terminal did.")
_EXAMPLES = N_(
    "Try it:       counterfoil demo\n"
    "With a tty:   counterfoil            opens the screens\n"
    "In a script:  counterfoil demo --headless --transactions 300 --seed 7 --json"
)
_OF_CLICK = (N_("Options"), N_("Commands"), N_("Show this message and exit."))


class _FirstPage(click.HelpFormatter):
    """The first page of help in the language in force. The commands' own pages and usage errors are English."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, _("Usage: "))

    def write_heading(self, heading: str) -> None:
        super().write_heading(_(heading))

    def write_text(self, text: str) -> None:
        told = [_(paragraph) for paragraph in text.split("\n\n")]
        super().write_text("\n\n".join(f"\b\n{lines}" if "\n" in lines else lines for lines in told))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(name, _(line)) for name, line in rows], col_max, col_spacing)


class _FirstContext(click.Context):
    formatter_class = _FirstPage


class _LazyGroup(click.Group):
    """Knows its commands by name and one line; imports one when it is called."""

    context_class = _FirstContext

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
        with formatter.section("Commands"):
            formatter.write_dl([(name, about[name]) for name in self.list_commands(ctx)])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """One sentence of what happened, one of what to do; no traceback without --debug."""
        kwargs["standalone_mode"] = False
        choose_language()  # --help comes before anything else is read
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
        except Exception as error:
            if "--debug" in sys.argv:
                raise
            _say(
                _("Something unforeseen happened: {kind}: {reason}").format(kind=type(error).__name__, reason=error),
                _("Run the same with --debug after counterfoil, and report what it shows; the journal is safe."),
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
    help=f"{_ABOUT}\n\n{_EXAMPLES}",
    epilog=N_("Exit: 0 done or yes; 1 the answer is no; 2 wrong usage; 3 cannot."),
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="COUNTERFOIL_HOME",
    help=N_("The folder of keys, journal and settings (or COUNTERFOIL_HOME)."),
)
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    is_eager=True,  # for the --help after it
    callback=lambda _ctx, _option, given: choose_language(given),
    help=N_("The language [default: from the locale]."),
)
@click.option("--debug", is_flag=True, help=N_("Show a traceback where something fails."))
@click.pass_context
def counterfoil(ctx: click.Context, *, home: Path | None, lang: str, debug: bool) -> None:
    """The options of every command, and what is done without one."""
    from agent.settings import Invocation  # noqa: PLC0415

    given = home is not None
    ctx.obj = Invocation(
        home=home.absolute() if home is not None else _default_home(), named=given, language=lang, debug=debug
    )
    if ctx.invoked_subcommand is None:
        command = counterfoil.get_command(ctx, "tui") if sys.stdin.isatty() and sys.stdout.isatty() else None
        if command is None:
            click.echo(ctx.get_help())
        else:
            ctx.invoke(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exits: 0 done or yes, 1 the answer is no, 2 wrong usage, 3 cannot."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a sign that the terminal's encoding lacks must not end a command
            stream.reconfigure(errors="replace")
    counterfoil.main(args=arguments, prog_name="counterfoil")
