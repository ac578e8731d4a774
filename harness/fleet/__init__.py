"""Many hosts: sends an experiment to dask workers, one run a host at a time, and brings the results back."""
