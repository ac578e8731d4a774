"""Measure the bare transport, without nginx and the application, as pyperf benchmarks."""
