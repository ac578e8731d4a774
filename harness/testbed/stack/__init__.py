"""Stacks: their networks, their start, and what runs then."""
