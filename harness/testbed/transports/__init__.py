"""Transports: how nginx reaches the application. To add one, add a file with its `PLUGIN`; `uds_dir.py` is uds-dir."""
