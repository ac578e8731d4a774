"""Kernel settings: the knobs of a stack, how they are applied, and how values of the whole machine are restored."""
