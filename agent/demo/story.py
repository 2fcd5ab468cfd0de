"""A scenario as the simulator tells it: what the register does in it, and what its record must hold at the end."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.errors import CounterfoilError
from agent.language import _, language
from agent.orders import MoneyAction
from protocol.money import CNY

FIRST_DAY = "2026-03-02"
ENDS_AFTER_MS = 60_000
"""Where a scenario says nothing of either (docs/simulator.md, Scenarios)."""
CURRENCY = {"telium": 978, "transbank": 152}
"""ISO 4217, of the simulated terminal on a vendor's wire; all others: the renminbi."""
OF_A_PROCESS = frozenset(
    {"stop", "start", "kill", "stall", "second", "lock_journal", "fill_disk", "free_disk"}
    | {"copy_journal", "roll_back_journal", "edit_row"}
)
"""What befalls the register's program or its disk: no screens can be open meanwhile."""


class ScenarioUnknown(CounterfoilError):
    """There is none of that name, or its file is not as it should be."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """The register's. turn: the simulator says when; values: the file's other keys."""

    label: str
    do: str
    turn: bool
    values: Mapping[str, Any]

    @property
    def action(self) -> MoneyAction | None:
        return MoneyAction(self.do) if self.do in ("sale", "refund", "void") else None

    @property
    def of(self) -> str:
        return str(self.values.get("of", ""))

    @property
    def when(self) -> str:
        return str(self.values.get("when", ""))

    @property
    def outcome(self) -> str | None:
        return self.values.get("outcome")

    @property
    def reaches(self) -> bool:
        return bool(self.values.get("reaches", True))


@dataclass(frozen=True, slots=True)
class Story:
    """name: as it was called. document: `sim scenarios NAME --json`."""

    name: str
    document: Mapping[str, Any]

    @property
    def title(self) -> str:
        return str(self.document["title"]["zh" if language() == "zh_CN" else "en"])

    @property
    def text(self) -> str:
        told = self.document.get("story")
        return str(told["zh" if language() == "zh_CN" else "en"]).strip() if told else ""

    @property
    def entries(self) -> list[Entry]:
        return [
            Entry(
                label=row["label"],
                do=row["do"],
                turn=row["turn"],
                values={key: value for key, value in row.items() if key not in {"label", "do", "turn"}},
            )
            for row in self.document["agent"]
        ]

    @property
    def money(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.action is not None]

    @property
    def expected(self) -> Mapping[str, Any]:
        """[expect.journal]"""
        return self.document["expect"].get("journal", {})  # type: ignore[no-any-return]

    @property
    def dialect(self) -> str:
        return str(self.document.get("dialect", "native"))

    @property
    def currency(self) -> int:
        return CURRENCY.get(self.dialect, CNY)

    @property
    def pairing(self) -> str:
        return str(self.document.get("pairing", "auto"))

    @property
    def ends_after_ms(self) -> int:
        return int(self.document.get("ends_after_ms", ENDS_AFTER_MS))

    @property
    def begins(self) -> int:
        """Midnight of the first day, ms UTC."""
        midnight = datetime.fromisoformat(str(self.document.get("date", FIRST_DAY)))
        return int(midnight.replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 1000

    @property
    def needs_headless(self) -> bool:
        return any(entry.do in OF_A_PROCESS for entry in self.entries)

    def does(self, *deeds: str) -> bool:
        return any(entry.do in deeds for entry in self.entries)

    def reference(self, label: str) -> str:
        """A UUIDv7 (RFC 9562 §5.7) that is the same in every playing: its time the first day's, its chance the label's."""
        chance = int.from_bytes(hashlib.sha256(f"{self.document['name']} {label}".encode()).digest()[:10])
        number = self.begins << 80 | 7 << 76 | (chance >> 62 & 0xFFF) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
        return f"{number:032x}"


def titles() -> list[tuple[str, str, list[str]]]:
    """Of every scenario that comes with the simulator: name, title, what it is there for."""
    tongue = "zh" if language() == "zh_CN" else "en"
    return [(row["name"], row["title"][tongue], row["tests"]) for row in _asked("--json")]


def story(name: str) -> Story:
    """By name, or by the path of a file. Raises ScenarioUnknown."""
    return Story(name, _asked(name, "--json"))


def _asked(*arguments: str) -> Any:
    command = [sys.executable, "-m", "simulator", "scenarios", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        what = told.stderr.strip().splitlines()[-1:] or [_("The simulator does not answer.")]
        raise ScenarioUnknown(what[0], _("See them all with: counterfoil demo --scenario"))
    return json.loads(told.stdout)
