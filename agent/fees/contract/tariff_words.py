"""A tariff version in words: what it costs, whose it is, and why none is known."""

from __future__ import annotations

from datetime import timedelta

from agent.fees.contract.chains import Unknown
from agent.fees.contract.tariff import Basis, CapScope, FeeBasis, FeeReturn, Rounding, TariffVersion, TierMode
from agent.fees.contract.tariff_spells import State, Tariff
from agent.fees.quote_words import percent
from agent.figures import amount
from agent.language import _


def terms_words(v: TariffVersion, yuan_sign: str = "¥") -> str:
    """What a sale costs by it, on one line: `0.6%, at most ¥20.00`."""

    def money(minor: int) -> str:
        return amount(minor, v.currency, yuan_sign)

    said = [_price(v, yuan_sign)]
    if v.cap_minor is not None:
        capped = (
            _("at most {amount} of everything together") if v.cap_scope is CapScope.TOTAL else _("at most {amount}")
        )
        said.append(capped.format(amount=money(v.cap_minor)))
    if v.cap_unclear:
        said.append(_("whether the cap covers this product is not signed"))
    if v.minimum_minor:
        said.append(_("at least {amount}").format(amount=money(v.minimum_minor)))
    if v.per_item_minor:
        said.append(_("{amount} more for each").format(amount=money(v.per_item_minor)))
    if v.t0_ppm is not None or v.t0_fixed_minor is not None:
        parts = [money(v.t0_fixed_minor or 0), percent(v.t0_ppm or 0)]
        there = [part for part, value in zip(parts, (v.t0_fixed_minor, v.t0_ppm), strict=True) if value]
        said.append(_("T+0: {price}").format(price=" + ".join(there) or percent(0)))
    if v.rounding in {Rounding.UP, Rounding.DOWN}:
        said.append(_("rounded up") if v.rounding is Rounding.UP else _("rounded down"))
    if v.fee_basis is FeeBasis.BATCH_NET:
        said.append(_("of a batch's net"))
    if v.fee_return is not None:
        said.append(_returned(v.fee_return))
    if v.promo:
        said.append(_("an offer"))
    return ", ".join(said)


def _price(v: TariffVersion, yuan_sign: str) -> str:
    if v.rate_ppm is not None:
        return percent(v.rate_ppm)
    if v.band_low_ppm is not None and v.band_high_ppm is not None:
        return f"{percent(v.band_low_ppm)}-{percent(v.band_high_ppm)}"
    tiers = [
        percent(tier.rate_ppm)
        if tier.up_to_minor is None
        else _("{rate} to {amount}").format(
            rate=percent(tier.rate_ppm), amount=amount(tier.up_to_minor, v.currency, yuan_sign)
        )
        for tier in v.tiers
    ]
    how = {TierMode.MARGINAL: _("each on its part"), TierMode.SLAB: _("on the whole amount")}
    return " / ".join(tiers) + (f" ({how[v.tier_mode]})" if v.tier_mode is not None else "")


def _returned(how: FeeReturn) -> str:
    return {
        FeeReturn.KEEP: _("kept on refunds"),
        FeeReturn.PRO_RATA: _("returned pro rata on refunds"),
        FeeReturn.RECOMPUTE: _("reckoned anew on refunds"),
    }[how]


def basis_words(basis: Basis) -> str:
    """What a version rests on."""
    return {Basis.SIGNED: _("signed"), Basis.ADVERTISED: _("advertised, not signed")}[basis]


def unknown_words(unknown: Unknown) -> str:
    """Why no tariff can be named."""
    return {
        Unknown.NO_TARIFF: _("no tariff on record is for this product and this device"),
        Unknown.ENDED: _("what was agreed has ended, and nothing on record follows it"),
        Unknown.TIE: _("two tariffs on record would hold at once"),
        Unknown.NO_FEE_FIELD: _("the tariff on record does not say enough"),
        Unknown.PROMO_WITHOUT_END: _("an offer on record has no end"),
        Unknown.NO_PUBLICATION: _("a raise was agreed to, and when it was published is not on record"),
    }[unknown]


def state_words(row: Tariff) -> str:
    """Where a version stands, and from when to when it binds."""
    said = {
        State.BINDS: _("binds"),
        State.LATER: _("is to bind"),
        State.WAITING: _("waits for your answer: a raise, not agreed to"),
        State.UNPUBLISHED: _("agreed to, its publication not on record: from when it binds is not known"),
        State.REFUSED: _("refused"),
        State.OVER: _("over"),
        State.GIVES_WAY: _("gives way to another"),
        State.NOT_OURS: _("not for this contract or device"),
    }[row.state]
    if row.binds_from is None:
        return said
    if row.binds_to is None:
        return _("{state}, from {first}").format(state=said, first=row.binds_from)
    last = row.binds_to - timedelta(days=1)
    return _("{state}, from {first} to {last}").format(state=said, first=row.binds_from, last=last)
