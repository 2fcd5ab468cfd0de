"""What a claim's states and events are called, in the language in force at the call."""

from __future__ import annotations

from agent.fees.claim_kinds import Cause, ClaimEvent
from agent.fees.claims.claim_states import ClaimState
from agent.language import _


def state_words(state: ClaimState) -> str:
    return {
        ClaimState.OPEN: _("not raised yet"),
        ClaimState.RAISED: _("raised"),
        ClaimState.ADMITTED: _("admitted"),
        ClaimState.PART_ADMITTED: _("admitted in part"),
        ClaimState.DENIED: _("denied"),
        ClaimState.NO_ANSWER: _("no answer"),
        ClaimState.ESCALATED: _("escalated"),
        ClaimState.PART_CREDITED: _("credited in part"),
        ClaimState.CREDITED: _("credited"),
        ClaimState.ADJUSTED: _("fees adjusted"),
        ClaimState.CLOSED: _("closed"),
        ClaimState.WITHDRAWN: _("withdrawn"),
        ClaimState.WRITTEN_OFF: _("written off"),
    }[state]


def event_words(event: ClaimEvent) -> str:
    return {
        ClaimEvent.OPENED: _("Claim opened"),
        ClaimEvent.RAISED: _("Put to the provider"),
        ClaimEvent.ADMITTED: _("The provider admits it"),
        ClaimEvent.PART_ADMITTED: _("The provider admits a part"),
        ClaimEvent.DENIED: _("The provider denies it"),
        ClaimEvent.NO_ANSWER: _("No answer came"),
        ClaimEvent.ESCALATED: _("Put again, or a step higher"),
        ClaimEvent.CREDITED: _("Money came"),
        ClaimEvent.ADJUSTED: _("The next fees were right"),
        ClaimEvent.CLOSED: _("Closed"),
        ClaimEvent.WITHDRAWN: _("Withdrawn"),
        ClaimEvent.WRITTEN_OFF: _("Given up, what is outstanding"),
        ClaimEvent.RATED: _("Satisfaction"),
        ClaimEvent.NOTED: _("Note"),
        ClaimEvent.RETRACT: _("An event is taken back"),
    }[event]


def cause_words(cause: Cause) -> str:
    return {
        Cause.SYSTEM_ERROR: _("an error of the system"),
        Cause.UNAUTHORISED: _("a transaction that nobody authorised"),
        Cause.OPERATING_ERROR: _("an error of whoever operated it"),
        Cause.ATTACK: _("an attack"),
        Cause.NOT_TOLD: _("not told"),
    }[cause]


def channel_words(channel: str) -> str:
    return {
        "phone": _("phone"),
        "chat": _("online chat"),
        "app": _("in the app"),
        "letter": _("letter"),
        "visit": _("visit"),
    }.get(channel, channel)


def outcome_words(outcome: str) -> str:
    return {"refund": _("money back"), "adjust": _("adjustment of the fees")}.get(outcome, outcome)
