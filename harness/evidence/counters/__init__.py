"""Reads what the kernel counts: of processes, of a network namespace, of the whole machine."""
