"""Values that stand outside the leaves, erased: the record keeps their salted hashes, and verifies as before."""

from __future__ import annotations

from agent.errors import NotFound
from agent.journal.custody_kinds import PrivateErased
from agent.journal.drafting import to_draft
from agent.journal.entries import Draft
from agent.journal.reader import Head
from agent.journal.store import Journal
from agent.language import _


def erase(journal: Journal, at: int, *, first: int, last: int, field: str | None, operator: str, reason: str) -> Head:
    """Erase the values of `field` (None: every private field) beside the entries first … last, and say so in an entry of the
    same commit. Raises NotFound where there is none, JournalError; then nothing was erased.
    """

    def draft(count: int) -> Draft:
        fact = PrivateErased(first=first, last=last, field=field, count=count, operator=operator, reason=reason)
        return to_draft(fact, journal.signer.token_hmac)

    try:
        return journal.erase(first, last, field, draft, at)
    except LookupError as error:
        raise NotFound(
            _("Nothing stands beside the entries {first} to {last} that could be erased.").format(
                first=first, last=last
            ),
            _("See what stands beside an entry with: counterfoil journal show SEQ --json"),
        ) from error
