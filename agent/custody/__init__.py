"""The record as a whole: its keys, its copies, its witnesses, and what is written while nothing can be signed."""
