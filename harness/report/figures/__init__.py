"""Figures as data: what to draw, without how."""
