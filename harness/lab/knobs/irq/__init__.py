"""Knobs of interrupts."""
