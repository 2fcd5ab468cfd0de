"""A claim: a fold over its entries, with the letter that asks for the money (docs/domain.md §4, claims)."""
