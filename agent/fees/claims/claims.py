"""The claims that a journal holds: a fold over its entries, never over views. Amounts are minor units, dates the merchant's
calendar.

Money is claimed once: a finding is in one open claim at most, and a later claim asks only for what no earlier one did (a
withdrawn one gives back what was not credited). A bank's credit pays no more than it brought, however many claims it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from string import hexdigits

from agent.errors import ClaimError, NotFound
from agent.fees.claim_kinds import Audited, ClaimEvent, ClaimNoted, FindingRecorded, FindingSuperseded
from agent.fees.claims.claim import Claim, Happened, Part, refused
from agent.fees.contract.tariff import TariffVersion
from agent.fees.contract.terms import BankCredit, Registration
from agent.fees.facts import facts
from agent.fees.findings import Debtor, Verdict, claimed, debtor
from agent.journal.fee_kinds import FeeFact
from agent.journal.reader import Reader
from agent.language import _
from protocol.messages import Product

_BEGINNINGS = ("claim.", "fees.", "bank.credited", "tariff.version", "contract.registered")


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as it was recorded last. superseded: the entry that says that later facts removed it, None: it stands."""

    seq: int
    fact: FindingRecorded
    superseded: int | None = None

    @property
    def claims_minor(self) -> int:
        """What it may ask for by itself: OVER, no suspect, and still standing; else 0."""
        if self.superseded is not None:
            return 0
        return claimed(self.fact.rule, self.fact.verdict, self.fact.confidence, self.fact.difference_minor)


