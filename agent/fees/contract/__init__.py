"""What was agreed: tariffs as versions, the terms beside them, and what binds on a day (docs/domain.md §3)."""
