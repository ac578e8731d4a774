"""Knobs of the CPUs: idle states, frequency, threads."""
