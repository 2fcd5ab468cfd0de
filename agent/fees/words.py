"""What findings mean, in words: what was seen, what would settle it."""

from __future__ import annotations

from agent.fees.findings import Confidence, Finding, SettledBy, Verdict
from agent.language import _


def verdict_name(finding: Finding) -> str:
    """The verdict in a word; a suspect is called one."""
    if finding.confidence is Confidence.SUSPECT:
        return _("suspect")
    return {
        Verdict.OK: _("right"),
        Verdict.OVER: _("too much"),
        Verdict.UNDER: _("too little"),
        Verdict.UNKNOWN: _("unknown"),
        Verdict.NEEDS_EVIDENCE: _("needs evidence"),
    }[finding.verdict]


def settled_by_words(finding: Finding) -> str:
    """What would settle it: one sentence."""
    return {
        SettledBy.NOTHING: _("The record alone shows it."),
        SettledBy.CONTRACT: _("The signed contract, or the tariff that was in force, would settle it."),
        SettledBy.CONSENT_RECORD: _(
            "The provider's record of your consent would settle it. If you never agreed, say so: "
            "counterfoil fees tariff refuse"
        ),
        SettledBy.SIGNED_CAP: _("What the contract says of the cap would settle it."),
        SettledBy.BANK_CREDIT: _("What reached the bank account would settle it: counterfoil credits add"),
        SettledBy.STATEMENT: _("The provider's statement would settle it: counterfoil statement import"),
        SettledBy.CUSTOMER: _("The customer's own statement would settle it."),
        SettledBy.REGISTRATION: _("What the contract registers would settle it."),
        SettledBy.TICKET: _("The ticket of the fault or of the support would settle it."),
        SettledBy.DEPOSIT_CONTRACT: _("What the deposit's contract allows would settle it."),
        SettledBy.OWN_STAFF: _("Whoever stood at the counter can say."),
    }[finding.settled_by]
