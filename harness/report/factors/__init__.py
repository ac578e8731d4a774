"""Factorial experiments: interactions of effects, and the effect of each factor."""
