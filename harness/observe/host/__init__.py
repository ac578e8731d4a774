"""Facts of the host: kernel, CPUs, versions, environment, noise."""
