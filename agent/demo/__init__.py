"""Demos: a simulated terminal beside an agent; scenarios: the register's half of them, and the judge of its record."""
