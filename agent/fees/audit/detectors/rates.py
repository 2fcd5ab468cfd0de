"""D01 RATE_RAISED, D15 ROUNDING and the rest of D08: what many sales of one tariff show together, month by month.

Every line that is off goes into the bucket of its product and version. There it joins the first run whose rate it
allows: a fee f on an amount a says that the rate lies in ((f-1)/a, (f+1)/a) (docs/domain.md §4, D01; half a unit either way
fires on honest roundings). A run of three or more whose lower end is at or above the agreed rate was charged at another.
What is compared is by how much a rate is above the agreed one, so that tiers are runs like any other.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from agent.fees import calculation
from agent.fees.audit.moments import Moment, Now, RateLine
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import Basis, Rounding, TariffVersion
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import Product

_FINE = 1_000_000_000
"""Rates in a run are in billionths of a ppm: integers, rounded outwards."""
_Line = tuple[int, ...]
"""Entry, fee's entry, day, expected, charged, amount."""
_WIDE = 6
_NEVER = 2**100


@dataclass(slots=True)
class _Run:
    """low, high: by how much every line in it allows the rate to be above the agreed one, ppm times `_FINE`."""

    low: int
    high: int
    lines: array[int] = field(default_factory=lambda: array("q"))
    """`_WIDE` numbers a line, those of `_Line`."""

    def add(self, line: RateLine) -> None:
        self.lines.extend(
            (line.seq, line.fee_seq, line.day.toordinal(), line.expected_minor, line.charged_minor, line.amount_minor)
        )

    def forget(self, seq: int) -> bool:
        """The line of that sale; whether it was here."""
        for at in range(0, len(self.lines), _WIDE):
            if self.lines[at] == seq:
                del self.lines[at : at + _WIDE]
                return True
        return False

    @property
    def count(self) -> int:
        return len(self.lines) // _WIDE


@dataclass(slots=True)
class _Bucket:
    product: Product
    version: TariffVersion
    currency: int
    over: list[_Run] = field(default_factory=list)
    silent: _Run = field(default_factory=lambda: _Run(0, 0))
    """Too high, and at the cap or the minimum: they say nothing of a rate, and are claimed with a run that they fit."""
    under: _Run = field(default_factory=lambda: _Run(0, 0))
    back: Mapping[int, int] = field(default_factory=dict)
    """`Now.back`: it changes what is claimed of a line, and not what the line says of a rate."""

    def forget(self, seq: int) -> None:
        """What is said of that sale; and what it said of a run's rate."""
        if self.under.forget(seq) or self.silent.forget(seq):
            return
        for run in self.over:
            if run.forget(seq):
                if run.count:
                    allowed = [_allowed(self.version, line[5], line[4]) for line in _lines(run)]
                    run.low, run.high = max(low for low, _ in allowed), min(high for _, high in allowed)
                else:  # nothing joins it any more; it stays, for the others' places are in their names
                    run.low, run.high = _NEVER, -_NEVER
                return


