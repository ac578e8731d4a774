"""Transports, a file each: how nginx reaches the application."""
