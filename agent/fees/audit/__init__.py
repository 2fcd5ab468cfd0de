"""The audit: entries become moments, detectors D01 to D22 answer, and what they find is recorded (docs/domain.md §4)."""