class Rates:
    """D01, D15, D08: in this order each takes what the one before has left."""

    rules = (Rule.D01, Rule.D15, Rule.D08)

    def __init__(self, terms: Terms, thresholds: Thresholds) -> None:
        self._terms, self._thresholds = terms, thresholds
        self._buckets: dict[tuple[Product, str], _Bucket] = {}

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if isinstance(moment, RateLine):
            self._take(moment)
        elif isinstance(moment, Now):
            return (one for one in self._findings(moment.back) if one.difference_minor)  # 0: it has all come back
        return ()

    def _take(self, line: RateLine) -> None:
        key = (line.product, line.version.version)
        if (bucket := self._buckets.get(key)) is None:
            bucket = self._buckets[key] = _Bucket(line.product, line.version, line.currency)
        if line.late:
            bucket.forget(line.seq)
        if line.charged_minor == line.expected_minor:
            return
        if line.charged_minor < line.expected_minor:
            bucket.under.add(line)
            return
        if calculation.at_bound(line.version, line.amount_minor, line.charged_minor):
            bucket.silent.add(line)
            return
        low, high = _allowed(line.version, line.amount_minor, line.charged_minor)
        for run in bucket.over:
            if low < run.high and run.low < high:
                run.low, run.high = max(run.low, low), min(run.high, high)
                run.add(line)
                return
        run = _Run(low, high)
        run.add(line)
        bucket.over.append(run)

    def _findings(self, back: Mapping[int, int]) -> Iterator[Finding]:
        for bucket in self._buckets.values():
            bucket.back = back
            fired = [self._fires(run) for run in bucket.over]
            rest = [line for run, fires in zip(bucket.over, fired, strict=True) if not fires for line in _lines(run)]
            rest += _lines(bucket.silent)
            for place, run in enumerate(bucket.over):
                if fired[place]:  # with what an earlier run took that this one allows as well
                    more = [line for line in rest if _fits(bucket.version, run, line)]
                    taken = set(more)
                    rest = [line for line in rest if line not in taken] if more else rest
                    yield from self._raised(bucket, run, place, more)
            months: dict[str, list[_Line]] = defaultdict(list)
            for line in (*rest, *_lines(bucket.under)):
                months[date.fromordinal(line[2]).isoformat()[:7]].append(line)
            for month, lines in months.items():
                yield from self._rounding(bucket, lines, month)

    def _fires(self, run: _Run) -> bool:
        return run.count >= self._thresholds.run_least and run.low >= 0

    def _raised(self, bucket: _Bucket, run: _Run, place: int, more: list[_Line]) -> Iterator[Finding]:
        """One finding, or two where the merchant's word covers a part of the run."""
        agreed_ppm = _agreed_ppm(bucket.version)
        denied, open_ = self._denied(bucket, run, [*_lines(run), *more])
        subject = f"{bucket.product}/{bucket.version.version}/{place}"
        facts = {
            "product": bucket.product.value,
            "agreed_ppm": str(agreed_ppm),
            "least_ppm": str(agreed_ppm + -(-run.low // _FINE)),
            "most_ppm": str(agreed_ppm + run.high // _FINE),
        }
        if denied:
            yield _summed(
                Rule.D01, bucket, denied, subject, verdict=Verdict.OVER, facts=facts | {"count": str(len(denied))}
            )
        if open_:
            yield _summed(
                Rule.D01, bucket, open_, f"{subject}/rest" if denied else subject,
                verdict=Verdict.NEEDS_EVIDENCE, confidence=Confidence.LIKELY, settled_by=SettledBy.CONSENT_RECORD,
                facts=facts | {"count": str(len(open_))},
            )  # fmt: skip

    def _denied(self, bucket: _Bucket, run: _Run, lines: list[_Line]) -> tuple[list[_Line], list[_Line]]:
        """The lines of a run at a rate to which the merchant says "I did not agree", and the others (docs/domain.md §3).

        He says so of everything since a day, or by refusing the very change whose rate was charged.
        """
        if bucket.version.basis is not Basis.SIGNED:
            return [], lines
        if self._terms.nothing_else_agreed(date.fromordinal(min(line[2] for line in lines))):
            return lines, []
        refused = {day for day in {line[2] for line in lines} if self._refused(bucket, run, date.fromordinal(day))}
        return [line for line in lines if line[2] in refused], [line for line in lines if line[2] not in refused]

    def _refused(self, bucket: _Bucket, run: _Run, day: date) -> bool:
        """Whether a change that was to hold on that day was refused, and its rate is one that the run allows."""
        return any(
            self._terms.refused(change.version)
            and change.rate_ppm is not None
            and run.low < (change.rate_ppm - _agreed_ppm(bucket.version)) * _FINE < run.high
            for change in self._terms.tariff(bucket.product, day).dearer
        )

    def _rounding(self, bucket: _Bucket, lines: list[_Line], month: str) -> Iterator[Finding]:
        """One unit too much on nearly all that is off is a way of rounding; else each line is an amount in no contract."""
        ones = [line for line in lines if line[4] - line[3] == 1]
        under = [line for line in lines if line[4] < line[3]]
        named, subject = {"product": bucket.product.value}, f"{bucket.product}/{bucket.version.version}/{month}"
        up = len(ones)
        if up >= self._thresholds.rounding_least and up * 100 >= len(lines) * self._thresholds.rounding_percent:
            known = (
                bucket.version.rounding in {Rounding.HALF_UP, Rounding.DOWN} and bucket.version.basis is Basis.SIGNED
            )
            yield _summed(
                Rule.D15, bucket, ones, subject,
                verdict=Verdict.OVER if known else Verdict.NEEDS_EVIDENCE,
                settled_by=SettledBy.NOTHING if known else SettledBy.CONTRACT,
                facts=named,
            )  # fmt: skip
        elif ones:
            yield _summed(
                Rule.D15, bucket, ones, f"{subject}/single", verdict=Verdict.NEEDS_EVIDENCE,
                confidence=Confidence.LIKELY, settled_by=SettledBy.CONTRACT, facts={**named, "note": "single"},
            )  # fmt: skip
        signed = bucket.version.basis is Basis.SIGNED
        for line in lines:
            if line[4] - line[3] > 1:
                yield _summed(
                    Rule.D08, bucket, [line], f"{line[0]}/mdr",
                    verdict=Verdict.OVER if signed else Verdict.NEEDS_EVIDENCE,
                    settled_by=SettledBy.NOTHING if signed else SettledBy.CONTRACT,
                    facts={"type": "mdr", **named},
                )  # fmt: skip
        if under:
            rule = Rule.D15 if all(line[4] - line[3] == -1 for line in under) else Rule.D01
            yield _summed(rule, bucket, under, f"{subject}/under", verdict=Verdict.UNDER, facts=named)


def _lines(run: _Run) -> list[_Line]:
    return [tuple(run.lines[at : at + _WIDE]) for at in range(0, len(run.lines), _WIDE)]


def _allowed(version: TariffVersion, amount_minor: int, charged_minor: int) -> tuple[int, int]:
    """By how much a fee allows the rate to be above the agreed one, ppm times `_FINE`: at least, at most."""
    charged = charged_minor - (version.per_item_minor or 0)
    above = charged * 1_000_000 - _agreed_millionths(version, amount_minor)
    return (above - 1_000_000) * _FINE // amount_minor, -((-above - 1_000_000) * _FINE // amount_minor)


def _fits(version: TariffVersion, run: _Run, line: _Line) -> bool:
    """Whether a run's rate may have made that fee; at the cap or the minimum a higher one may as well."""
    low, high = _allowed(version, line[5], line[4])
    return low < run.high and (run.low < high or calculation.at_bound(version, line[5], line[4]))


def _agreed_millionths(version: TariffVersion, amount_minor: int) -> int:
    """The percentage that is agreed, before rounding; of a band its upper end."""
    exact = calculation.exact_millionths(version, amount_minor)
    return amount_minor * _agreed_ppm(version) if exact is None else exact


def _agreed_ppm(version: TariffVersion) -> int:
    """The highest that any amount may be charged at."""
    if version.tiers:
        return max(tier.rate_ppm for tier in version.tiers)
    return version.rate_ppm if version.rate_ppm is not None else version.band_high_ppm or 0


def _summed(rule: Rule, bucket: _Bucket, lines: list[_Line], subject: str, **more: object) -> Finding:
    came_back = sum(min(bucket.back.get(line[0], 0), max(0, line[4] - line[3])) for line in lines) if bucket.back else 0
    expected, charged = sum(line[3] for line in lines), sum(line[4] for line in lines) - came_back
    if came_back:
        more["facts"] = {**more["facts"], "came_back_minor": str(came_back)}  # type: ignore[dict-item]
    made: dict[str, object] = {
        "rule": rule,
        "subject": subject,
        "first": date.fromordinal(min(line[2] for line in lines)),
        "last": date.fromordinal(max(line[2] for line in lines)),
        "currency": bucket.currency,
        "version": bucket.version.version,
        "expected_minor": expected,
        "charged_minor": charged,
        "difference_minor": abs(charged - expected),
        "entries": tuple(seq for line in lines for seq in line[:2]),
    }
    return Finding(**{**made, **more})  # type: ignore[arg-type]
