"""A home's settings: frozen, read from TOML, passed in, never global."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agent.errors import HomeError
from agent.fees.audit.thresholds import FeeSettings
from agent.language import _
from agent.refunds.rules import RefundSettings
from protocol.dialect import DIALECTS, dialect

_WITNESS_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*witness[ \t]*\]\]", re.MULTILINE)
_TABLES_OF: dict[str, type[FeeSettings] | type[RefundSettings]] = {"fees": FeeSettings, "refunds": RefundSettings}
LINE_FORMATS = ("8N1", "7E1")
"""Data bits, parity (none, even), stop bits."""


class WitnessAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """url: the submission prefix of a C2SP witness, http or https. vkey: its verifying key, of signature type 4."""

    url: str
    vkey: str

    def __post_init__(self) -> None:
        from agent.custody.witness import WitnessKey  # noqa: PLC0415  most homes have none
        from agent.custody.witness_post import check_url  # noqa: PLC0415

        check_url(self.url)
        WitnessKey.parse(self.vkey)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """HOME/settings.toml.

    terminal: the id of the one terminal this home belongs to. simulated: True in a home of demo and training, whose journal
    and papers say so. port: a device path or a pyserial URL. dialect: a name of `protocol.dialect.DIALECTS`. line_rate: bits
    a second, the one the acknowledgement timers reckon with where the port has none. line_format: data bits, parity and stop
    bits. Both are the dialect's own where they are not given. time_zone: the merchant's. fees: where the audit of fees draws
    its lines. refunds: the shop's rules of money back. witness: who is asked to sign the record's heads.
    """

    terminal: str
    simulated: bool
    port: str
    dialect: str = "native"
    line_rate: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 0
    line_format: Literal["", "8N1", "7E1"] = ""
    time_zone: str = "Asia/Shanghai"
    fees: FeeSettings = FeeSettings()
    refunds: RefundSettings = RefundSettings()
    witness: tuple[WitnessAt, ...] = ()

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
    """Write HOME/settings.toml; of its tables only what is not the default."""
    names = [name for name in settings.__struct_fields__ if name not in (*_TABLES_OF, "witness")]
    lines = [f"{name} = {_toml(getattr(settings, name))}\n" for name in names]
    for name, of in _TABLES_OF.items():
        usual = msgspec.structs.asdict(of())
        told = msgspec.structs.asdict(getattr(settings, name)).items()
        unusual = [f"{n} = {_toml(value)}\n" for n, value in told if value != usual[n]]
        lines += [f"\n[{name}]\n", *unusual] if unusual else []
    path.write_text("".join(lines) + _tables(settings.witness), encoding="utf-8")


def write_witnesses(path: Path, witnesses: Sequence[WitnessAt]) -> None:
    """Put these in the place of the witnesses that HOME/settings.toml names; all before them stays as a person wrote it.

    Raises HomeError where the file cannot be read or written, or names them in another form than as [[witness]] tables.
    """
    before = read_settings(path)
    text = path.read_text(encoding="utf-8")
    at = _WITNESS_TABLE.search(text)  # nothing but tables can follow a table
    kept = text if at is None else text[: at.start()]
    new = f"{kept.rstrip()}\n{_tables(witnesses)}"
    try:
        if msgspec.toml.decode(new, type=Settings) != msgspec.structs.replace(before, witness=tuple(witnesses)):
            raise ValueError("other settings stand among them")
        written = path.with_name(f"{path.name}.new")
        written.write_text(new, encoding="utf-8")
        written.replace(path)
    except (msgspec.MsgspecError, ValueError) as error:
        raise HomeError(
            _("The witnesses in {path} are not written as counterfoil writes them: {reason}.").format(
                path=path, reason=error
            ),
            _("Change them there by hand; docs/interface.md shows how."),
        ) from None
    except OSError as error:
        raise HomeError(
            _("The settings in {path} cannot be written: {reason}.").format(path=path, reason=error.strerror),
            _("Give this user the right to write there."),
        ) from None


def _tables(witnesses: Sequence[WitnessAt]) -> str:
    return "".join(f"\n[[witness]]\nurl = {_toml(each.url)}\nvkey = {_toml(each.vkey)}\n" for each in witnesses)


def _toml(value: str | bool | int) -> str:
    # A basic string of TOML takes every escape of a JSON string.
    return msgspec.json.encode(value).decode()
