"""Kernel settings: knobs, the actions that change a value, and how values of the whole machine are restored."""
