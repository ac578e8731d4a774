"""The pure room that turns records into estimates, intervals and verdicts."""
