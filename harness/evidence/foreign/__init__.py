"""Reads what other load tools measured elsewhere, and never takes half a file for a whole one."""
