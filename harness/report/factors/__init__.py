"""Says whether effects depend on each other, and what each factor does by itself."""
