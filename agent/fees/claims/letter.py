"""The complaint that a merchant sends: what the record shows, what is asked, the law by its full name, how to verify it all.

Only findings that are OVER stand in it. It names no staff, repeats nobody's notes, offers and threatens nothing, and is no
legal advice (docs/domain.md §5). Its words are data: `letters/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from agent.errors import ClaimError
from agent.fees.claims.claim import Claim, Part, refused
from agent.fees.claims.claims import Claims
from agent.fees.findings import Rule
from agent.figures import CNY
from agent.journal.reader import Head
from agent.language import _

ANSWER_DAYS = 7
"""Working days in which an answer is asked for: the 催告函 of docs/domain.md §5, a term of ours."""
MOST_ENTRIES = 1_000
"""A recorded finding names so many at most (`agent.fees.claim_kinds`)."""
_FOLDER = Path(__file__).parent.joinpath("letters")
_VERIFIED = frozenset({"A", "B", "A/B"})
_ZH = "zh_CN"
_WORDS = {
    _ZH: {
        "none": "（未登记）",
        "no_ticket": "（尚无）",
        "demo": "【演练 DEMO】本函出自演练环境，不涉及真实资金，请勿发送。\n",
        "draft": "【草稿】尚未经商户阅读确认。\n",
        "item": "（{number}）{rule}（规则 {code}，发现编号 {finding}）\n"
        "　　期间：{first} 至 {last}\n"
        "　　记录显示：应为 {expected}，实际为 {charged}，差额 {difference}；本函主张 {minor}。\n"
        "　　依据：{version}\n"
        "　　记录条目（共 {count} 条）：{entries}",
        "version": "费率版本 {version}，自 {since} 起，来源：{source}",
        "no_version": "该记录本身",
        "unstated": "（记录未载明单一数额）",
        "law": "· {name}（{issued}，{in_force} 起施行）{article}：{gist}（来源：{source}；等级 {grade}{doubt}）",
        "doubt": "，未核实",
    },
    "en": {
        "none": "(not registered)",
        "no_ticket": "(none yet)",
        "demo": "[演练 DEMO] Made in a simulation: no real money. Do not send it.\n",
        "draft": "[DRAFT] The merchant has not read and confirmed it.\n",
        "item": "({number}) {rule} (rule {code}, finding {finding})\n"
        "    from {first} to {last}\n"
        "    The record shows: {expected} is right, {charged} was done, difference {difference}; claimed here: {minor}.\n"
        "    By: {version}\n"
        "    Entries of the record ({count}): {entries}",
        "version": "tariff version {version}, in force since {since}, source: {source}",
        "no_version": "the record itself",
        "unstated": "(no single amount)",
        "law": "- {name_en} ({issued_en}, in force since {in_force}), {article_en}: {gist_en} "
        "(source: {source_en}; grade {grade}{doubt})",
        "doubt": ", not verified",
    },
}


def letter(
    claims: Claims, claim: Claim, head: Head, *, today: date, simulated: bool, draft: bool, language: str = _ZH
) -> str:
    """The letter's text. head: under which its entries stand. language: `zh_CN`, or `en` for a reading copy.

    Raises ClaimError where nothing is outstanding, or a finding does not stand any more as it was claimed.
    """
    words = _WORDS[language]
    if not claim.outstanding_minor:
        raise refused(
            _("Nothing of claim {claim} is outstanding: there is nothing to write about.").format(claim=claim.name),
            _("See it with: counterfoil fees claims show {claim}").format(claim=claim.name),
        )
    for part in claim.parts:
        if claims.findings[part.found.finding].claims_minor < part.minor:
            raise _changed(claim, part)
    registered = claims.registration(today)

    def told(name: str) -> str:
        return getattr(registered, name, None) or words["none"]

    return _FOLDER.joinpath(f"claim.{language}.txt").read_text(encoding="utf-8").format(
        marks=(words["demo"] if simulated else "") + (words["draft"] if draft else ""),
        provider=told("provider"),
        merchant=told("merchant_name"),
        mid=told("mid"),
        tid=told("tid"),
        serial=told("serial_number"),
        contract=told("contract_ref"),
        claim=claim.name,
        ticket=claim.ticket or words["no_ticket"],
        today=today,
        items="\n".join(_item(claims, number, part, language) for number, part in enumerate(claim.parts, 1)),
        claimed=_money(claim.claimed_minor, claim.currency, language),
        credited=_money(claim.credited_minor, claim.currency, language),
        outstanding=_money(claim.outstanding_minor, claim.currency, language),
        days=ANSWER_DAYS,
        law="\n".join(_law(card, words) for card in _toml("law")["card"]),
        origin=head.origin,
        size=head.size,
        root=head.root_base64,
        vkey=head.vkey,
    ).rstrip() + "\n"  # fmt: skip


def rule_name(rule: Rule, language: str) -> str:
    """What a rule finds, in `zh_CN` or `en`."""
    return str(_toml("rules")[rule][language])


def spans(numbers: Iterable[int]) -> str:
    """Entry numbers as people write them: 3, 4, 5 and 9 are `3–5, 9`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in runs)


def _item(claims: Claims, number: int, part: Part, language: str) -> str:
    words, found = _WORDS[language], part.found
    version = claims.versions.get(found.version or "")

    def money(minor: int | None) -> str:
        return words["unstated"] if minor is None else _money(minor, found.currency, language)

    return words["item"].format(
        number=number,
        rule=rule_name(found.rule, language),
        code=found.rule,
        finding=found.finding,
        first=found.first,
        last=found.last,
        expected=money(found.expected_minor),
        charged=money(found.charged_minor),
        difference=money(found.difference_minor),
        minor=money(part.minor),
        version=words["no_version"]
        if version is None
        else words["version"].format(version=version.version, since=version.effective_from, source=version.source),
        count=len(found.entries) if len(found.entries) < MOST_ENTRIES else f"≥{MOST_ENTRIES}",
        entries=spans(found.entries) or words["none"],
    )


def _law(card: dict[str, Any], words: dict[str, str]) -> str:
    return words["law"].format(**card, doubt="" if card["grade"] in _VERIFIED else words["doubt"])


def _changed(claim: Claim, part: Part) -> ClaimError:
    return refused(
        _("Finding {name} of claim {claim} does not stand any more as it was claimed.").format(
            name=part.found.finding, claim=claim.name
        ),
        _("Look at it with: counterfoil fees audit; withdraw the claim, and open it anew with what stands."),
    )


def _money(minor: int, currency: int, language: str) -> str:
    if currency != CNY:
        return f"{minor}/{currency}"
    figure = f"{minor // 100:,}.{minor % 100:02d}" if minor >= 0 else f"-{-minor // 100:,}.{-minor % 100:02d}"
    return f"人民币 {figure} 元" if language == _ZH else f"CNY {figure}"


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(_FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