@dataclass(slots=True)
class Claims:
    """What the entries taken so far say. size: so many of the journal's entries `catch_up` has searched.

    unfit: claim entries that do not follow what stood before them, passed by.
    """

    claims: dict[str, Claim] = field(default_factory=dict)
    findings: dict[str, Found] = field(default_factory=dict)
    credits: dict[int, BankCredit] = field(default_factory=dict)
    audits: dict[int, Audited] = field(default_factory=dict)
    versions: dict[str, TariffVersion] = field(default_factory=dict)
    registrations: list[Registration] = field(default_factory=list)
    unfit: list[int] = field(default_factory=list)
    size: int = 0

    def copy(self) -> Claims:
        """What is taken by the one is not by the other."""
        return Claims(
            claims=dict(self.claims),
            findings=dict(self.findings),
            credits=dict(self.credits),
            audits=dict(self.audits),
            versions=dict(self.versions),
            registrations=list(self.registrations),
            unfit=list(self.unfit),
            size=self.size,
        )

    def catch_up(self, journal: Reader) -> None:
        """Take what the journal holds beyond `size`. Raises JournalDamaged, ValueError for an entry that is no fact of its
        kind."""
        end = journal.size
        for entry, fact in facts(journal.all_of(_BEGINNINGS, self.size)):
            if entry.seq >= end:
                break
            try:
                self.take(entry.seq, entry.at, fact)
            except (ClaimError, NotFound):  # another make's rules: it stands in the record, and changes nothing here
                self.unfit.append(entry.seq)
        self.size = end

    def take(self, seq: int, at: int, fact: FeeFact) -> None:
        """The next entry's fact. at: ms UTC. Raises ClaimError, NotFound for a claim's event that cannot be."""
        match fact:
            case FindingRecorded():
                self.findings[fact.finding] = Found(seq, fact)
            case FindingSuperseded() if fact.finding in self.findings:
                self.findings[fact.finding] = replace(self.findings[fact.finding], superseded=seq)
            case BankCredit():
                self.credits[seq] = fact
            case Audited():
                self.audits[seq] = fact
            case TariffVersion():
                self.versions[fact.version] = fact
            case Registration():
                self.registrations.append(fact)
            case ClaimNoted(event=ClaimEvent.OPENED):
                self.claims[fact.claim] = self._opened(Happened(seq, at, fact))
            case ClaimNoted(event=ClaimEvent.RETRACT):
                before = self.claim(fact.claim, whole=True)
                now = before.without(Happened(seq, at, fact))
                self._check_once(before, now)
                self.claims[before.name] = now
            case ClaimNoted():
                before = self.claim(fact.claim, whole=True)
                self.claims[before.name] = before.after(Happened(seq, at, fact), self._check_entry(before, fact))

    def claim(self, name: str, *, whole: bool = False) -> Claim:
        """By its name, or unless `whole` a unique beginning of it. Raises NotFound."""
        found = _named(self.claims, name, whole=whole)
        if found is None:
            raise NotFound(
                _("There is no claim {name}, or not only one.").format(name=name),
                _("Find its name with: counterfoil fees claims list"),
            )
        return self.claims[found]

    def finding(self, name: str) -> Found:
        """By its name, or a unique beginning of it. Raises NotFound."""
        found = _named(self.findings, name)
        if found is None:
            raise _no_finding(name)
        return self.findings[found]

    def claimable(self, name: str) -> int:
        """What a new claim may ask of the finding of that whole name, above 0. Raises ClaimError, saying why it may not."""
        found = self.findings[name]
        if found.superseded is not None:
            raise refused(
                _("Facts that came later removed finding {name}.").format(name=name),
                _("It cannot be claimed any more."),
            )
        if (owes := debtor(found.fact.rule)) is Debtor.CUSTOMER:
            raise refused(
                _("Finding {name} is no claim on the provider: the customer owes this money.").format(name=name),
                _("Ask the customer for it, with the slips of the sale and of what went back."),
            )
        if owes is Debtor.MERCHANT:
            raise refused(
                _("Finding {name} is no claim on the provider: the money is the customer's.").format(name=name),
                _("Give it back to the customer with a refund, once it is certain."),
            )
        if found.claims_minor <= 0:
            raise refused(
                _(
                    "Finding {name} claims no money: it is not OVER, or a suspect, or seen under another rule too."
                ).format(name=name),
                _("Settle first what it needs: counterfoil fees audit says what that is."),
            )
        for claim in self.claims.values():
            if claim.is_open and any(part.found.finding == name for part in claim.parts):
                raise refused(
                    _("Finding {name} is in the open claim {claim} already.").format(name=name, claim=claim.name),
                    _("Money is claimed once: go on with that claim, or withdraw it."),
                )
        left = found.claims_minor - self._taken(name)
        if left <= 0:
            raise refused(
                _("What finding {name} asks for was claimed before.").format(name=name), _("Money is claimed once.")
            )
        return left

    def all_claimable(self) -> list[str]:
        """The names of all findings that a new claim may hold, oldest first."""
        return [found.fact.finding for found in sorted(self.findings.values(), key=_age) if self._may_claim(found)]

    def credit_left(self, seq: int) -> int:
        """What the bank's credit in entry `seq` brought beyond what claims say of it."""
        used = sum(paid.minor for claim in self.claims.values() for paid in claim.paid if paid.credit == seq)
        return self.credits[seq].amount.minor - used

    def may_pay(self, claim: Claim) -> list[int]:
        """Credits that may be its money: booked since it was opened, with just what is outstanding or promised left."""
        asked = {claim.outstanding_minor, claim.admitted_minor - claim.credited_minor} - {0}
        return [
            seq
            for seq, credit in self.credits.items()
            if credit.amount.currency == claim.currency
            and credit.on >= claim.events[0].fact.on
            and self.credit_left(seq) in asked
        ]

    def new_name(self, findings: Iterable[str]) -> str:
        """A name for a new claim: 12 hex digits, of what it claims and of how many claims there were before."""
        return sha256(f"{'/'.join(sorted(findings))}/{len(self.claims)}".encode()).hexdigest()[:12]

    def registration(self, day: date) -> Registration | None:
        """Whom the provider has registered on that day."""
        on_it = [each for each in self.registrations if each.valid_from <= day]
        return max(reversed(on_it), key=lambda each: each.valid_from, default=None)

    def _may_claim(self, found: Found) -> bool:
        try:
            return self.claimable(found.fact.finding) > 0
        except ClaimError:
            return False

    def _taken(self, name: str) -> int:
        return sum(minor for claim in self.claims.values() for of, minor in claim.taken() if of == name)

    def _opened(self, happened: Happened) -> Claim:
        fact = happened.fact
        if len(fact.claim) != 12 or not set(fact.claim) <= set(hexdigits) or fact.claim in self.claims:
            raise refused(
                _("There is a claim {claim} already.").format(claim=fact.claim), _("Open it under a new name.")
            )
        if not fact.findings or len(set(fact.findings)) < len(fact.findings) or fact.amount is None:
            raise refused(_("A claim claims findings, each once."), _("Name them, or say --all."))
        parts = []
        for name in fact.findings:
            if (found := self.findings.get(name)) is None:
                raise _no_finding(name)
            parts.append(Part(found.fact, found.seq, self.claimable(name)))
        if {part.found.currency for part in parts} != {fact.amount.currency}:
            raise refused(_("A claim is of one currency."), _("Open a claim for each currency."))
        if sum(part.minor for part in parts) != fact.amount.minor:
            raise refused(
                _("The findings have changed since they were read."), _("Look at them, and open the claim again.")
            )
        if fact.on < min(part.found.first for part in parts):
            raise refused(
                _("{day} is before the day on which it happened that is claimed.").format(day=fact.on),
                _("Correct the date."),
            )
        return Claim(
            name=fact.claim,
            currency=fact.amount.currency,
            parts=tuple(parts),
            events=(happened,),
            cause=fact.cause,
            ticket=fact.ticket,
            due=fact.due,
        )

    def _check_entry(self, claim: Claim, fact: ClaimNoted) -> date | None:
        """The entry that the event rests on: a credit with enough left, whose date is answered, or an audit."""
        if fact.entry is not None and fact.event is ClaimEvent.ADJUSTED:
            self._check_audit(claim, fact.entry)
        if fact.entry is None or fact.event is not ClaimEvent.CREDITED:
            return None
        credit = self.credits.get(fact.entry)
        if credit is None:
            raise refused(
                _("Entry {seq} is no credit of the bank.").format(seq=fact.entry),
                _("Record it with: counterfoil credits add; its entry is in: counterfoil credits list"),
            )
        left = self.credit_left(fact.entry)
        if fact.amount is not None and (credit.amount.currency != claim.currency or fact.amount.minor > left):
            raise refused(
                _("Of the credit in entry {seq} so much is not left: claims have used the rest.").format(
                    seq=fact.entry
                ),
                _("Name another credit, or a smaller amount."),
            )
        return credit.on

    def _check_audit(self, claim: Claim, seq: int) -> None:
        """An audit of what came after the admission, by which nothing of the claim's rules was found again."""
        audit, admitted = self.audits.get(seq), claim.admitted_on
        if audit is None or admitted is None or audit.last <= admitted:
            raise refused(
                _("Entry {seq} is no audit of days after the provider's admission.").format(seq=seq),
                _("Do one with: counterfoil fees audit; its entry is in: counterfoil journal log"),
            )
        again = self.found_again(claim, admitted)
        if again is not None:
            raise refused(
                _("The same was found again after the admission: finding {name}.").format(name=again),
                _("The fees are not right yet: put the claim again with escalated."),
            )

    def _check_once(self, before: Claim, now: Claim) -> None:
        """A claim that asks for more again, since its end was taken back: no other has claimed that meanwhile."""
        others = [claim for claim in self.claims.values() if claim.name != before.name]
        had, asks = dict(before.taken()), dict(now.taken())
        for part in now.parts:
            name = part.found.finding
            again = now.is_open and not before.is_open
            shared = [c for c in others if c.is_open and again and any(p.found.finding == name for p in c.parts)]
            elsewhere = sum(minor for claim in others for of, minor in claim.taken() if of == name)
            more = asks[name] > had[name] and elsewhere > 0
            if shared or (more and elsewhere + asks[name] > self.findings[name].claims_minor):
                raise refused(
                    _("Finding {name} has been claimed anew since.").format(name=name),
                    _("Money is claimed once: go on with the newer claim, or withdraw that one first."),
                )

    def found_again(self, claim: Claim, since: date) -> str | None:
        """The name of a standing finding of one of the claim's rules and products about days after `since`."""
        rules = {part.found.rule for part in claim.parts}
        products = self.products(claim)
        for found in self.findings.values():
            fact = found.fact
            doubtful = found.superseded is None and fact.verdict in {Verdict.OVER, Verdict.NEEDS_EVIDENCE}
            product = self._product(fact)
            if (
                doubtful
                and fact.last > since
                and fact.rule in rules
                and (product in products or not product or not products)
            ):
                return fact.finding
        return None

    def products(self, claim: Claim) -> frozenset[Product]:
        """What its findings' tariffs are for; empty where one of them names no tariff that is known: then it may be any."""
        found = [self._product(part.found) for part in claim.parts]
        return frozenset() if None in found else frozenset(product for product in found if product is not None)

    def _product(self, found: FindingRecorded) -> Product | None:
        version = self.versions.get(found.version or "")
        return None if version is None else version.product


def claims_of(journal: Reader) -> Claims:
    """The claims of a journal. Raises JournalDamaged, ValueError for an entry that is no fact of its kind."""
    claims = Claims()
    claims.catch_up(journal)
    return claims


def _no_finding(name: str) -> NotFound:
    return NotFound(
        _("The record holds no finding {name}, or not only one.").format(name=name),
        _("Find its name with: counterfoil fees audit; only recorded findings can be claimed."),
    )


def _age(found: Found) -> tuple[date, int]:
    return found.fact.first, found.seq


def _named(names: Iterable[str], given: str, *, whole: bool = False) -> str | None:
    if given in (held := set(names)):
        return given
    fitting: Iterator[str] = (name for name in held if not whole and given and name.startswith(given.lower()))
    found = list(fitting)
    return found[0] if len(found) == 1 else None
