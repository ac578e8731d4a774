"""Comparison of several runs of one experiment."""
