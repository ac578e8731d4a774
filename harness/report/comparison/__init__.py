"""Comparisons of runs, as a report and as a gate."""
