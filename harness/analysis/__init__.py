"""Turn records into effects with intervals, verdicts and causes; without side effects."""
