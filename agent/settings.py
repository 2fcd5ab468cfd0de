"""A home's settings: frozen, read from TOML, passed in, never global."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agent.errors import HomeError
from agent.language import _
from protocol.dialect import DIALECTS, dialect

LINE_FORMATS = ("8N1", "7E1")
"""Data bits, parity (none, even), stop bits."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """HOME/settings.toml.

    terminal: the id of the one terminal this home belongs to. simulated: True in a home of demo and training, whose journal
    and papers say so. port: a device path or a pyserial URL. dialect: a name of `protocol.dialect.DIALECTS`. line_rate: bits
    a second, the one the acknowledgement timers reckon with where the port has none. line_format: data bits, parity and stop
    bits. Both are the dialect's own where they are not given. time_zone: the merchant's.
    """

    terminal: str
    simulated: bool
    port: str
    dialect: str = "native"
    line_rate: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 0
    line_format: Literal["", "8N1", "7E1"] = ""
    time_zone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise ValueError(f"no dialect {self.dialect!r}; there are: {', '.join(sorted(DIALECTS))} - at `$.dialect`")
        if not self.line_rate:
            msgspec.structs.force_setattr(self, "line_rate", dialect(self.dialect).line_rate)
        if not self.line_format:
            msgspec.structs.force_setattr(self, "line_format", dialect(self.dialect).line_format)


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
