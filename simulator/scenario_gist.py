"""What must be seen at the end of a scenario, in a few words: for the list of them in the pages (docs/build.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def to_be_seen(expect: Mapping[str, Any]) -> Iterator[str]:
    """expect: a scenario's [expect.*]. Of requests, fees, lies, the record and the audit, above all what is not as ever.

    Amounts in minor units. An approved request without an amount in [expect.ledger] is not told.
    """
    ledger, journal = expect["ledger"], expect["journal"]
    outcomes, charged = journal.get("outcomes", {}), ledger.get("charged", {})
    for label in dict.fromkeys((*outcomes, *charged)):
        outcome, minor = outcomes.get(label, ""), charged.get(label)
        if minor is None and outcome == "approved":
            continue
        yield " ".join(filter(None, (label, outcome, "" if minor is None or (outcome and not minor) else _told(minor))))
    if ledger.get("should_fees_minor", ledger.get("fees_minor")) != ledger.get("fees_minor"):
        yield f"fees {_told(ledger['fees_minor'])}, right {_told(ledger['should_fees_minor'])}"
    if "deposit_states" in ledger:
        yield f"deposit {ledger['deposit_states'][-1]}"
    if ledger.get("wrong_count") == 0:
        yield "nothing wrong"
    yield from (f"{name} {_told(minor)}" for name, minor in ledger.get("lies_minor", {}).items())
    yield from (f"notice {code}" for code in journal.get("notices", ()))
    yield from (f"{key} {_told(journal[key])}" for key in ("gaps", "contradictions", "unreadable") if journal.get(key))
    if journal.get("verify") is False:
        yield "`journal verify` finds it"
    if journal.get("head_mismatch"):
        yield "the terminal's remembered head tells it"
    for one in expect.get("finding", ()):
        if one.get("count") == 0:
            yield f"no finding {one.get('verdict', '')}".rstrip()
        else:
            yield " ".join(str(one[key]) for key in ("detector", "verdict", "difference_minor") if key in one)


def _told(count: object) -> str:
    if not isinstance(count, dict):
        return str(count)
    return " ".join(f"{key} {value}" for key, value in count.items())
