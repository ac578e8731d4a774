"""Figures as plotly.js takes them, in pure data; a color is the name of a CSS variable, which the page resolves."""
