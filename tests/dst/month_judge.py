"""Holds what an audit found in a month against what was told in it: nothing missed, nothing invented, no fen twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from agent.fees.findings import Confidence, Finding, Rule, Verdict
from agent.journal.entries import Entry
from simulator.profile import load_profile
from tests.dst.month_trade import Played
from tests.dst.month_truth import Occasion, instant_paid, truth

R = Rule
FEE_RULES = frozenset({R.D01, R.D02, R.D03, R.D05, R.D08, R.D09, R.D10, R.D13, R.D14, R.D15, R.D21})
"""These claim fee lines; the others sales, refunds, settlements and deposits."""
MOST_ENTRIES = 1_000
"""A finding names no more entries as its evidence."""
_OF_BATCHES = frozenset({R.D06, R.D11, R.D12})
_WARNINGS = frozenset({R.D18, R.D22})


def told_by(found: Iterable[Finding]) -> list[Finding]:
    """Those that say that something is wrong, or looks so."""
    return [one for one in found if one.verdict in {Verdict.OVER, Verdict.NEEDS_EVIDENCE} and one.rule not in _WARNINGS]


class Subjects:
    """Which occasion's subject each entry belongs to. A void belongs to its sale, a batch's entries to it as well."""

    def __init__(self, played: Played, entries: Sequence[Entry]) -> None:
        voided = {r["reference"]: r["original_reference"] for r in played.ledger if r["kind"] == "void"}
        batches = {r["reference"]: r["batch"] for r in played.ledger if "reference" in r and "batch" in r}
        self._subject: dict[int, str] = {}
        self._batch: dict[int, str] = {}
        own = 0
        for entry in entries:
            body = entry.body
            match entry.kind:
                case "terminal.transaction" | "terminal.fee":
                    reference = body.get("reference") or body.get("transaction")
                    if reference is None:
                        own += 1
                        self._subject[entry.seq] = f"own {own}"
                        continue
                    self._subject[entry.seq] = voided.get(reference, reference)
                    self._batch[entry.seq] = batches[reference]
                case "terminal.settlement":
                    self._batch[entry.seq] = body["batch"]
                case "bank.credited" if "batch" in body:
                    self._batch[entry.seq] = body["batch"]
                case "terminal.deposit_update":
                    self._subject[entry.seq] = "deposit"

    def of(self, finding: Finding) -> frozenset[str]:
        """What a finding is about, by the entries that it names."""
        if finding.rule in _OF_BATCHES:
            return frozenset(f"batch {self._batch[seq]}" for seq in finding.entries if seq in self._batch)
        return frozenset(self._subject[seq] for seq in finding.entries if seq in self._subject)

    def batches(self, finding: Finding) -> frozenset[str]:
        return frozenset(self._batch[seq] for seq in finding.entries if seq in self._batch)


def judge(played: Played, entries: Sequence[Entry], findings: Sequence[Finding]) -> list[str]:
    """What is wrong with an audit's findings of a month; nothing where all is right."""
    subjects, occasions = Subjects(played, entries), truth(played)
    wrong = [f"{f.rule} {f.subject}: named twice" for f in findings if sum(g.name == f.name for g in findings) > 1]
    late = [one for one in findings if _is_late_t0(played, one, subjects, occasions)]
    rest = [one for one in findings if one not in late]
    wrong += _late_t0(played, late, subjects, occasions)
    wrong += _fees(occasions, [(f, subjects.of(f)) for f in rest if f.rule in FEE_RULES])
    wrong += _others(occasions, [(f, subjects.of(f)) for f in rest if f.rule not in FEE_RULES | _WARNINGS])
    return wrong


def claimed_all_the_same(
    played: Played, entries: Sequence[Entry], findings: Sequence[Finding], occasions: Iterable[Occasion]
) -> list[Occasion]:
    """Of occasions that nobody must see: those of fee lines that somebody claimed."""
    subjects = Subjects(played, entries)
    seen = {(f.rule, subject) for f in findings if f.claimed_minor for subject in subjects.of(f)}
    return [one for one in occasions if one.minor > 0 and any((rule, one.subject) in seen for rule in one.rules)]


# -- fee lines ---------------------------------------------------------------------------------------------------------


