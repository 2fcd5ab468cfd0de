"""Files of providers and banks, read whole or not at all, and held against the record."""
