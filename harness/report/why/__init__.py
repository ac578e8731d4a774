"""Causes: parts of a difference, counters, bottlenecks and waterfalls."""
