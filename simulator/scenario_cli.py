"""`counterfoil sim scenarios`, and what `sim run` does with --scenario, --judge and --junit.

Imported by `counterfoil --help`: heavy imports stand inside functions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from simulator.loop import News
    from simulator.options import Options
    from simulator.scenario import Scenario
    from simulator.verdict import Verdict

_BROKEN, _BAD_FILE = 1, 2
_NOT_REPEATED = {"as_json", "junit", "until_stdin_ends", "control", "screen"}


@click.command("scenarios")
@click.argument("name", required=False)
@click.option("--words", is_flag=True, help="Every word that a scenario file can hold.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_scenarios(*, name: str | None, words: bool, as_json: bool) -> None:
    """The scenarios for `sim run --scenario`; with a NAME (or a file) all of one, the register's half too.

    \b
    Examples:
      counterfoil sim scenarios
      counterfoil sim scenarios cable_cut_mid_response
      counterfoil sim scenarios mine.toml --json
    """
    from simulator import scenario_words_text  # noqa: PLC0415
    from simulator.scenario import ScenarioRefused  # noqa: PLC0415
    from simulator.scenario_files import load, scenario_names  # noqa: PLC0415

    try:
        if words:
            document = scenario_words_text.document()
            click.echo(json.dumps(document, ensure_ascii=False) if as_json else scenario_words_text.text(document))
        elif name is None:
            found = [load(one) for one in scenario_names()]
            if as_json:
                rows = [{"name": s.name, "title": dict(s.title), "tests": list(s.tests)} for s in found]
                click.echo(json.dumps(rows, ensure_ascii=False))
            else:
                for scenario in found:
                    click.echo(f"{scenario.name}  {scenario.title['zh']}  {scenario.title['en']}")
                    click.echo(f"    {', '.join(scenario.tests)}")
        else:
            scenario = load(name)
            click.echo(json.dumps(scenario.document, ensure_ascii=False) if as_json else _whole(scenario))
    except ScenarioRefused as error:
        click.echo(str(error), err=True)
        sys.exit(_BAD_FILE)


def _whole(scenario: Scenario) -> str:
    """For a person: the story, both halves, and what must be so."""
    lines = [scenario.name, scenario.title["zh"], scenario.title["en"], ""]
    if scenario.story is not None:
        lines += [*scenario.story["zh"].strip().split("\n"), "", *scenario.story["en"].strip().split("\n"), ""]
    lines += [f"Tests: {', '.join(scenario.tests)}"]
    if scenario.options:
        lines += ["With:  " + ", ".join(f"{key}={_short(value)}" for key, value in scenario.options.items())]
    lines += ["", "The simulator does, in this order:"]
    for place, step in enumerate(scenario.document.get("step", ()), 1):
        when = f"at {step['at']}" if "at" in step else f"after {step['after']}" if "after" in step else "then"
        what = {key: value for key, value in step.items() if key not in {"at", "after", "do"}}
        lines.append(f"  {place}. {when}: {step.get('do', 'look')}{_with(what)}")
    lines += ["", "The register does, in this order:"]
    for place, entry in enumerate(scenario.document["agent"], 1):
        what = {key: value for key, value in entry.items() if key not in {"do", "label", "turn"}}
        lines.append(f"  {place}. {entry['label']}: {entry['do']}{_with(what)}")
    lines += ["", "At the end:"]
    for section, table in scenario.expect.items():
        for one in table if isinstance(table, list) else [table]:
            lines += [f"  {section}: {key} = {_short(value)}" for key, value in one.items()]
    return "\n".join(lines)


def _with(what: dict[str, Any]) -> str:
    return " " + ", ".join(f"{key}={_short(value)}" for key, value in what.items()) if what else ""


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def run_again(context: click.Context) -> list[str]:
    """The command line that plays the same and judges it: what was given on this one and matters."""
    from protocol.masking import mask_text  # noqa: PLC0415

    command = ["counterfoil", "sim", "run"]
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in _NOT_REPEATED or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        shown = value.date() if isinstance(value, datetime) else value
        if isinstance(parameter, click.Option) and parameter.is_flag:
            command.append(parameter.opts[0])
        else:
            for one in shown if isinstance(shown, tuple) else [shown]:
                command += [parameter.opts[0], mask_text(str(one)) if name == "customer" else str(one)]
    judged = context.params["judge"] or context.params["scenario"] is not None
    return command if judged else [*command, "--judge"]  # it was `--junit` that wanted a verdict


def given_by_name(context: click.Context) -> set[str]:
    """The words of a scenario file that the command line overrules."""
    commanded = ParameterSource.COMMANDLINE
    given = {name for name in context.params if context.get_parameter_source(name) is commanded}
    return given | ({"date"} if "first" in given else set())


def play_judged(
    options: Options,
    say: Callable[[News], None],
    *,
    called: str | None,
    given: Collection[str],
    command: Sequence[str],
    junit: Path | None,
) -> Verdict:
    """called: a scenario, None for the run as it is. Raises SimulatorError; exits where the file is bad."""
    from simulator.errors import SimulatorError  # noqa: PLC0415
    from simulator.junit import write  # noqa: PLC0415
    from simulator.playing import clear, options_for  # noqa: PLC0415
    from simulator.run import run  # noqa: PLC0415
    from simulator.scenario import ScenarioRefused  # noqa: PLC0415
    from simulator.scenario_files import load  # noqa: PLC0415

    began = datetime.now(UTC)
    if junit is not None and (junit.is_dir() or not junit.absolute().parent.is_dir()):
        raise SimulatorError(f"The file {junit} cannot be written.", "Give --junit a file in a folder that is there.")
    if called is not None:
        try:
            scenario = load(called)
            options = options_for(options, scenario, given)
        except ScenarioRefused as error:
            click.echo(str(error), err=True)
            sys.exit(_BAD_FILE)
        clear(options.state, scenario.name)
    options.state.mkdir(parents=True, exist_ok=True)
    ledger = options.ledger or options.state / "ledger.jsonl"
    verdict = run(replace(options, ledger=ledger, judged=True), say, command)
    assert verdict is not None  # it was asked for
    if junit is not None:
        try:
            write(verdict, began, str(junit))
        except OSError as error:
            raise SimulatorError(
                f"The file {junit} cannot be written: {error.strerror or error}.", "Give --junit another path."
            ) from error
    return verdict


def tell(verdict: Verdict, *, as_json: bool, err: bool) -> None:
    """Say it, and exit with 1 where something is broken."""
    click.echo(json.dumps(verdict.document(), ensure_ascii=False) if as_json else verdict.text(), err=err)
    sys.exit(0 if verdict.held else _BROKEN)
