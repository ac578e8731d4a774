"""Measures everything that results/published shows and writes its pages: the package behind scripts/publish."""