def _fees(occasions: Sequence[Occasion], findings: Sequence[tuple[Finding, frozenset[str]]]) -> list[str]:
    """What is claimed of the fee lines that findings share, together: at least what must be seen, at most what was moved."""
    told: dict[str, list[Occasion]] = defaultdict(list)
    for one in occasions:
        if one.rules <= FEE_RULES:
            told[one.subject].append(one)
    claims = [(f, about) for f, about in findings if f.claimed_minor]
    wrong = []
    for together in _joined([about for _f, about in claims] + [frozenset({subject}) for subject in told]):
        mine = [one for subject in together for one in told.get(subject, ())]
        must = sum(one.minor for one in mine if one.unseen is None and one.minor > 0)
        may = sum(one.minor for one in mine if one.minor > 0)
        claimed = [f for f, about in claims if about <= together]
        total = sum(f.claimed_minor for f in claimed)
        if not must <= total <= may:
            wrong.append(
                f"claimed {total}, told {must} to {may}: {_names(claimed)} of {_short(mine)} ({_some(together)})"
            )
    for finding, about in claims:
        rules = {rule for subject in about for one in told.get(subject, ()) for rule in one.rules}
        if finding.rule not in rules:
            wrong.append(f"{finding.rule} claims {finding.claimed_minor} of what {sorted(rules)} may: {_some(about)}")
    seen = {(f.rule, subject) for f, about in claims for subject in about}
    for one in (each for some in told.values() for each in some):
        if one.unseen is None and one.minor > 0 and not any((rule, one.subject) in seen for rule in one.rules):
            wrong.append(f"not seen by {sorted(one.rules)}: {_short([one])} ({one.subject})")
    return wrong


def _joined(sets: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """The sets, those that share something made one."""
    place: dict[str, set[str]] = {}
    for each in sets:
        whole = set(each)
        for other in {id(place[name]): place[name] for name in each if name in place}.values():
            whole |= other
        place |= dict.fromkeys(whole, whole)
    return [frozenset(one) for one in {id(one): one for one in place.values()}.values()]


# -- all else ----------------------------------------------------------------------------------------------------------


def _others(occasions: Sequence[Occasion], findings: Sequence[tuple[Finding, frozenset[str]]]) -> list[str]:
    told: dict[tuple[str, Rule], list[Occasion]] = defaultdict(list)
    for one in occasions:
        for rule in one.rules - FEE_RULES:
            told[one.subject, rule].append(one)
    wrong = []
    said: dict[tuple[str, Rule], int] = defaultdict(int)
    long = {finding.rule for finding, _about in findings if len(finding.entries) >= MOST_ENTRIES}
    for finding, about in findings:
        if finding.verdict not in {Verdict.OVER, Verdict.NEEDS_EVIDENCE}:
            continue
        known = [subject for subject in about if (subject, finding.rule) in told]
        certain = finding.verdict is Verdict.OVER and finding.confidence is not Confidence.SUSPECT
        if certain and not known:
            wrong.append(f"{finding.rule} {finding.difference_minor} of what nobody told: {_some(about)} {finding}")
        for subject in known:
            said[subject, finding.rule] += finding.difference_minor
    for (subject, rule), some in told.items():
        must = [one for one in some if one.unseen is None]
        if must and (subject, rule) not in said and not (rule is R.D16 and rule in long):
            wrong.append(f"not seen by {rule}: {_short(must)} ({subject})")
            continue
        minor, valued = sum(one.minor for one in must if one.valued), any(one.valued for one in must)
        if valued and said[subject, rule] != minor:
            wrong.append(f"{rule} says {said[subject, rule]}, told {minor}: {_short(must)} ({subject})")
    return wrong


def _is_late_t0(played: Played, finding: Finding, subjects: Subjects, occasions: Sequence[Occasion]) -> bool:
    late = {one.subject for one in occasions if one.lies & {"late_credit", "missing_settlement"}}
    at_once = load_profile(played.month.profile).settlement_mode in {"T0", "D0"}
    return finding.rule is R.D14 and at_once and {f"batch {b}" for b in subjects.batches(finding)} <= late


def _late_t0(
    played: Played, findings: Sequence[Finding], subjects: Subjects, occasions: Sequence[Occasion]
) -> list[str]:
    """T+0 that was paid for and came late: its lines were paid for nothing, and no lie of the ledger says so."""
    paid, wrong = instant_paid(played), []
    said: dict[str, int] = defaultdict(int)
    for finding in findings:
        for batch in subjects.batches(finding):
            said[batch] += finding.claimed_minor
    at_once = load_profile(played.month.profile).settlement_mode in {"T0", "D0"}
    for one in occasions:
        batch = one.subject.removeprefix("batch ")
        if at_once and one.lies == {"late_credit"} and one.unseen is None and said.get(batch, 0) != paid[batch]:
            wrong.append(f"D14 says {said.get(batch, 0)}, T+0 cost {paid[batch]} (batch {batch})")
    return wrong


def _names(findings: Iterable[Finding]) -> str:
    return ", ".join(f"{one.rule} {one.claimed_minor}" for one in findings) or "nothing"


def _short(occasions: Iterable[Occasion]) -> str:
    return ", ".join(f"{'+'.join(sorted(one.lies))} {one.minor}" for one in list(occasions)[:8]) or "nothing"


def _some(subjects: Iterable[str]) -> str:
    return ", ".join(sorted(subjects)[:4])
