"""From a file to arms to a seeded plan; pure."""
