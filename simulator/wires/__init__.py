"""Wires: what joins a simulated terminal to an agent, and everything that can go wrong between the two."""
