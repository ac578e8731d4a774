"""Arrange the machine: CPUs, directories, processes, a stack that is ready; and put everything back."""
