"""The states of a claim, as a table (docs/domain.md §4), and which of its events a person's word is.

DENIED and NO_ANSWER end nothing: the claim is put again, there or a step higher. So is one that was admitted in part, or
admitted and not paid: what is outstanding stays claimed until it is credited or given up, and no open state is a dead end.
Money that comes without a word is an admission: `admitted` first, then `credited`.
"""

from __future__ import annotations

from enum import StrEnum

from agent.fees.claim_kinds import ClaimEvent
from protocol.transitions import Table


class ClaimState(StrEnum):
    OPEN = "open"
    """Opened, and not put to the provider yet."""
    RAISED = "raised"
    ADMITTED = "admitted"
    PART_ADMITTED = "part_admitted"
    DENIED = "denied"
    NO_ANSWER = "no_answer"
    ESCALATED = "escalated"
    PART_CREDITED = "part_credited"
    """Some of it came; the rest is outstanding."""
    CREDITED = "credited"
    """Nothing is outstanding: it all came, or what did not was given up."""
    ADJUSTED = "adjusted"
    """The fees that followed were right."""
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    """Its findings may be claimed again, but for what was credited."""
    WRITTEN_OFF = "written_off"
    """Given up; its findings are claimed no more."""


class Step(StrEnum):
    """Events of the table: a guard is an event of its own."""

    RAISED = "raised"
    ADMITTED = "admitted"
    PART_ADMITTED = "part_admitted"
    DENIED = "denied"
    NO_ANSWER = "no_answer"
    ESCALATED = "escalated"
    CREDITED_IN_PART = "credited_in_part"
    CREDITED_IN_FULL = "credited_in_full"
    """Nothing is outstanding after it."""
    ADJUSTED = "adjusted"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    WRITTEN_OFF = "written_off"
    REST_WRITTEN_OFF = "rest_written_off"
    """The provider did something about it; what is still outstanding is given up."""


_S = ClaimState
ENDS = frozenset({_S.CLOSED, _S.WITHDRAWN, _S.WRITTEN_OFF})
_ANSWERS = {
    Step.ADMITTED: _S.ADMITTED,
    Step.PART_ADMITTED: _S.PART_ADMITTED,
    Step.DENIED: _S.DENIED,
    Step.NO_ANSWER: _S.NO_ANSWER,
}
_PROMISED = (_S.ADMITTED, _S.PART_ADMITTED, _S.PART_CREDITED)
_UNPAID = (_S.OPEN, _S.RAISED, _S.ADMITTED, _S.PART_ADMITTED, _S.DENIED, _S.NO_ANSWER, _S.ESCALATED)
TABLE = Table(
    "claim",
    _S.OPEN,
    {
        (_S.OPEN, Step.RAISED): _S.RAISED,
        **{(asked, answer): state for asked in (_S.RAISED, _S.ESCALATED) for answer, state in _ANSWERS.items()},
        **{(s, Step.ESCALATED): _S.ESCALATED for s in (_S.DENIED, _S.NO_ANSWER, *_PROMISED, _S.ADJUSTED)},
        **{(s, Step.CREDITED_IN_PART): _S.PART_CREDITED for s in _PROMISED},
        (_S.ADJUSTED, Step.CREDITED_IN_PART): _S.ADJUSTED,
        **{(s, Step.CREDITED_IN_FULL): _S.CREDITED for s in (*_PROMISED, _S.ADJUSTED)},
        **{(s, Step.ADJUSTED): _S.ADJUSTED for s in _PROMISED},
        (_S.CREDITED, Step.CLOSED): _S.CLOSED,
        (_S.ADJUSTED, Step.CLOSED): _S.CLOSED,
        **{(s, Step.WRITTEN_OFF): _S.WRITTEN_OFF for s in _UNPAID},
        # An escalation may follow some of the money: then its answers too are about the rest.
        **{(s, Step.REST_WRITTEN_OFF): _S.CREDITED for s in (*_UNPAID[2:], _S.PART_CREDITED)},
        (_S.ADJUSTED, Step.REST_WRITTEN_OFF): _S.ADJUSTED,
        **{(s, Step.WITHDRAWN): _S.WITHDRAWN for s in ClaimState if s not in ENDS},
    },
)
STATELESS = frozenset({ClaimEvent.NOTED, ClaimEvent.RATED})
"""Change no state."""
_UNANSWERED = (_S.OPEN, _S.RAISED)
_OF_TWO = {
    ClaimEvent.CREDITED: (Step.CREDITED_IN_PART, Step.CREDITED_IN_FULL),
    ClaimEvent.WRITTEN_OFF: (Step.WRITTEN_OFF, Step.REST_WRITTEN_OFF),
}


def may_be_rated(state: ClaimState) -> bool:
    """There is an outcome to be satisfied with: from the first answer on."""
    return state not in _UNANSWERED


def may_follow(state: ClaimState) -> tuple[ClaimEvent, ...]:
    """The events that a claim in this state may take next, in the order of `ClaimEvent`; amounts are judged apart, and that
    an event may be taken back is left out: it is no step."""

    def follows(event: ClaimEvent) -> bool:
        if event in STATELESS:
            return event is ClaimEvent.NOTED or may_be_rated(state)
        if event in (ClaimEvent.OPENED, ClaimEvent.RETRACT):
            return False
        return any((state, step) in TABLE.rows for step in _OF_TWO.get(event) or (Step(event),))

    return tuple(event for event in ClaimEvent if follows(event))


def step_of(event: ClaimEvent, state: ClaimState, *, all_of_it: bool, some_came: bool) -> Step:
    """all_of_it: a credit leaves nothing outstanding. some_came: of a claim of which something was credited before."""
    match event:
        case ClaimEvent.CREDITED:
            return Step.CREDITED_IN_FULL if all_of_it else Step.CREDITED_IN_PART
        case ClaimEvent.WRITTEN_OFF if some_came or state is ClaimState.ADJUSTED:
            return Step.REST_WRITTEN_OFF
    return Step(event)


def claim_states() -> str:
    """The table as a block of a page."""
    return f"```mermaid\n{TABLE.mermaid()}```\n"
