"""Knobs of the scheduler: of the servers alone, or of the machine."""
