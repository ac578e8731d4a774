"""A comparison of runs, for people and for a gate."""
