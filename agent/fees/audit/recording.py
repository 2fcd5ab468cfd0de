"""What an audit found, into the record: each finding once, again where it changed; and that later facts removed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.fees.claim_kinds import Audited, FindingRecorded, FindingSuperseded
from agent.fees.facts import facts
from agent.fees.findings import Confidence, Finding, Verdict
from agent.journal.fee_kinds import FeeFact
from agent.journal.reader import Reader
from protocol.masking import mask_text

_MOST_ENTRIES = 1_000
RECORDED = frozenset({Verdict.OVER, Verdict.NEEDS_EVIDENCE})
"""What stands in the record; what is unknown or too little is found anew whenever it is asked."""


def recorded_findings(journal: Reader) -> dict[str, FindingRecorded]:
    """By name, as the journal told them last; those that were superseded since are left out. Raises JournalDamaged."""
    standing: dict[str, FindingRecorded] = {}
    for _entry, fact in facts(journal.all_of(("fees.",))):
        if isinstance(fact, FindingRecorded):
            standing[fact.finding] = fact
        elif isinstance(fact, FindingSuperseded):
            standing.pop(fact.finding, None)
    return standing


def to_record(
    found: Iterable[Finding], standing: Mapping[str, FindingRecorded], *, taking_back: bool = True
) -> list[FeeFact]:
    """What the record does not say yet. taking_back: of what is found no more, too."""
    now = {one.name: _recorded(one) for one in found if one.verdict in RECORDED}
    new: list[FeeFact] = [fact for name, fact in now.items() if standing.get(name) != fact]
    return new + [FindingSuperseded(finding=name) for name in standing if taking_back and name not in now]


def audited(found: Iterable[Finding], about: Audited) -> Audited:
    """That somebody looked. about: without what the findings come to."""
    standing = [one for one in found if one.verdict in RECORDED and one.confidence is not Confidence.SUSPECT]
    return replace(
        about,
        findings=len(standing),
        claimed_minor=sum(one.claimed_minor for one in standing),
        currency=standing[0].currency if standing else about.currency,
    )


def _recorded(one: Finding) -> FindingRecorded:
    return FindingRecorded(
        finding=one.name,
        rule=one.rule,
        verdict=one.verdict,
        confidence=one.confidence,
        subject=mask_text(one.subject),  # as it will stand there: what looks like a card's number is one
        first=one.first,
        last=one.last,
        version=one.version,
        expected_minor=one.expected_minor,
        charged_minor=one.charged_minor,
        difference_minor=one.difference_minor,
        currency=one.currency,
        entries=one.entries[:_MOST_ENTRIES],
        settled_by=one.settled_by,
        also_seen=tuple(rule.value for rule in one.also_seen),
    )
