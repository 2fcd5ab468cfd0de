"""A home's settings: frozen, read from TOML, passed in, never global."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agent.errors import HomeError
from agent.language import _
from protocol.dialect import DIALECTS


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """HOME/settings.toml.

    terminal: the id of the one terminal this home belongs to. simulated: True in a home of demo and training, whose journal
    and papers say so. port: a device path or a pyserial URL. line_rate: bits a second, the one the acknowledgement timers
    reckon with where the port has none. dialect: a name of `protocol.dialect.DIALECTS`. time_zone: the merchant's.
    """

    terminal: str
    simulated: bool
    port: str
    line_rate: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 115_200
    dialect: str = "native"
    time_zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the command line was called with. named: the home was given, not the platform's default."""

    home: Path
    named: bool
    language: str
    debug: bool = False


def read_settings(path: Path) -> Settings:
    """Raises HomeError with the line or field that is wrong."""
    try:
        settings = msgspec.toml.decode(path.read_bytes(), type=Settings)
        if settings.dialect not in DIALECTS:
            raise msgspec.ValidationError(f"no dialect {settings.dialect!r} - at `$.dialect`")
        ZoneInfo(settings.time_zone)
        return settings
    except FileNotFoundError:
        raise HomeError(
            _("There is no counterfoil home in {home}.").format(home=path.parent),
            _("Make one with: counterfoil init --help; or try: counterfoil demo"),
        ) from None
    except (msgspec.MsgspecError, ZoneInfoNotFoundError, ValueError) as error:
        raise HomeError(
            _("The settings in {path} cannot be read: {reason}.").format(path=path, reason=error),
            _("Correct that line; docs/interface.md lists the settings."),
        ) from None


def write_settings(path: Path, settings: Settings) -> None:
    """Write HOME/settings.toml."""
    lines = [f"{name} = {_toml(getattr(settings, name))}" for name in settings.__struct_fields__]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: str | bool | int) -> str:
    # A basic string of TOML takes every escape of a JSON string.
    return msgspec.json.encode(value).decode()
