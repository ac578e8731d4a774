"""Figures as data; report/html/svg.py draws them."""
