"""Turn an experiment file into arms, comparisons and a seeded plan; without side effects."""
