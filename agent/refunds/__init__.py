"""Money back: what may be refunded or voided, what it costs, and what became of it (docs/refunds.md)."""
