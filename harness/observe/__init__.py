"""Observe a run: counters, CPU time, proofs, facts of the host, doubts."""
