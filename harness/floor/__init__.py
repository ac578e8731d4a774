"""barehop floor: the bare transport, without nginx and the application, as benchmarks of pyperf."""
