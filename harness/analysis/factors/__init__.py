"""What a factorial experiment says beyond its comparisons: whether effects depend on each other, what each does."""
