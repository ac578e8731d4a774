"""Statistics of sessions: estimates with their intervals, verdicts, stopping bounds (group_sequential), percentiles."""
