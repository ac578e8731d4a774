"""Causes of the verdicts: parts of a difference, bottlenecks, and where the time of a request goes."""
