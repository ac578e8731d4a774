"""Contrasts of a run: engine.py forms and judges them; each other file has a kind of effect."""
