"""Who may do what at the counter: operators, their PINs and roles, as the journal holds them (docs/people.md)."""
