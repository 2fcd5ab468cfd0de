"""From when a change binds by law: binding_rule.toml, which names source and date of each rule."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BindingRule:
    """in_force_from: first date of changes that it is for. notice_days: whole local days between publication and change."""

    in_force_from: date
    notice_days: int
    consent_needed: bool
    source: str
    grade: str
    noted: date

    def noticed(self, published: date) -> date:
        """The first day on which what was published then may bind: 1 March gives 1 April with 30 days."""
        return published + timedelta(days=self.notice_days + 1)


@cache
def rules() -> tuple[BindingRule, ...]:
    """The rules shipped, oldest first."""
    told = tomllib.loads(Path(__file__).with_name("binding_rule.toml").read_text(encoding="utf-8"))
    return tuple(sorted((BindingRule(**one) for one in told["rule"]), key=lambda rule: rule.in_force_from))


def rule_on(day: date) -> BindingRule | None:
    """The rule for a change that begins on this local date; None: the contract alone holds."""
    return next((rule for rule in reversed(rules()) if rule.in_force_from <= day), None)
