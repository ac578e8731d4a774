"""Arranges the machine: CPUs, directories, processes, a stack that is ready; puts everything back."""
