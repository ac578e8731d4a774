"""Reads what is seen: counters, proofs, doubts, the results directory."""
