"""docs/interface.md and docs/simulator.md say what the program has: every command and option, every setting, every rate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec
import pytest

from agent.cli import counterfoil
from agent.refunds.rules import RefundSettings
from agent.settings import Settings

HOUSE = Path(__file__).parents[2]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (HOUSE / "docs").glob("*.md")}
STANDS = [
    row
    for row in PAGES["interface.md"].split("### Planned")[0].splitlines()
    if row.startswith("| `") and not row.startswith("| `-")
]
"""The rows of the commands that stand."""


def leaves(group: click.Group, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *names, name)
        else:
            yield (*names, name), command


@pytest.mark.parametrize(
    ("names", "command"), [pytest.param(*leaf, id=" ".join(leaf[0])) for leaf in leaves(counterfoil)]
)
def test_every_command_and_option_is_told(names: tuple[str, ...], command: click.Command) -> None:
    """In its own row of the table of what stands; the simulator's on its own page."""
    if names[0] == "sim":
        told = PAGES["simulator.md"]
        assert f"counterfoil {' '.join(names)}" in told
    else:
        rows = [row for row in STANDS if re.search(rf"`{' '.join(names)}[` ]", row.split(" | ")[0])]
        assert len(rows) == 1, names
        told = rows[0]
    shared = {"--passphrase-file"} if names[0] == "terminal" else set()
    for option in command.params:
        if isinstance(option, click.Option):
            assert any(name in told for name in option.opts) or shared & set(option.opts), option.opts


def test_no_command_is_told_that_is_not_there() -> None:
    there = {" ".join(names) for names, _command in leaves(counterfoil)} | {"counterfoil", "sim run"}
    first_cells = [row.split(" | ")[0] for row in STANDS]
    told = {
        re.match(r"[a-z]+(?: [a-z][a-z-]*){0,2}", each)[0]
        for cell in first_cells
        for each in re.findall(r"`([^`]+)`", cell)
    }  # type: ignore[index]
    assert told == there


def test_settings_are_told_with_their_defaults() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| \w+ \| ([^|]+) \|", PAGES["interface.md"], re.MULTILINE))
    fields = {f.encode_name: f.default for f in msgspec.structs.fields(Settings)}
    expected = {
        name: "–" if default is msgspec.NODEFAULT else "none" if default == () else str(default)
        for name, default in fields.items()
    }
    expected |= dict.fromkeys([name for name, default in fields.items() if default in ("", 0)], "the dialect's")
    expected |= {"fees": "as there", "refunds": "as there"}
    assert {name: default.strip("` ") for name, default in rows.items() if name in expected} == expected


def test_the_rules_of_money_back_are_told_with_their_defaults() -> None:
    told = PAGES["interface.md"].split("| `refunds` | table |")[1].split("\n")[0]
    defaults = {f.encode_name: str(f.default) for f in msgspec.structs.fields(RefundSettings)}
    assert dict(re.findall(r"`([a-z_]+)` (\d+)", told)) == defaults


def test_rates_are_told_as_they_are_charged(cli: Callable[..., str], tmp_path: Path) -> None:
    table = PAGES["simulator.md"].split("## Profiles and rates")[1].split("\n## ")[0]
    told: list[tuple[str, str, int, int | None, bool]] = []
    profile = ""
    for row in re.findall(r"^\|(.*)\|$", table, re.MULTILINE)[2:]:
        cells = [cell.strip() for cell in row.split("|")]
        profile = re.sub(r"[` ].*", "", cells[0].lstrip("`")) or profile
        cap = None if cells[3] == "none" else int(cells[3])
        told.append((profile, cells[1].split(",")[0], int(cells[2]), cap, cells[4].startswith("FIXTURE")))
    names = {("credit",): "credit", ("debit",): "debit", ("qr_wallet", "qr_credit"): "QR wallet"}
    names |= {("qr_wallet",): "QR wallet", ("qr_credit",): "QR credit"}
    charged = [
        (p["name"], names[tuple(t["products"])], t["rate_ppm"], t["cap_minor"], t["fixture"])
        for p in json.loads(cli(tmp_path, "sim", "profiles", "--json"))
        for t in p["tariffs"]
    ]
    assert sorted(told, key=str) == sorted(charged, key=str)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", PAGES[page])
    assert [link for link in links if "://" not in link and not (HOUSE / "docs" / link).exists()] == []
