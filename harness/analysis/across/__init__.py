"""Runs of one experiment held against each other."""
