"""Knobs by subject: a table in each file."""
