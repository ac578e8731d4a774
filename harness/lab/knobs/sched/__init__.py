"""Knobs of the scheduler, for the servers or for the whole machine."""
