"""From counters to causes: what a difference consists of, who was busy, where the time of a request goes."""
