"""The results directory: files that are whole or absent, read back only where they belong to the run."""
