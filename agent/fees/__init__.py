"""Fees: what should have been charged, what was, and a claim that stands (docs/fees.md, docs/domain.md §§3–4).

Everything here is computed from journal entries, never from views.db.
"""
