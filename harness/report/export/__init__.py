"""Results as files for other tools: CSV, HdrHistogram logs, pyperf's JSON."""
