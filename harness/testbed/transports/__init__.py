"""Transports: how nginx reaches the application. One per file: docstring (help) and `PLUGIN`; uds_dir.py is uds-dir."""
