"""Papers that people are handed: strips of a printer's columns, and PDF with the Chinese signs that it uses."""
