"""Knobs, a file each; folders stand for dots in the name. Adding a file adds a knob."""
