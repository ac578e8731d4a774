"""Statistics of sessions: series, estimates and verdicts, stopping bounds, percentiles."""
