"""Contrasts of a run: the engine that forms and judges them, and the kinds of effect that it is given."""
