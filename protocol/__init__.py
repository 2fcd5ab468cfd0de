"""Bytes to events and back: no I/O, no clock, no randomness of its own.

Start at `protocol.conversation` (one class for both ends of the wire), `protocol.messages` (what the two ends tell each
other) and `protocol.dialects` (how a terminal of some make says it). The byte tables are in docs/protocol.md.
"""
