"""What the record's owner asks of a claim's events before they are appended: their place in the claims that the journal
holds, and what only the whole record can say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from agent.fees.audit.thresholds import FeeSettings
from agent.fees.claim_kinds import ClaimEvent, ClaimNoted
from agent.fees.claims.claim import Claim, refused
from agent.fees.claims.claims import Claims
from agent.journal.entries import Entry
from agent.journal.fee_kinds import FeeFact
from agent.journal.reader import Reader
from agent.language import _
from protocol.messages import FeeType, Outcome, Product, TransactionKind

ADJUSTED_AFTER = FeeSettings().adjusted_after
"""An adjustment is verified by so many right fees after it (docs/domain.md §4: N), where the settings have no other."""
_SALES = frozenset({TransactionKind.SALE, TransactionKind.PRE_AUTH_COMPLETION})
_WITH_REASON = frozenset({ClaimEvent.WITHDRAWN, ClaimEvent.WRITTEN_OFF, ClaimEvent.NOTED, ClaimEvent.RETRACT})


def require_claims(
    journal: Reader,
    at: int,
    new: Sequence[FeeFact],
    *,
    time_zone: str,
    adjusted_after: int = ADJUSTED_AFTER,
    known: Claims | None = None,
) -> None:
    """That the facts, appended now (ms UTC), leave every claim in order. Raises ClaimError, NotFound, JournalDamaged.

    known: the claims of a beginning of the journal, which are left as they are: only what came after it is searched.
    """
    if not any(isinstance(fact, ClaimNoted) for fact in new):
        return
    claims = Claims() if known is None else known.copy()
    claims.catch_up(journal)
    size = claims.size
    for seq, fact in enumerate(new, size):
        if isinstance(fact, ClaimNoted):
            _require_words(fact)
            _require_past(journal, at, fact)
        claims.take(seq, at, fact)
        if isinstance(fact, ClaimNoted) and fact.event is ClaimEvent.ADJUSTED:
            _require_right_fees(journal, claims, fact, time_zone, adjusted_after)


def _require_words(fact: ClaimNoted) -> None:
    if not fact.operator.strip():
        raise refused(_("An event of a claim names who notes it."), _("Say who, with --operator."))
    if fact.event in _WITH_REASON and not (fact.note or "").strip():
        raise refused(_("{event} needs a reason or words.").format(event=fact.event), _("Say it with --note."))


def _require_past(journal: Reader, at: int, fact: ClaimNoted) -> None:
    """A date to come would hold up every event until then. In a simulated home the clock stands, and nothing is refused."""
    if journal.entry(0).body.get("nature") == "simulated":
        return
    tomorrow = datetime.fromtimestamp(at // 1000, UTC).date() + timedelta(days=1)  # it is today somewhere
    if fact.on > tomorrow:
        raise refused(_("{day} is still to come.").format(day=fact.on), _("Note what has happened; check the clock."))


def _require_right_fees(journal: Reader, claims: Claims, fact: ClaimNoted, time_zone: str, needed: int) -> None:
    """Enough fees were taken after the admission, and the audit judged them: what it could not judge is not counted."""
    claim, audit = claims.claim(fact.claim, whole=True), claims.audits[fact.entry or 0]
    entries = journal.entries(claim.events[0].seq, audit.size)
    fees = _fees_after(entries, claim, claims.products(claim), ZoneInfo(time_zone), audit.last)
    judged = sum(1 for _fee in islice(fees, needed + audit.unknown))
    if judged - audit.unknown < needed:
        raise refused(
            _("The audit rests on {count} fees since the admission; {needed} must be right.").format(
                count=max(judged - audit.unknown, 0), needed=needed
            ),
            _("Trade on, and audit again later."),
        )


def _fees_after(
    entries: Iterable[Entry], claim: Claim, products: frozenset[Product], zone: ZoneInfo, last: date
) -> Iterator[str]:
    """Approved sales of these products (none: of any), later than the day of the admission, with an MDR line: each once."""
    since = claim.admitted_on or claim.last_on
    waiting: set[str] = set()
    for entry in entries:
        body = entry.body
        if entry.kind == "terminal.transaction":
            day = datetime.fromtimestamp(body["terminal_time"] // 1000, zone).date()
            approved = body["kind"] in _SALES and body["outcome"] == Outcome.APPROVED
            if approved and since < day <= last and (not products or body["product"] in products):
                waiting.add(body["reference"])
        elif entry.kind == "terminal.fee" and body["type"] == FeeType.MDR and body.get("transaction") in waiting:
            waiting.discard(body["transaction"])
            yield body["transaction"]
