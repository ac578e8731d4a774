"""Effects of designs with several factors: factorial experiments and screens."""
