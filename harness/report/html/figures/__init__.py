"""Figures of the HTML report."""
